/* spirv.c - a reader of the few SPIR-V instructions that say what a compute shader needs of a device, and the writer of one.
 *
 * Source: SPIR-V specification, sections 2.3 (layout) and 3 (numbers). Every index is checked: bundles are untrusted. */
#include "backend/spirv.h"
#include "backend/spirv_words.h"

#define MAX_DEPTH 32                  /* of nested types and constants; real ones have a few */
#define MAX_STEPS (UINT32_C(1) << 20) /* types and constants looked at, however often; real modules need hundreds */
#define NONE UINT32_MAX

struct id {
    const uint32_t *op; /* first word of the instruction that defines it; NULL: none of those above */
    uint32_t words;
    uint32_t spec_id, binding, stride;
    uint32_t last_offset, last_member; /* of a struct: the member that ends last */
    bool workgroup_size;
};

struct reader {
    struct id *ids; /* [owned] */
    uint32_t bound;
    const struct tuff_plan_spec *specs; /* [borrowed] */
    uint32_t spec_count;
    uint32_t *steps; /* [borrowed] left of MAX_STEPS: types nested in types a few deep are endless work otherwise */
};

static bool step(const struct reader *reader)
{
    if (!*reader->steps) return false;
    --*reader->steps;
    return true;
}

static const struct id *get(const struct reader *reader, uint32_t id)
{
    return id < reader->bound ? &reader->ids[id] : NULL;
}

static uint32_t opcode(const struct id *id) { return id && id->op ? id->op[0] & 0xffff : 0; }

static uint64_t apply(uint32_t operation, uint64_t a, uint64_t b, uint64_t c)
{
    switch (operation) {
    case 128: return a + b; /* IAdd */
    case 130: return a - b; /* ISub */
    case 132: return a * b; /* IMul */
    case 134:
    case 135: return b ? a / b : 0; /* UDiv, SDiv */
    case 137:
    case 139: return b ? a % b : 0; /* UMod, SMod */
    case 169: return a ? b : c;     /* Select */
    case 170: return a == b;        /* IEqual */
    case 171: return a != b;        /* INotEqual */
    case 172:
    case 173: return a > b; /* greater than */
    case 174:
    case 175: return a >= b;
    case 176:
    case 177: return a < b;
    case 178:
    case 179: return a <= b;
    case 194: return b < 32 ? (a & 0xffffffff) >> b : 0; /* shift right */
    case 196: return b < 32 ? a << b : 0;
    case 197: return a | b;
    case 198: return a ^ b;
    case 199: return a & b;
    default: return 0;
    }
}

/* Value of an integer constant, 0 where it is of another kind. */
static uint64_t constant(const struct reader *reader, uint32_t number, int depth)
{
    const struct id *id = get(reader, number);
    if (depth > MAX_DEPTH || !step(reader) || !id || !id->op || id->words < 4) return 0;
    if (opcode(id) == OP_SPEC_CONSTANT && id->spec_id != NONE)
        for (uint32_t i = 0; i < reader->spec_count; i++)
            if (reader->specs[i].id == id->spec_id) return reader->specs[i].value;
    if (opcode(id) == OP_CONSTANT || opcode(id) == OP_SPEC_CONSTANT) return id->op[3];
    if (opcode(id) != OP_SPEC_CONSTANT_OP) return 0;
    uint64_t operands[3] = {0};
    for (uint32_t i = 0; i < 3 && i + 4 < id->words; i++) operands[i] = constant(reader, id->op[4 + i], depth + 4);
    return apply(id->op[3], operands[0], operands[1], operands[2]) & 0xffffffff;
}

static uint64_t mul(uint64_t a, uint64_t b) { return b && a > UINT64_MAX / 4 / b ? UINT64_MAX / 4 : a * b; }

static uint64_t size_of(const struct reader *reader, uint32_t number, int depth)
{
    const struct id *id = get(reader, number);
    uint64_t sum = 0;
    if (depth > MAX_DEPTH || !step(reader) || !id || !id->op) return 0;
    switch (opcode(id)) {
    case OP_TYPE_BOOL: return 4;
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT: return id->words > 2 ? id->op[2] / 8 : 0;
    case OP_TYPE_VECTOR:
    case OP_TYPE_MATRIX: return id->words > 3 ? mul(size_of(reader, id->op[2], depth + 1), id->op[3]) : 0;
    case OP_TYPE_ARRAY:
        if (id->words < 4) return 0;
        return mul(id->stride ? id->stride : size_of(reader, id->op[2], depth + 1), constant(reader, id->op[3], 0));
    case OP_TYPE_STRUCT:
        for (uint32_t i = 2; i < id->words && sum < UINT64_MAX / 4; i++) sum += size_of(reader, id->op[i], depth + 8);
        return sum;
    default: return 0;
    }
}

static void decorate(struct reader *reader, const uint32_t *op, uint32_t words)
{
    struct id *id = words > 3 && op[1] < reader->bound ? &reader->ids[op[1]] : NULL;
    if (!id) return;
    if (op[2] == SPEC_ID) id->spec_id = op[3];
    if (op[2] == BINDING) id->binding = op[3];
    if (op[2] == ARRAY_STRIDE) id->stride = op[3];
    if (op[2] == BUILTIN && op[3] == WORKGROUP_SIZE) id->workgroup_size = true;
}

static void decorate_member(struct reader *reader, const uint32_t *op, uint32_t words)
{
    if (words < 5 || op[1] >= reader->bound || op[3] != OFFSET) return;
    struct id *id = &reader->ids[op[1]];
    if (op[4] < id->last_offset) return;
    id->last_offset = op[4];
    id->last_member = op[2];
}

static bool has_capability(const struct tuff_caps *caps, uint32_t capability)
{
    if (capability >= 6016 && capability <= 6019) return caps->integer_dot_product; /* DotProduct.. */
    switch (capability) {
    case 9: return caps->f16_arithmetic;        /* Float16 */
    case 10: return caps->f64_arithmetic;       /* Float64 */
    case 11: return caps->i64_arithmetic;       /* Int64 */
    case 22: return caps->i16_arithmetic;       /* Int16 */
    case 39: return caps->i8_arithmetic;        /* Int8 */
    case 61: return caps->subgroup_basic;       /* GroupNonUniform */
    case 63: return caps->subgroup_arithmetic;  /* GroupNonUniformArithmetic */
    case 64: return caps->subgroup_ballot;      /* GroupNonUniformBallot */
    case 65: return caps->subgroup_shuffle;     /* GroupNonUniformShuffle */
    case 4433: return caps->f16_storage;        /* StorageBuffer16BitAccess */
    case 4448: return caps->i8_storage;         /* StorageBuffer8BitAccess */
    case 4466: return caps->keeps_nan;          /* SignedZeroInfNanPreserve */
    case 5116: return caps->bfloat16;           /* BFloat16TypeKHR */
    case 5347: return caps->device_address;     /* PhysicalStorageBufferAddresses */
    case 6022: return caps->cooperative_matrix; /* CooperativeMatrixKHR */
    default: return true;
    }
}

/* Instructions that define ids or decorate them; the rest of the module is passed over. */
static void index_instruction(struct reader *reader, const uint32_t *op, uint32_t words)
{
    const uint32_t code = op[0] & 0xffff;
    bool type = (code >= OP_TYPE_BOOL && code <= OP_TYPE_MATRIX) || code == OP_TYPE_ARRAY || code == OP_TYPE_STRUCT ||
                code == OP_TYPE_POINTER;
    bool value = code == OP_CONSTANT || code == OP_CONSTANT_COMPOSITE || code == OP_VARIABLE ||
                 (code >= OP_SPEC_CONSTANT && code <= OP_SPEC_CONSTANT_OP);
    if (code == OP_DECORATE) decorate(reader, op, words);
    if (code == OP_MEMBER_DECORATE) decorate_member(reader, op, words);
    uint32_t result = type && words > 1 ? op[1] : value && words > 2 ? op[2] : NONE;
    if (result >= reader->bound) return;
    reader->ids[result].op = op;
    reader->ids[result].words = words;
}

/* Size of the block behind a pointer: the end of its last member. */
static uint64_t block_bytes(const struct reader *reader, const struct id *pointer)
{
    const struct id *block = pointer->words > 3 ? get(reader, pointer->op[3]) : NULL;
    if (opcode(block) != OP_TYPE_STRUCT || block->last_member + 2 >= block->words) return 0;
    return block->last_offset + size_of(reader, block->op[2 + block->last_member], 0);
}

static void note_binding(const struct id *variable, struct tuff_spirv_info *info)
{
    if (variable->binding != NONE && variable->binding >= info->binding_end) info->binding_end = variable->binding + 1;
}

static void read_variable(const struct reader *reader, const struct id *variable, struct tuff_spirv_info *info)
{
    const struct id *pointer = get(reader, variable->op[1]);
    if (variable->words < 4 || opcode(pointer) != OP_TYPE_POINTER || pointer->words < 4) return;
    switch (variable->op[3]) {
    case CLASS_WORKGROUP:
        if (info->shared_bytes < UINT64_MAX / 4) info->shared_bytes += size_of(reader, pointer->op[3], 0); /* no wrap */
        break;
    case CLASS_PUSH_CONSTANT: info->push_bytes = block_bytes(reader, pointer); break;
    case CLASS_UNIFORM_CONSTANT: /* kernels have no images but texel buffers */
        if (variable->binding < 32) info->texels |= UINT32_C(1) << variable->binding;
        note_binding(variable, info);
        break;
    case CLASS_UNIFORM:
        if (variable->binding == TUFF_PLAN_NUMBERS_BINDING)
            info->number_bytes = block_bytes(reader, pointer);
        else
            note_binding(variable, info);
        break;
    case CLASS_STORAGE_BUFFER: note_binding(variable, info); break;
    default: break;
    }
}

/* A constant decorated as the workgroup size overrides the execution mode. */
static void read_ids(const struct reader *reader, struct tuff_spirv_info *info)
{
    for (uint32_t i = 0; i < reader->bound; i++) {
        const struct id *id = &reader->ids[i];
        if (opcode(id) == OP_VARIABLE) read_variable(reader, id, info);
        if (!id->workgroup_size || !id->op || id->words < 6) continue;
        for (int k = 0; k < 3; k++) info->local_size[k] = (uint32_t)constant(reader, id->op[3 + k], 0);
    }
}

static bool index_module(struct reader *reader, const uint32_t *words, size_t count, const struct tuff_caps *caps,
                         struct tuff_spirv_info *info)
{
    for (size_t at = HEADER_WORDS; at < count;) {
        uint32_t length = words[at] >> 16;
        if (!length || length > count - at) return false;
        index_instruction(reader, words + at, length);
        if ((words[at] & 0xffff) == OP_CAPABILITY && length > 1 && !info->missing_capability &&
            !has_capability(caps, words[at + 1]))
            info->missing_capability = words[at + 1];
        at += length;
    }
    return true;
}

static void read_modes(const struct reader *reader, const uint32_t *words, size_t count, struct tuff_spirv_info *info)
{
    for (size_t at = HEADER_WORDS; at < count; at += words[at] >> 16) {
        uint32_t op = words[at] & 0xffff, length = words[at] >> 16;
        if (length < 6) continue;
        for (int k = 0; k < 3; k++) {
            if (op == OP_EXECUTION_MODE && words[at + 2] == MODE_LOCAL_SIZE) info->local_size[k] = words[at + 3 + k];
            if (op == OP_EXECUTION_MODE_ID && words[at + 2] == MODE_LOCAL_SIZE_ID)
                info->local_size[k] = (uint32_t)constant(reader, words[at + 3 + k], 0);
        }
    }
}

tuff_status tuff_spirv_read(struct tuff_context *context, const uint32_t *words, size_t count,
                            const struct tuff_plan_spec *specs, uint32_t spec_count, const struct tuff_caps *caps,
                            struct tuff_spirv_info *info, struct tuff_error *error)
{
    uint32_t steps = MAX_STEPS;
    struct reader reader = {.specs = specs, .spec_count = spec_count, .steps = &steps};
    struct tuff_spirv_info found = {.local_size = {1, 1, 1}};
    bool header = count >= HEADER_WORDS && words[0] == MAGIC && words[3] < MAX_BOUND;
    if (!header || words[3] > count * 4 + 1024) /* ids have holes after optimizers */
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "not a SPIR-V module");
    reader.bound = words[3];
    reader.ids = tuff_alloc(context, reader.bound * sizeof *reader.ids);
    if (!reader.ids) return tuff_fail_memory(context, error);
    for (uint32_t i = 0; i < reader.bound; i++) reader.ids[i].spec_id = reader.ids[i].binding = NONE;
    bool good = index_module(&reader, words, count, caps, &found);
    if (good) {
        read_modes(&reader, words, count, &found);
        read_ids(&reader, &found);
    }
    tuff_free(context, reader.ids);
    if (!good) return tuff_fail(context, error, TUFF_ERR_FORMAT, "a SPIR-V instruction ends beyond its module");
    if (!steps) return tuff_fail(context, error, TUFF_ERR_FORMAT, "the types of a SPIR-V module are nested without end");
    *info = found;
    return TUFF_OK;
}

struct writer {
    uint32_t *words;
    size_t count;
};

static void put(struct writer *writer, const uint32_t *words, size_t count)
{
    memcpy(writer->words + writer->count, words, count * sizeof *words);
    writer->count += count;
}

static void put_mode(struct writer *writer, uint32_t entry, uint32_t bits)
{
    put(writer, (const uint32_t[]){4u << 16 | OP_EXECUTION_MODE, entry, MODE_KEEP_NAN, bits}, 4);
}

/* The layout of a module (section 2.4) has capabilities first, then extensions; execution modes follow the entry points. */
static bool copy_declared(const uint32_t *words, size_t count, bool f16, struct writer *out)
{
    static const uint32_t capability[] = {2u << 16 | OP_CAPABILITY, CAPABILITY_KEEP_NAN};
    static const char name[24] = "SPV_KHR_float_controls";
    uint32_t extension[1 + sizeof name / 4] = {(1 + sizeof name / 4) << 16 | OP_EXTENSION}, entry = NONE;
    bool declared = false, computes = false, past = false;
    memcpy(extension + 1, name, sizeof name);
    put(out, words, HEADER_WORDS);
    for (size_t at = HEADER_WORDS; at < count;) {
        uint32_t op = words[at] & 0xffff, length = words[at] >> 16;
        if (!length || length > count - at) return false;
        if (op == OP_CAPABILITY && length > 1) {
            declared = declared || words[at + 1] == CAPABILITY_KEEP_NAN;
            computes = computes || words[at + 1] == CAPABILITY_FLOAT16;
        } else if (!past) {
            past = true;
            if (!declared) put(out, capability, TUFF_COUNT(capability));
            if (!declared) put(out, extension, TUFF_COUNT(extension));
        }
        if (op != OP_ENTRY_POINT && entry != NONE && !declared) {
            put_mode(out, entry, 32);
            if (f16 && computes) put_mode(out, entry, 16);
            declared = true;
        }
        if (op == OP_ENTRY_POINT && length > 2) entry = words[at + 2];
        put(out, words + at, length);
        at += length;
    }
    return true;
}

tuff_status tuff_spirv_keep_nan(struct tuff_context *context, const uint32_t *words, size_t count, bool f16, uint32_t **out,
                                size_t *out_count, struct tuff_error *error)
{
    struct writer writer = {.words = tuff_alloc(context, (count + 2 + 7 + 2 * 4) * sizeof *words)}; /* what it may add */
    if (!writer.words) return tuff_fail_memory(context, error);
    if (count < HEADER_WORDS || !copy_declared(words, count, f16, &writer)) {
        tuff_free(context, writer.words);
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "a SPIR-V instruction ends beyond its module");
    }
    *out = writer.words;
    *out_count = writer.count;
    return TUFF_OK;
}

tuff_status tuff_spirv_give(struct tuff_context *context, const uint32_t *words, size_t count, uint32_t **out,
                            size_t *out_count, struct tuff_error *error)
{
    uint32_t *copy = tuff_alloc(context, count * sizeof *copy);
    if (!copy) return tuff_fail_memory(context, error);
    memcpy(copy, words, count * sizeof *copy);
    *out = copy;
    *out_count = count;
    return TUFF_OK;
}
