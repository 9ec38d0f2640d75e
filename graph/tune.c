/* tune.c - tuning files: rows that say which constants of a kernel suit a work on a device, read strictly, found by lowering, and made by
 * measuring. The text:
 *
 *   tuff-tuning 1
 *   device 10005 0 13 1 "llvmpipe (LLVM 15.0.6, 256 bits)"          vendor, device, driver, its version: hexadecimal; name
 *   matmul f32 512x512 f32 512x512 #0 = shuffle 4x2                 operator, operands, hash of its attributes = family, constants
 *
 * A context holds the files it was given as a list that only grows, so that lowering reads without a lock. */
#include "graph/tune.h"
#include "backend/handover.h"
#include "backend/os.h"
#include "graph/session.h"

#include <stdio.h>
#include <stdlib.h>

static const char HEAD[] = "tuff-tuning 1";
enum { LARGEST_FILE = 1 << 22, RUNS = 7, MOST_ROWS = 100000 };

struct row {
    uint64_t device, work; /* hashes */
    struct tuff_way way;
    uint32_t line;
};
struct file { /* in its own arena */
    struct tuff_attached head;
    struct tuff_arena arena;
    struct row *rows; /* sorted by device and work; of equal ones the last in the file alone counts */
    uint32_t count;
    struct file *next;
};

/* ---- texts ---------------------------------------------------------------------------------------------------------------------------- */

static void add_device(struct tuff_text *text, const struct tuff_caps *caps)
{
    tuff_text_add(text, "device %x %x %x %x ", caps->vendor_id, caps->device_id, caps->driver_id, caps->driver_version);
    tuff_text_quote(text, caps->name, TUFF_QUOTE_GRAPH);
}

static uint64_t hash_device(struct tuff_context *context, const struct tuff_caps *caps)
{
    struct tuff_text text = {.context = context};
    add_device(&text, caps);
    uint64_t hash = text.failed ? 0 : tuff_hash(0, text.data, text.length);
    tuff_text_finish(&text);
    return hash;
}

static const char *way_text(const struct tuff_way *way, char out[TUFF_PICK_TEXT])
{
    size_t used = (size_t)snprintf(out, TUFF_PICK_TEXT, "%s ", tuff_family_name(way->family));
    for (uint32_t i = 0; i < TUFF_PICK_CONSTANTS && way->constants[i] && used < TUFF_PICK_TEXT; i++)
        used += (size_t)snprintf(out + used, TUFF_PICK_TEXT - used, i ? "x%u" : "%u", (unsigned)way->constants[i]);
    return out;
}

/* "shuffle 4x2"; false with what is wrong. */
static bool parse_way(const char *text, size_t length, struct tuff_way *way, const char **why)
{
    size_t name = 0, at;
    while (name < length && text[name] != ' ') name++;
    *way = (struct tuff_way){.family = TUFF_FAMILY_COUNT};
    for (uint32_t i = 0; i < TUFF_FAMILY_COUNT; i++)
        if (strlen(tuff_family_name((enum tuff_family)i)) == name &&
            !strncmp(tuff_family_name((enum tuff_family)i), text, name))
            way->family = (enum tuff_family)i;
    *why = "there is no such family of kernels";
    if (way->family == TUFF_FAMILY_COUNT) return false;
    *why = "constants are one to four powers of two up to 256, as 4x2";
    at = name + 1;
    for (uint32_t i = 0; i < TUFF_PICK_CONSTANTS; i++) {
        uint32_t value = 0;
        const size_t first = at;
        while (at < length && text[at] >= '0' && text[at] <= '9' && value <= TUFF_PICK_CONSTANT)
            value = value * 10 + (uint32_t)(text[at++] - '0');
        if (at == first || text[first] == '0' || !value || value > TUFF_PICK_CONSTANT || (value & (value - 1))) return false;
        way->constants[i] = value;
        if (at == length) return true;
        if (text[at++] != 'x') return false;
    }
    return false;
}

/* Operator, types and sizes of the operands, attributes. */
static void work_text(const struct tuff_lower *lower, char out[TUFF_WORK_TEXT])
{
    const struct tuff_value *value = lower->value;
    size_t used = (size_t)snprintf(out, TUFF_WORK_TEXT, "%s", value->op->name);
    for (uint32_t i = 0; i < value->in_count && i < TUFF_COUNT(lower->in); i++) {
        if (!lower->in[i]) continue;
        if (used < TUFF_WORK_TEXT)
            used += (size_t)snprintf(out + used, TUFF_WORK_TEXT - used, " %s ", tuff_dtype_name(lower->in[i]->dtype));
        for (uint32_t d = 0; d < lower->in[i]->shape.rank && used < TUFF_WORK_TEXT; d++)
            used += (size_t)snprintf(out + used, TUFF_WORK_TEXT - used, d ? "x%u" : "%u", lower->in[i]->shape.dim[d]);
    }
    if (used < TUFF_WORK_TEXT)
        snprintf(out + used, TUFF_WORK_TEXT - used, " #%llx",
                 (unsigned long long)(value->attrs ? tuff_attrs_hash(value->op, 0, value->attrs) >> 32 : 0));
}

/* ---- files ---------------------------------------------------------------------------------------------------------------------------- */

static int by_work(const void *a, const void *b)
{
    const struct row *p = a, *q = b;
    if (p->device != q->device) return p->device < q->device ? -1 : 1;
    return p->work < q->work ? -1 : p->work > q->work;
}

/* Of equal works the last in the file comes first. */
static int by_work_and_line(const void *a, const void *b)
{
    const struct row *p = a, *q = b;
    int order = by_work(a, b);
    return order ? order : (q->line > p->line) - (q->line < p->line);
}

static void destroy_file(struct tuff_context *context, struct tuff_attached *attached)
{
    struct file *file = (struct file *)attached;
    while (file) {
        struct file *next = file->next;
        tuff_arena_finish(&file->arena);
        tuff_free(context, file);
        file = next;
    }
}

static tuff_status line_is(struct tuff_context *context, struct tuff_error *error, uint32_t line, const char *why)
{
    return tuff_fail(context, error, TUFF_ERR_FORMAT, "tuning file, line %u: %s", (unsigned)line, why);
}

/* "device 10005 0 13 1 "name"", as tuff_tune writes it. */
static bool is_device(const char *line, size_t length)
{
    size_t at = 7, numbers = 0;
    while (numbers < 4 && at < length) {
        size_t digits = 0;
        while (at < length && tuff_digit_of(line[at]) < 16) at++, digits++;
        if (!digits || digits > 8 || at >= length || line[at++] != ' ') return false;
        numbers++;
    }
    return numbers == 4 && length >= at + 2 && line[at] == '"' && line[length - 1] == '"';
}

static tuff_status parse_line(struct tuff_context *context, struct file *file, const char *line, size_t length,
                              uint32_t number, uint64_t *device, struct tuff_error *error)
{
    const char *why = NULL;
    if (!length || line[0] == '#') return TUFF_OK;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 32) return line_is(context, error, number, "it holds a control character");
    if (length > 7 && !strncmp(line, "device ", 7)) {
        if (!is_device(line, length))
            return line_is(context, error, number, "a device is four hexadecimal numbers and a name in quotes");
        *device = tuff_hash(0, line, length);
        return TUFF_OK;
    }
    size_t equal = 0;
    while (equal + 3 <= length && strncmp(line + equal, " = ", 3) != 0) equal++;
    if (equal + 3 > length || !equal)
        return line_is(context, error, number, "expected 'WORK = FAMILY CONSTANTS' or 'device ..'");
    if (!*device) return line_is(context, error, number, "no device stands before this work");
    struct row row = {.device = *device, .work = tuff_hash(0, line, equal), .line = number};
    size_t name = strcspn(line, " ");
    char op[40];
    snprintf(op, sizeof op, "%.*s", (int)(name < sizeof op ? name : sizeof op - 1), line);
    if (!tuff_op_find(op)) return line_is(context, error, number, "there is no such operator");
    if (!parse_way(line + equal + 3, length - equal - 3, &row.way, &why)) return line_is(context, error, number, why);
    if (file->count == MOST_ROWS) return line_is(context, error, number, "there are more than 100000 rows");
    if (!TUFF_GROW_ARENA(&file->arena, file->rows, file->count, 1)) return tuff_fail_memory(context, error);
    file->rows[file->count++] = row;
    return TUFF_OK;
}

static tuff_status parse(struct tuff_context *context, struct file *file, struct tuff_span bytes, struct tuff_error *error)
{
    const char *at = bytes.data, *end = at + bytes.bytes;
    uint64_t device = 0;
    for (uint32_t number = 1; at < end || number == 1; number++) {
        const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        size_t length = stop ? (size_t)(stop - at) : (size_t)(end - at);
        if (number == 1 && (length != strlen(HEAD) || strncmp(at, HEAD, length) != 0))
            return line_is(context, error, 1, "a tuning file begins with 'tuff-tuning 1'");
        if (number > 1) TUFF_TRY(parse_line(context, file, at, length, number, &device, error));
        at += length + (stop != NULL);
    }
    uint32_t kept = 0;
    if (file->count) qsort(file->rows, file->count, sizeof *file->rows, by_work_and_line);
    for (uint32_t i = 0; i < file->count; i++)
        if (!kept || by_work(&file->rows[kept - 1], &file->rows[i])) file->rows[kept++] = file->rows[i];
    file->count = kept;
    return TUFF_OK;
}

tuff_status tuff_tuning_add(struct tuff_context *context, struct tuff_span bytes, uint32_t *rows, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, context != NULL);
    TUFF_REQUIRE_THAT(context, error, bytes.data || !bytes.bytes, "the file's data is NULL, though it has bytes");
    if (bytes.bytes > LARGEST_FILE) return tuff_fail(context, error, TUFF_ERR_FORMAT, "a tuning file has at most 4 MB");
    struct file *file = tuff_alloc(context, sizeof *file);
    if (!file) return tuff_fail_memory(context, error);
    *file = (struct file){.head.destroy = destroy_file};
    tuff_arena_init(&file->arena, context);
    tuff_status status = parse(context, file, (struct tuff_span){bytes.data ? bytes.data : "", bytes.bytes}, error);
    if (status != TUFF_OK) {
        destroy_file(context, &file->head);
        return status;
    }
    struct tuff_attached *first = atomic_load(&context->tuning);
    if (rows) *rows = file->count;
    do file->next = (struct file *)first;
    while (!atomic_compare_exchange_weak(&context->tuning, &first, &file->head));
    return TUFF_OK;
}

tuff_status tuff_tuning_open(struct tuff_context *context, const char *path, uint32_t *rows, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, context != NULL && path != NULL);
    struct tuff_span bytes = {NULL, 0};
    void *data = NULL;
    TUFF_TRY(tuff_os_read_file(context, path, LARGEST_FILE + 1, &data, &bytes.bytes, error));
    bytes.data = data;
    tuff_status status = tuff_tuning_add(context, bytes, rows, error);
    tuff_free(context, data);
    return status;
}

tuff_status tuff_tuning_of_options(struct tuff_context *context, struct tuff_error *error)
{
    const char *path = context->options.tuning;
    if (!path || !path[0] || atomic_load(&context->tuning_opened)) return TUFF_OK;
    TUFF_TRY(tuff_tuning_open(context, path, NULL, error));
    atomic_store(&context->tuning_opened, true);
    return TUFF_OK;
}

/* ---- choosing ------------------------------------------------------------------------------------------------------------------------- */

static const struct tuff_way *find(const struct tuff_lower *lower, const char *work)
{
    const struct file *file = (const struct file *)atomic_load(&lower->tuner->context->tuning);
    if (!file) return NULL;
    const struct row key = {hash_device(lower->tuner->context, lower->caps), tuff_hash_text(0, work), {.constants = {0}}, 0};
    for (; file; file = file->next) {
        const struct row *row = file->count ? bsearch(&key, file->rows, file->count, sizeof key, by_work) : NULL;
        if (row) return &row->way;
    }
    return NULL;
}

uint32_t tuff_pick(const struct tuff_lower *lower, const struct tuff_way *ways, uint32_t count, uint32_t standard)
{
    struct tuff_tuner *t = lower->tuner;
    struct tuff_pick pick = {.count = count, .standard = standard, .taken = standard, .launch = lower->launch};
    if (!t || lower->any_size || count < 2 || count > TUFF_PICK_MOST) return standard;
    work_text(lower, pick.work);
    if (!t->tries) {
        const struct tuff_way *way = find(lower, pick.work);
        for (uint32_t i = 0; way && i < count; i++)
            if (!memcmp(way, &ways[i], sizeof *way)) return i;
        return standard;
    }
    if (t->way < count) pick.taken = t->way;
    for (uint32_t i = 0; i < t->wanted_count; i++)
        if (!strcmp(t->wanted[i].work, pick.work) && t->wanted[i].taken < count) pick.taken = t->wanted[i].taken;
    memcpy(pick.ways, ways, count * sizeof *ways);
    if (TUFF_GROW_ARENA(&t->arena, t->picks, t->count, 1)) t->picks[t->count++] = pick;
    return pick.taken;
}

/* ---- measuring ------------------------------------------------------------------------------------------------------------------------ */

struct work { /* launches of one text together */
    struct tuff_pick pick;
    double ns[TUFF_PICK_MOST]; /* of each way; 0: not measured */
    uint32_t launches;         /* pick.taken becomes the winner */
    double check[2];           /* standard, winner: measured again */
};
struct tuning {
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_session *session;
    const struct tuff_executable_params *params;
    const struct tuff_tune_params *tune;
    struct tuff_arena arena;
    struct work *works;
    uint32_t count;
    struct tuff_error *error;
};

/* Numbers that are no harm: below 1 for floats, 0 for what may be an index. */
static tuff_status fill_inputs(struct tuning *t, struct tuff_executable *x)
{
    const struct tuff_plan *plan = tuff_executable_plan(x);
    for (uint32_t i = 0; i < plan->slot_count; i++) {
        const struct tuff_plan_slot *slot = &plan->slots[i];
        if (tuff_slot_kind(plan, slot) != TUFF_MEMORY_INPUT) continue;
        float *content = tuff_alloc(t->context, (size_t)slot->bytes);
        if (!content) return tuff_fail_memory(t->context, t->error);
        for (uint64_t k = 0; !strcmp(slot->dtype, "f32") && k < slot->bytes / 4; k++) content[k] = (float)(k % 61) / 61;
        uint64_t bytes = tuff_dtype_size(tuff_dtype_find(slot->dtype) ? tuff_dtype_find(slot->dtype) : TUFF_U8, 1);
        for (uint32_t d = 0; d < slot->rank; d++) bytes *= slot->dim[d];
        if (bytes > slot->bytes || !slot->dtype[0]) bytes = slot->bytes;
        tuff_status status = tuff_executable_set(x, slot->name, content, (size_t)bytes, t->error);
        tuff_free(t->context, content);
        TUFF_TRY(status);
    }
    return TUFF_OK;
}

/* The least time of each launch of the plan. */
static tuff_status time_launches(struct tuning *t, struct tuff_executable *x, uint64_t *least)
{
    uint32_t runs = t->tune && t->tune->runs ? t->tune->runs : RUNS, count = tuff_executable_plan(x)->launch_count;
    uint64_t *ns = tuff_alloc(t->context, (count + 1) * sizeof *ns);
    tuff_status status = ns ? tuff_executable_run(x, t->error) : tuff_fail_memory(t->context, t->error);
    for (uint32_t r = 0; r < runs && status == TUFF_OK; r++) {
        status = tuff_executable_run(x, t->error);
        if (status == TUFF_OK) status = tuff_executable_launch_ns(x, ns, t->error);
        for (uint32_t i = 0; i < count; i++)
            if (r == 0 || ns[i] < least[i]) least[i] = ns[i];
    }
    tuff_free(t->context, ns);
    return status;
}

static struct work *work_of(struct tuning *t, const struct tuff_pick *pick)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (!strcmp(t->works[i].pick.work, pick->work)) return &t->works[i];
    if (!TUFF_GROW_ARENA(&t->arena, t->works, t->count, 1)) return NULL;
    t->works[t->count] = (struct work){.pick = *pick};
    return &t->works[t->count++];
}

/* Compiles and measures the plan that the tuner chooses, and adds up times by works. check: 0, 1: into that place; else into the ways taken. */
static tuff_status measure(struct tuning *t, struct tuff_tuner *tuner, uint32_t check)
{
    struct tuff_executable *x = NULL;
    struct tuff_executable_params params = *t->params;
    params.profile = true;
    TUFF_TRY(tuff_session_compile_tuned(t->session, &params, tuner, &x, t->error));
    uint64_t *least = tuff_alloc(t->context, (tuff_executable_plan(x)->launch_count + 1) * sizeof *least);
    tuff_status status = least ? fill_inputs(t, x) : tuff_fail_memory(t->context, t->error);
    if (status == TUFF_OK) status = time_launches(t, x, least);
    for (uint32_t i = 0; i < tuner->count && status == TUFF_OK; i++) {
        const struct tuff_pick *pick = &tuner->picks[i];
        struct work *work = work_of(t, pick);
        double ns = pick->launch < tuff_executable_plan(x)->launch_count ? (double)least[pick->launch] : 0;
        if (!work) status = tuff_fail_memory(t->context, t->error);
        if (!work) break;
        if (check < 2)
            work->check[check] += ns;
        else if (tuner->way == UINT32_MAX || pick->taken != pick->standard)
            work->ns[pick->taken] += ns;
        work->launches += tuner->way == UINT32_MAX && check > 1;
    }
    tuff_free(t->context, least);
    tuff_executable_destroy(x);
    return status;
}

/* A plan of standard ways, then one of the first of each work, of the second, .. */
static tuff_status try_ways(struct tuning *t, uint32_t *most)
{
    *most = 0;
    for (uint32_t way = 0; way <= *most; way++) {
        struct tuff_tuner tuner = {
            .context = t->context, .tries = true, .way = way ? way - 1 : UINT32_MAX, .arena = {.context = t->context}};
        if (t->tune && !tuff_progress_report(&t->tune->progress, "ways", way, *most + 1))
            return tuff_fail(t->context, t->error, TUFF_ERR_CANCELLED, "cancelled");
        tuff_status status = measure(t, &tuner, 2);
        tuff_arena_finish(&tuner.arena);
        TUFF_TRY(status);
        for (uint32_t i = 0; i < t->count; i++)
            if (t->works[i].pick.count > *most) *most = t->works[i].pick.count;
    }
    return TUFF_OK;
}

static void add_rows(const struct tuning *t, struct tuff_text *text)
{
    char way[TUFF_PICK_TEXT];
    tuff_text_add(text, "%s\n", HEAD);
    add_device(text, tuff_device_caps(t->device));
    tuff_text_add(text, "\n");
    for (uint32_t i = 0; i < t->count; i++) {
        const struct tuff_pick *pick = &t->works[i].pick;
        if (pick->taken != pick->standard)
            tuff_text_add(text, "%s = %s\n", pick->work, way_text(&pick->ways[pick->taken], way));
    }
}

/* Standard ways and the fastest of each work once more; what is not faster again is none. */
static tuff_status confirm(struct tuning *t)
{
    static const double GAIN = 0.97;
    struct tuff_pick *wanted = tuff_arena_alloc(&t->arena, (t->count + 1) * sizeof *wanted);
    if (!wanted) return tuff_fail_memory(t->context, t->error);
    for (uint32_t i = 0; i < t->count; i++) {
        struct work *w = &t->works[i];
        for (uint32_t k = 0; k < w->pick.count; k++)
            if (w->ns[k] > 0 && w->ns[k] < w->ns[w->pick.taken]) w->pick.taken = k;
        wanted[i] = w->pick;
    }
    for (uint32_t check = 0; check < 2; check++) {
        struct tuff_tuner tuner = {.context = t->context,
                                   .tries = true,
                                   .way = UINT32_MAX,
                                   .wanted = wanted,
                                   .wanted_count = check ? t->count : 0,
                                   .arena = {.context = t->context}};
        tuff_status status = measure(t, &tuner, check);
        tuff_arena_finish(&tuner.arena);
        TUFF_TRY(status);
    }
    for (uint32_t i = 0; i < t->count; i++)
        if (!(t->works[i].check[1] < GAIN * t->works[i].check[0])) t->works[i].pick.taken = t->works[i].pick.standard;
    return TUFF_OK;
}

static void report(const struct tuning *t)
{
    for (uint32_t i = 0; i < t->count && t->tune && t->tune->report; i++) {
        const struct work *w = &t->works[i];
        char texts[TUFF_PICK_MOST][TUFF_PICK_TEXT];
        struct tuff_tune_way ways[TUFF_PICK_MOST];
        bool same = w->pick.taken == w->pick.standard;
        for (uint32_t k = 0; k < w->pick.count; k++)
            ways[k] = (struct tuff_tune_way){way_text(&w->pick.ways[k], texts[k]), w->ns[k]};
        const struct tuff_tune_result result = {.work = w->pick.work,
                                                .standard = texts[w->pick.standard],
                                                .winner = texts[w->pick.taken],
                                                .standard_ns = w->check[0],
                                                .winner_ns = same ? w->check[0] : w->check[1],
                                                .launches = w->launches,
                                                .ways = w->pick.count,
                                                .way = ways};
        t->tune->report(t->tune->user, &result);
    }
}

tuff_status tuff_tune(struct tuff_device *device, struct tuff_graph *graph, const struct tuff_executable_params *params,
                      const struct tuff_tune_params *tune, char **text, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device != NULL && graph != NULL && params != NULL && text != NULL);
    struct tuff_context *context = tuff_device_context(device);
    TUFF_REQUIRE(context, error, params->struct_size >= sizeof *params && (!tune || tune->struct_size >= sizeof *tune));
    struct tuning t = {.context = context, .device = device, .params = params, .tune = tune, .error = error};
    struct tuff_text rows = {.context = context};
    uint32_t most;
    tuff_arena_init(&t.arena, context);
    if (!(tuff_device_caps(device)->timestamp_period_ns > 0))
        return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "this device has no timestamps to measure with");
    tuff_status status = tuff_session_create(device, graph, NULL, &t.session, error);
    if (status == TUFF_OK) status = try_ways(&t, &most);
    if (status == TUFF_OK) status = confirm(&t);
    if (status == TUFF_OK) {
        report(&t);
        add_rows(&t, &rows);
        status = tuff_text_give(&rows, text, error);
    }
    tuff_session_destroy(t.session);
    tuff_arena_finish(&t.arena);
    return status;
}
