/* probe.c - programs that measure what a device can do at most: arithmetic, memory, launches, submissions.
 *
 * Owns struct probe. Each family of kinds says three things: the plan, each word of the input, each word that the output
 * must hold. All arithmetic is exact, so the check is one comparison of words. The kernels are those of shaders/ beside it, compiled
 * when Tuff was built, so that a peak depends on no compiler of the day. One thread at a time. */
#include "probe.h"

#include "probe_matrix.h"

#include "backend/program.h"
#include "backend/spirv.h"

enum chain_type { CHAIN_F32, CHAIN_F16, CHAIN_I8 };
enum {
    CHAIN_LANES = 16,  /* kinds of invocations; these and the next are those of probe_chain.comp */
    CHAIN_FIELDS = 32, /* of which the first 8 are operands, the rest starts */
    CHAIN_PAIRS = 16,
    CHAIN_TURN = 50,
    STREAM_BLOCKS = 8, /* of 4 words that an invocation of probe_stream.comp reads */
    LAUNCH_WORDS = TUFF_PLAN_ALIGNMENT / 4,
    CHUNK_WORDS = 1 << 16, /* written and read at a time */
    VARIANTS = 3
};

struct kind;
struct probe {
    struct tuff_device *device;   /* [retained] */
    struct tuff_program *program; /* [owned] */
    struct tuff_buffer *in, *out; /* [owned] */
    const struct kind *kind;
    struct probe_module *module; /* [owned] of a matrix, else NULL */
    struct probe_shape shape;
    struct probe_work work;
    uint64_t bytes;     /* of each buffer of a stream */
    uint64_t out_words; /* that the output holds; its buffer may be longer */
    uint32_t rounds, workgroup;
    uint32_t *table; /* [owned] output that repeats */
    uint32_t table_count;
};

struct family {
    tuff_status (*plan)(struct probe *probe, struct tuff_plan *plan, struct tuff_error *error);
    uint32_t (*input)(const struct probe *probe, uint64_t word);
    uint32_t (*output)(const struct probe *probe, uint64_t word);
};
struct kind {
    const char *name;
    const struct family *family;
    const char *defines;
    uint32_t chains;      /* of an invocation or subgroup; LAUNCH: 1 when dependent; COPY: blocks of 4 words */
    enum chain_type type; /* of chains */
    uint32_t operations;  /* of one step of a chain in one invocation */
    bool texels;          /* of COPY and READ: the input is read as texels */
};

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Any word, the same for the same index. Source: Ellis, "lowbias32". */
static uint32_t scramble(uint32_t x)
{
    x = (x ^ x >> 16) * UINT32_C(0x7feb352d);
    x = (x ^ x >> 15) * UINT32_C(0x846ca68b);
    return x ^ x >> 16;
}

static bool is_software(const struct probe *probe) { return probe->device->caps.kind == TUFF_DEVICE_SOFTWARE; }

/* A count of results, each of so many bytes, that a binding holds: this one, or a half, a quarter .. of it. */
static uint32_t at_most(const struct probe *probe, uint32_t count, uint64_t bytes)
{
    while (count > 1 && count * bytes > probe->device->caps.max_storage_range) count /= 2;
    return count;
}

static uint32_t from_table(const struct probe *probe, uint64_t word) { return probe->table[word % probe->table_count]; }

static tuff_status make_table(struct probe *probe, uint32_t count, struct tuff_error *error)
{
    probe->table = tuff_alloc(probe->device->context, count * sizeof *probe->table);
    probe->table_count = count;
    return probe->table ? TUFF_OK : tuff_fail_memory(probe->device->context, error);
}

/* ---- plans --------------------------------------------------------------------------------------------------------------------------- */

/* A range behind the others of its memory. */
static tuff_status add_slot(struct tuff_plan *plan, enum tuff_memory memory, uint64_t bytes, uint32_t *index,
                            struct tuff_error *error)
{
    struct tuff_plan_slot slot = {.name = tuff_memory_name(memory), .bytes = bytes};
    *index = tuff_plan_place(plan, &slot, memory, UINT64_MAX) ? tuff_plan_add_slot(plan, &slot) : UINT32_MAX;
    return *index == UINT32_MAX ? tuff_fail_memory(plan->arena.context, error) : TUFF_OK;
}

struct launch {
    const char *file;
    uint32_t groups, size;                /* size: of a workgroup, the kernel's constant 0; 0: it has none */
    uint32_t words[2], word_count;        /* pushed */
    struct tuff_plan_binding bindings[3]; /* those without access are none */
    uint64_t flops;
};

/* Rows of cmake/shader.cmake. That of matrices is a kernel without a text: its words are written for the device. */
static const struct tuff_kernel_source sources[] = {
#include "probes/sources.inc"
    {"probe_matrix", "// tuff: full-subgroups"}};
static const struct tuff_built_kernel built[] = {
#include "probes/built.inc"
};

static const struct tuff_kernel_source *source_of(const char *file)
{
    size_t i = 0;
    while (strcmp(sources[i].name, file) != 0) i++; /* all files of this one are there */
    return &sources[i];
}

static tuff_status add_launch(const struct probe *probe, struct tuff_plan *plan, const struct launch *l,
                              struct tuff_error *error)
{
    struct tuff_plan_kernel kernel = {
        .file = l->file, .own = source_of(l->file), .defines = probe->kind->defines, .hooks = ""};
    const struct tuff_plan_spec size = {.id = 0, .value = l->size};
    struct tuff_plan_launch launch = {.label = probe->kind->name, .groups = {l->groups, 1, 1}, .flops = l->flops};
    uint32_t count = l->bindings[2].access ? 3 : 2;
    launch.kernel = tuff_plan_add_kernel(plan, &kernel, &size, l->size != 0);
    if (launch.kernel == UINT32_MAX ||
        tuff_plan_add_launch(plan, &launch, l->bindings, count, l->words, l->word_count) == UINT32_MAX)
        return tuff_fail_memory(plan->arena.context, error);
    return TUFF_OK;
}

/* ---- chains -------------------------------------------------------------------------------------------------------------------------- */

static uint32_t chain_input(const struct probe *probe, uint64_t word)
{
    uint32_t lane = (uint32_t)word / CHAIN_FIELDS, field = word % CHAIN_FIELDS;
    const float b0 = (float)(2 * (1 + lane % 7));
    const float fields[] = {2, b0, 0.5f, -b0 / 2 + 1, -b0 / 2 - 1, 0, 0, 0};
    if (probe->kind->type == CHAIN_I8) return scramble((uint32_t)word);
    return bits_of(field < TUFF_COUNT(fields) ? fields[field] : (float)(field - TUFF_COUNT(fields) + lane));
}

/* Up for TURN rounds, down for as many. */
static float chain_float(uint32_t rounds, uint32_t lane, uint32_t chain)
{
    uint32_t phase = rounds % (2 * CHAIN_TURN);
    if (phase > CHAIN_TURN) phase = 2 * CHAIN_TURN - phase;
    return (float)(lane % CHAIN_LANES + chain + CHAIN_PAIRS * phase);
}

static uint32_t dot_4x8(uint32_t a, uint32_t b)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < 32; i += 8) sum += (int32_t)(int8_t)(a >> i & 255) * (int8_t)(b >> i & 255);
    return (uint32_t)sum;
}

static uint32_t chain_int(const struct probe *probe, uint32_t lane, uint32_t chain)
{
    uint32_t field[CHAIN_FIELDS];
    for (uint32_t i = 0; i < CHAIN_FIELDS; i++) field[i] = chain_input(probe, lane * CHAIN_FIELDS + i);
    uint32_t x = field[8 + chain];
    for (uint32_t round = 0; round < probe->rounds; round++) {
        uint32_t b1 = field[3 + round / CHAIN_TURN % 2];
        for (uint32_t p = 0; p < CHAIN_PAIRS; p++) {
            x = dot_4x8(x, field[0]) + field[1];
            x = dot_4x8(x, field[2]) + b1;
        }
    }
    return x;
}

static uint32_t chain_output(const struct probe *probe, uint32_t lane)
{
    uint32_t whole = 0;
    float sum = 0;
    for (uint32_t k = 0; k < probe->kind->chains; k++) {
        if (probe->kind->type == CHAIN_I8) whole += chain_int(probe, lane, k);
        sum += chain_float(probe->rounds, lane, k);
        if (probe->kind->type == CHAIN_F16) sum += chain_float(probe->rounds, lane + 1, k);
    }
    return probe->kind->type == CHAIN_I8 ? whole : bits_of(sum);
}

/* Several times what runs at once, and no more: an invocation begins by loading its operands, which costs llvmpipe as much as
 * two rounds of bytes, and the fewer there are, the more rounds a run of some length has. */
static uint32_t chain_invocations(enum tuff_device_kind kind)
{
    return kind == TUFF_DEVICE_SOFTWARE ? 1u << 13 : kind == TUFF_DEVICE_INTEGRATED ? 1u << 17 : 1u << 20;
}

static tuff_status chain_plan(struct probe *probe, struct tuff_plan *plan, struct tuff_error *error)
{
    const struct tuff_caps *caps = &probe->device->caps;
    const char *lacks = probe->kind->type == CHAIN_F16 && !caps->f16_arithmetic       ? "f16 arithmetic"
                        : probe->kind->type == CHAIN_I8 && !caps->integer_dot_product ? "integer dot products"
                                                                                      : NULL;
    const uint32_t workgroup = is_software(probe) ? 64 : probe->workgroup;
    const uint32_t invocations = at_most(probe, chain_invocations(caps->kind), sizeof(float));
    const uint64_t in_bytes = CHAIN_LANES * CHAIN_FIELDS * 4, out_bytes = (uint64_t)invocations * 4;
    uint32_t in, out;
    if (lacks) return tuff_fail(probe->device->context, error, TUFF_ERR_UNSUPPORTED, "%s has no %s", caps->name, lacks);
    TUFF_TRY(make_table(probe, CHAIN_LANES, error));
    for (uint32_t i = 0; i < CHAIN_LANES; i++) probe->table[i] = chain_output(probe, i);
    TUFF_TRY(add_slot(plan, TUFF_MEMORY_INPUT, in_bytes, &in, error));
    TUFF_TRY(add_slot(plan, TUFF_MEMORY_OUTPUT, out_bytes, &out, error));
    uint64_t steps = (uint64_t)invocations * probe->rounds * CHAIN_PAIRS * 2 * probe->kind->chains;
    struct launch launch = {.file = "probe_chain",
                            .groups = invocations / workgroup,
                            .size = workgroup,
                            .words = {probe->rounds},
                            .word_count = 1,
                            .bindings = {{.slot = in, .access = TUFF_READ, .offset = 0, .bytes = in_bytes},
                                         {.slot = out, .access = TUFF_WRITE, .offset = 0, .bytes = out_bytes}},
                            .flops = steps * probe->kind->operations};
    return add_launch(probe, plan, &launch, error);
}

/* ---- cooperative matrices ------------------------------------------------------------------------------------------------------------ */

/* -1, 0 or 1 of all a, then all b; their products and sums are exact in any order. */
static int factor(uint64_t index) { return (int)(scramble((uint32_t)index) % 3) - 1; }

static uint64_t all_of_a(const struct probe *probe) /* elements */
{
    return (uint64_t)PROBE_MATRIX_STEPS * probe->shape.m * probe->shape.k;
}

static uint64_t factor_bytes(const struct probe *probe)
{
    return (all_of_a(probe) + (uint64_t)probe->kind->chains * probe->shape.k * probe->shape.n) * 2;
}

static uint64_t start_word(const struct probe *probe) /* where c begins in the input */
{
    return tuff_align(factor_bytes(probe), TUFF_PLAN_ALIGNMENT) / 4;
}

static uint32_t matrix_input(const struct probe *probe, uint64_t word)
{
    static const uint32_t halves[] = {0xbc00, 0, 0x3c00};
    if (word >= start_word(probe)) return bits_of((float)((word - start_word(probe)) % 17));
    return halves[factor(word * 2) + 1] | halves[factor(word * 2 + 1) + 1] << 16;
}

static float matrix_output(const struct probe *probe, uint64_t row, uint64_t column)
{
    const struct probe_shape *s = &probe->shape;
    double sum = 0;
    for (uint64_t c = 0; c < probe->kind->chains; c++) {
        double products = 0; /* of a round */
        for (uint64_t t = 0; t < PROBE_MATRIX_STEPS; t++)
            for (uint64_t k = 0; k < s->k; k++)
                products += factor((t * s->m + row) * s->k + k) * factor(all_of_a(probe) + (c * s->k + k) * s->n + column);
        sum += products * probe->rounds + (double)((c * s->m * s->n + row * s->n + column) % 17);
    }
    return (float)sum;
}

static tuff_status matrix_plan(struct probe *probe, struct tuff_plan *plan, struct tuff_error *error)
{
    struct probe_shape *s = &probe->shape;
    const uint32_t chains = probe->kind->chains;
    uint32_t factors, start, out, lanes = probe->device->caps.subgroup_size;
    TUFF_TRY(probe_matrix_shape(probe->device, s, error));
    uint64_t sum_bytes = (uint64_t)s->m * s->n * 4;
    const uint32_t groups = at_most(probe, is_software(probe) ? 512 : 8192, sum_bytes);
    probe->module = tuff_alloc(probe->device->context, sizeof *probe->module);
    if (!probe->module) return tuff_fail_memory(probe->device->context, error);
    probe_matrix_module(s, lanes, chains, probe->module);
    TUFF_TRY(make_table(probe, s->m * s->n, error));
    for (uint32_t i = 0; i < s->m * s->n; i++) probe->table[i] = bits_of(matrix_output(probe, i / s->n, i % s->n));
    TUFF_TRY(add_slot(plan, TUFF_MEMORY_INPUT, factor_bytes(probe), &factors, error));
    TUFF_TRY(add_slot(plan, TUFF_MEMORY_INPUT, sum_bytes * chains, &start, error));
    TUFF_TRY(add_slot(plan, TUFF_MEMORY_OUTPUT, sum_bytes * groups, &out, error));
    uint64_t products = (uint64_t)groups * probe->rounds * PROBE_MATRIX_STEPS * chains;
    struct launch launch = {.file = "probe_matrix",
                            .groups = groups,
                            .words = {probe->rounds, UINT32_MAX},
                            .word_count = 2,
                            .bindings = {{.slot = factors, .access = TUFF_READ, .offset = 0, .bytes = factor_bytes(probe)},
                                         {.slot = start, .access = TUFF_READ, .offset = 0, .bytes = sum_bytes * chains},
                                         {.slot = out, .access = TUFF_WRITE, .offset = 0, .bytes = sum_bytes * groups}},
                            .flops = products * 2 * s->m * s->n * s->k};
    return add_launch(probe, plan, &launch, error);
}

/* ---- memory -------------------------------------------------------------------------------------------------------------------------- */

static uint32_t stream_input(const struct probe *probe, uint64_t word)
{
    (void)probe;
    return scramble((uint32_t)word);
}

static uint32_t copy_output(const struct probe *probe, uint64_t word)
{
    return stream_input(probe, word) + probe->rounds - 1;
}

static uint32_t read_output(const struct probe *probe, uint64_t word)
{
    uint64_t group = word / probe->workgroup, lane = word % probe->workgroup;
    uint32_t sum = probe->rounds - 1;
    for (uint64_t i = 0; i < STREAM_BLOCKS; i++)
        for (uint64_t k = 0; k < 4; k++)
            sum += stream_input(probe, ((group * STREAM_BLOCKS + i) * probe->workgroup + lane) * 4 + k);
    return sum;
}

/* Whole workgroups of one binding, one dimension of workgroups. */
static uint64_t stream_bytes(const struct probe *probe, uint32_t blocks)
{
    const struct tuff_caps *caps = &probe->device->caps;
    const uint64_t unit = (uint64_t)probe->workgroup * blocks * 16;
    const uint64_t available = tuff_device_available(probe->device) / 4;
    uint64_t bytes = probe->bytes ? probe->bytes : UINT64_C(256) << 20, most = caps->max_storage_range;
    if (!probe->bytes && bytes > available) bytes = available;
    if (most > caps->max_allocation_bytes) most = caps->max_allocation_bytes;
    if (probe->kind->texels && most > (uint64_t)caps->max_texels * TUFF_TEXEL_BYTES)
        most = (uint64_t)caps->max_texels * TUFF_TEXEL_BYTES;
    if (most > unit * caps->max_workgroup_count[0]) most = unit * caps->max_workgroup_count[0];
    if (bytes > most) bytes = most;
    return bytes < unit ? unit : bytes / unit * unit;
}

/* Launches write the same range, with a barrier between: the last one's words stay. */
static tuff_status stream_plan(struct probe *probe, struct tuff_plan *plan, struct tuff_error *error)
{
    const bool reads = probe->kind->family->output == read_output;
    const uint32_t blocks = reads ? STREAM_BLOCKS : probe->kind->chains; /* of an invocation */
    const uint32_t texels = probe->kind->texels ? TUFF_TEXELS_U32 : TUFF_TEXELS_NONE;
    uint32_t in, out;
    if (texels && !(probe->device->caps.driver_effects & TUFF_DRIVER_READS_TEXELS))
        return tuff_fail(probe->device->context, error, TUFF_ERR_UNSUPPORTED, "%s has no reads by texel buffers in Tuff",
                         probe->device->caps.name);
    probe->bytes = stream_bytes(probe, blocks);
    uint64_t out_bytes = reads ? probe->bytes / 16 / blocks * 4 : probe->bytes;
    TUFF_TRY(add_slot(plan, TUFF_MEMORY_INPUT, probe->bytes, &in, error));
    TUFF_TRY(add_slot(plan, TUFF_MEMORY_OUTPUT, out_bytes, &out, error));
    for (uint32_t i = 0; i < probe->rounds; i++) {
        struct launch launch = {.file = "probe_stream",
                                .groups = (uint32_t)(probe->bytes / 16 / blocks / probe->workgroup),
                                .size = probe->workgroup,
                                .words = {i},
                                .word_count = 1,
                                .bindings = {{.slot = in, .access = TUFF_READ, .bytes = probe->bytes, .texels = texels},
                                             {.slot = out, .access = TUFF_WRITE, .offset = 0, .bytes = out_bytes}}};
        TUFF_TRY(add_launch(probe, plan, &launch, error));
    }
    probe->work.bytes = (probe->bytes + out_bytes) * probe->rounds;
    return TUFF_OK;
}

/* ---- launches and submissions -------------------------------------------------------------------------------------------------------- */

static uint32_t launch_input(const struct probe *probe, uint64_t word)
{
    (void)probe;
    return word % LAUNCH_WORDS ? 0 : scramble((uint32_t)word);
}

static uint32_t launch_output(const struct probe *probe, uint64_t word)
{
    if (word % LAUNCH_WORDS) return 0;
    return probe->kind->chains ? launch_input(probe, 0) + (uint32_t)(word / LAUNCH_WORDS) + 1
                               : launch_input(probe, word) + 1;
}

static tuff_status launch_plan(struct probe *probe, struct tuff_plan *plan, struct tuff_error *error)
{
    const uint64_t bytes = (uint64_t)probe->rounds * TUFF_PLAN_ALIGNMENT;
    uint32_t in, out;
    TUFF_TRY(add_slot(plan, TUFF_MEMORY_INPUT, bytes, &in, error));
    TUFF_TRY(add_slot(plan, TUFF_MEMORY_OUTPUT, bytes, &out, error));
    for (uint32_t i = 0; i < probe->rounds; i++) {
        uint64_t at = (uint64_t)i * TUFF_PLAN_ALIGNMENT;
        struct launch launch = {.file = "probe_launch",
                                .groups = 1,
                                .bindings = {{.slot = in, .access = TUFF_READ, .offset = at, .bytes = 4},
                                             {.slot = out, .access = TUFF_WRITE, .offset = at, .bytes = 4}}};
        if (probe->kind->chains && i)
            launch.bindings[0] = (struct tuff_plan_binding){
                .slot = out, .access = TUFF_READ, .offset = at - TUFF_PLAN_ALIGNMENT, .bytes = 4};
        TUFF_TRY(add_launch(probe, plan, &launch, error));
    }
    return TUFF_OK;
}

static tuff_status submit_plan(struct probe *probe, struct tuff_plan *plan, struct tuff_error *error)
{
    (void)probe, (void)plan, (void)error;
    return TUFF_OK;
}

/* ---- the kinds ----------------------------------------------------------------------------------------------------------------------- */

static const struct family chain = {chain_plan, chain_input, from_table}, matrix = {matrix_plan, matrix_input, from_table},
                           copying = {stream_plan, stream_input, copy_output},
                           reading = {stream_plan, stream_input, read_output},
                           launching = {launch_plan, launch_input, launch_output}, submitting = {submit_plan, NULL, NULL};

/* The -D sets are those of the files' variants. */
#define READ "#define PROBE_READ 1\n"
#define TEXELS "#define PROBE_TEXELS 1\n"
#define COPY(blocks) "#define PROBE_READ 0\n#define PROBE_BLOCKS " #blocks "\n"
#define CHAIN(type, chains) "#define PROBE_TYPE " #type "\n#define PROBE_CHAINS " #chains "\n"
static const struct kind kinds[PROBE_COUNT][VARIANTS] = {
    [PROBE_F32] = {{"f32/independent", &chain, CHAIN(0, 12), 12, CHAIN_F32, 2, false},
                   {"f32/independent", &chain, CHAIN(0, 8), 8, CHAIN_F32, 2, false},
                   {"f32/independent", &chain, CHAIN(0, 4), 4, CHAIN_F32, 2, false}},
    [PROBE_F32_DEPENDENT] = {{"f32/dependent", &chain, CHAIN(0, 1), 1, CHAIN_F32, 2, false}},
    [PROBE_F16] = {{"f16/independent", &chain, CHAIN(1, 4), 4, CHAIN_F16, 4, false},
                   {"f16/independent", &chain, CHAIN(1, 8), 8, CHAIN_F16, 4, false}},
    [PROBE_F16_DEPENDENT] = {{"f16/dependent", &chain, CHAIN(1, 1), 1, CHAIN_F16, 4, false}},
    [PROBE_I8_DOT] = {{"i8dot/independent", &chain, CHAIN(2, 8), 8, CHAIN_I8, 8, false},
                      {"i8dot/independent", &chain, CHAIN(2, 4), 4, CHAIN_I8, 8, false}},
    [PROBE_I8_DOT_DEPENDENT] = {{"i8dot/dependent", &chain, CHAIN(2, 1), 1, CHAIN_I8, 8, false}},
    [PROBE_MATRIX] = {{"coopmat-f16/independent", &matrix, "", 2, CHAIN_F16, 0, false}},
    [PROBE_MATRIX_DEPENDENT] = {{"coopmat-f16/dependent", &matrix, "", 1, CHAIN_F16, 0, false}},
    [PROBE_COPY] = {{.name = "copy", .family = &copying, .defines = COPY(1), .chains = 1},
                    {.name = "copy", .family = &copying, .defines = COPY(4), .chains = 4},
                    {.name = "copy", .family = &copying, .defines = COPY(1) TEXELS, .chains = 1, .texels = true}},
    [PROBE_READ] = {{.name = "read", .family = &reading, .defines = READ},
                    {.name = "read", .family = &reading, .defines = READ TEXELS, .texels = true}},
    [PROBE_COPY_STORAGE] = {{.name = "copy/storage", .family = &copying, .defines = COPY(1), .chains = 1},
                            {.name = "copy/storage", .family = &copying, .defines = COPY(4), .chains = 4}},
    [PROBE_COPY_TEXELS] =
        {{.name = "copy/texel", .family = &copying, .defines = COPY(1) TEXELS, .chains = 1, .texels = true}},
    [PROBE_READ_STORAGE] = {{.name = "read/storage", .family = &reading, .defines = READ}},
    [PROBE_READ_TEXELS] = {{.name = "read/texel", .family = &reading, .defines = READ TEXELS, .texels = true}},
    [PROBE_LAUNCH] = {{.name = "launch/independent", .family = &launching, .defines = ""}},
    [PROBE_LAUNCH_DEPENDENT] = {{.name = "launch/dependent", .family = &launching, .defines = "", .chains = 1}},
    [PROBE_SUBMIT] = {{.name = "submit", .family = &submitting, .defines = ""}},
};

const char *probe_name(enum probe_kind kind) { return (unsigned)kind < PROBE_COUNT ? kinds[kind][0].name : "unknown"; }

uint32_t probe_variants(enum probe_kind kind)
{
    uint32_t count = 0;
    while ((unsigned)kind < PROBE_COUNT && count < VARIANTS && kinds[kind][count].name) count++;
    return count;
}

/* ---- the life of a probe ------------------------------------------------------------------------------------------------------------- */

/* The words of the input are written, or those of the output are read and compared. */
static tuff_status for_words(struct probe *probe, uint64_t words, struct probe_found *found, struct tuff_error *error)
{
    const struct family *family = probe->kind->family;
    tuff_status status = TUFF_OK;
    uint32_t *chunk = tuff_alloc(probe->device->context, CHUNK_WORDS * sizeof *chunk);
    if (!chunk) return tuff_fail_memory(probe->device->context, error);
    for (uint64_t first = 0; status == TUFF_OK && first < words; first += CHUNK_WORDS) {
        uint64_t count = words - first < CHUNK_WORDS ? words - first : CHUNK_WORDS;
        for (uint64_t i = 0; !found && i < count; i++) chunk[i] = family->input(probe, first + i);
        status = found ? tuff_buffer_read(probe->out, first * 4, chunk, count * 4, error)
                       : tuff_buffer_write(probe->in, first * 4, chunk, count * 4, error);
        for (uint64_t i = 0; found && status == TUFF_OK && i < count; i++)
            found->wrong += chunk[i] != family->output(probe, first + i);
        if (found) found->compared += count;
    }
    tuff_free(probe->device->context, chunk);
    return status;
}

/* The compiler of a probe: gives what is there already. */
static tuff_status give(void *user, struct tuff_context *context, const char *name, const char *source, const char *preamble,
                        uint32_t **spirv, size_t *words, struct tuff_error *error)
{
    const struct probe *probe = user;
    (void)source, (void)preamble;
    if (probe->module) return tuff_spirv_give(context, probe->module->words, probe->module->count, spirv, words, error);
    for (size_t i = 0; i < TUFF_COUNT(built); i++)
        if (!strcmp(built[i].file, name) && !strcmp(built[i].defines, probe->kind->defines))
            return tuff_spirv_give(context, built[i].spirv, built[i].words, spirv, words, error);
    return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "%s.comp has no variant %s", name, probe->kind->defines);
}

static tuff_status make_program(struct probe *probe, const struct tuff_plan *plan, struct tuff_error *error)
{
    struct tuff_device *device = probe->device;
    const struct tuff_compiler compiler = {.struct_size = sizeof compiler,
                                           .user = probe,
                                           .version = probe->module ? probe->module->version : "built",
                                           .compile = give};
    uint64_t in_bytes = tuff_plan_kind_bytes(plan, TUFF_MEMORY_INPUT);
    uint64_t out_bytes = tuff_plan_kind_bytes(plan, TUFF_MEMORY_OUTPUT);
    if (in_bytes) {
        TUFF_TRY(tuff_buffer_create(device, in_bytes, false, "probe input", &probe->in, error));
        TUFF_TRY(tuff_buffer_create(device, out_bytes, true, "probe output", &probe->out, error));
        TUFF_TRY(for_words(probe, in_bytes / 4, NULL, error));
    }
    struct tuff_buffer *const memory[] = {probe->in, probe->out}; /* as the families add their slots */
    const struct tuff_program_params params = {
        .struct_size = sizeof params, .plan = plan, .memory = memory, .compiler = &compiler, .timed = true};
    return tuff_program_create(device, &params, &probe->program, error);
}

static tuff_status build(struct probe *probe, struct tuff_error *error)
{
    struct tuff_plan plan;
    tuff_plan_init(&plan, probe->device->context);
    tuff_status status = probe->kind->family->plan(probe, &plan, error);
    if (status == TUFF_OK) {
        tuff_plan_place_barriers(&plan);
        probe->work.launches = plan.launch_count;
        probe->out_words = plan.slot_count ? plan.slots[plan.slot_count - 1].bytes / 4 : 0; /* plans add it last */
        for (uint32_t i = 0; i < plan.launch_count; i++) probe->work.flops += plan.launches[i].flops;
        status = make_program(probe, &plan, error);
    }
    tuff_plan_finish(&plan);
    return status;
}

tuff_status probe_create(struct tuff_device *device, const struct probe_params *params, struct probe **probe,
                         struct tuff_error *error)
{
    TUFF_REQUIRE_THAT(device->context, error, params->variant < probe_variants(params->kind),
                      "variant is beyond probe_variants of this kind");
    TUFF_REQUIRE_THAT(device->context, error, params->rounds <= PROBE_MAX_ROUNDS, "rounds are more than PROBE_MAX_ROUNDS");
    struct probe *made = tuff_alloc(device->context, sizeof *made);
    if (!made) return tuff_fail_memory(device->context, error);
    made->device = device;
    tuff_device_retain(device);
    made->kind = &kinds[params->kind][params->variant];
    made->rounds = params->rounds ? (uint32_t)params->rounds : 1;
    made->bytes = params->bytes;
    made->workgroup = 256;
    while (made->workgroup > device->caps.max_workgroup_invocations) made->workgroup /= 2;
    tuff_status status = build(made, error);
    if (status != TUFF_OK) {
        probe_destroy(made);
        return status;
    }
    *probe = made;
    return TUFF_OK;
}

void probe_destroy(struct probe *probe)
{
    if (!probe) return;
    struct tuff_device *device = probe->device;
    tuff_program_destroy(probe->program);
    tuff_buffer_release(probe->in);
    tuff_buffer_release(probe->out);
    tuff_free(device->context, probe->module);
    tuff_free(device->context, probe->table);
    tuff_free(device->context, probe);
    tuff_device_release(device);
}

struct tuff_program *probe_program(struct probe *probe) { return probe->program; }

struct probe_work probe_work(const struct probe *probe) { return probe->work; }

tuff_status probe_check(struct probe *probe, struct probe_found *found, struct tuff_error *error)
{
    struct probe_found sum = {0};
    TUFF_REQUIRE_THAT(probe->device->context, error, probe->program->ticket, "the probe has not run yet");
    TUFF_TRY(for_words(probe, probe->out_words, &sum, error));
    *found = sum;
    return TUFF_OK;
}
