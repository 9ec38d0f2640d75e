/* onnx_run.c - ONNX models on a device: a plan for each set of shapes and compile-time values, over one session. */
#include "backend/executable.h"
#include "graph/dtype.h"
#include "loaders/leaves.h"
#include "loaders/onnx_write.h"

#include <stdio.h>

enum { PLANS = 8 }; /* that are kept: of the others what they compute, so that it is not built a second time */

struct plan {
    struct tuff_onnx_bound *inputs; /* [arena] v: the graph's input */
    struct tuff_onnx_val *outputs;  /* [arena] v: as the host reads it */
    uint32_t *place;                /* [arena] of each output among the executable's, UINT32_MAX: it has no elements */
    tuff_val *computed;             /* [arena] */
    uint32_t computed_count;
    struct tuff_executable *executable; /* [owned] or NULL: given back */
    uint64_t used;
};
struct tuff_onnx_runner {
    struct tuff_context *context;
    struct tuff_device *device; /* [borrowed] */
    const struct tuff_onnx *onnx;
    struct tuff_progress progress;
    struct tuff_arena arena;
    struct tuff_graph *graph;     /* [owned] */
    struct tuff_session *session; /* [owned] */
    struct tuff_onnx_built built;
    uint32_t written;   /* weights that the session has */
    bool *compile_time; /* [arena] of each input */
    struct plan *plans; /* [arena] */
    uint32_t plan_count;
    uint64_t runs;
    const struct plan *last;    /* of the last run */
    struct tuff_array *results; /* [arena] */
    void **memory;              /* [arena] of the results [owned] */
    size_t *room;
};

tuff_status tuff_onnx_runner_create(struct tuff_device *device, const struct tuff_onnx *onnx,
                                    const struct tuff_progress *progress, struct tuff_onnx_runner **runner,
                                    struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, onnx && runner);
    struct tuff_onnx_runner *r = tuff_object_create(onnx->context, sizeof *r);
    if (!r) return tuff_fail_memory(onnx->context, error);
    const uint32_t outputs = tuff_onnx_output_count(onnx);
    r->context = onnx->context;
    r->device = device;
    r->onnx = onnx;
    if (progress) r->progress = *progress;
    tuff_arena_init(&r->arena, r->context);
    r->built.arena = &r->arena;
    r->compile_time = tuff_arena_alloc(&r->arena, (onnx->input_count + 1) * sizeof *r->compile_time);
    r->results = tuff_arena_alloc(&r->arena, (outputs + 1) * sizeof *r->results);
    r->memory = tuff_arena_alloc(&r->arena, (outputs + 1) * sizeof *r->memory);
    r->room = tuff_arena_alloc(&r->arena, (outputs + 1) * sizeof *r->room);
    tuff_status status = r->compile_time && r->results && r->memory && r->room ? TUFF_OK
                                                                               : tuff_fail_memory(r->context, error);
    if (status == TUFF_OK) status = tuff_graph_create(r->context, &r->graph, error);
    if (status != TUFF_OK)
        tuff_onnx_runner_destroy(r);
    else
        *runner = r;
    return status;
}

void tuff_onnx_runner_destroy(struct tuff_onnx_runner *r)
{
    if (!r) return;
    for (uint32_t i = 0; i < r->plan_count; i++) tuff_executable_destroy(r->plans[i].executable);
    for (uint32_t i = 0; r->memory && i < tuff_onnx_output_count(r->onnx); i++) tuff_free(r->context, r->memory[i]);
    tuff_session_destroy(r->session);
    tuff_graph_destroy(r->graph);
    tuff_arena_finish(&r->arena);
    tuff_object_destroy(r->context, r);
}

/* ---- inputs ------------------------------------------------------------------------------------------------------------------------ */

static const struct tuff_onnx_type_row *type_of(const struct tuff_onnx_runner *r, uint32_t input)
{
    const struct tuff_onnx_value_info *info = r->onnx->inputs[input];
    return tuff_onnx_type_row(info->type && info->type->tensor ? info->type->tensor->element : 0);
}

/* The array of each input, by name, or by place where it has none. empty: it may be without elements. */
static tuff_status match(struct tuff_onnx_runner *r, const struct tuff_array *arrays, uint32_t count, bool empty,
                         const struct tuff_array **of, struct tuff_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t k = arrays[i].name && arrays[i].name[0] ? 0 : i;
        if (arrays[i].name && arrays[i].name[0])
            while (k < r->onnx->input_count && !tuff_span_is(r->onnx->inputs[k]->name, arrays[i].name)) k++;
        if (k >= r->onnx->input_count || of[k])
            return tuff_fail(r->context, error, TUFF_ERR_USAGE, "%s: input %u, \"%.100s\", %s", r->onnx->path, i,
                             arrays[i].name ? arrays[i].name : "",
                             k < r->onnx->input_count ? "is given twice" : "is not one of the model's");
        of[k] = &arrays[i];
    }
    for (uint32_t k = 0; k < r->onnx->input_count; k++) {
        const struct tuff_array *a = of[k];
        if (!a)
            return tuff_fail(r->context, error, TUFF_ERR_USAGE, "%s: input \"%.*s\" is missing", r->onnx->path,
                             TUFF_SPAN_TEXT(r->onnx->inputs[k]->name));
        uint64_t elements = 1;
        bool good = a->rank <= TUFF_MAX_RANK && tuff_element_bytes(a->element);
        for (uint32_t d = 0; good && d < a->rank; d++) {
            good = a->dim[d] <= INT32_MAX && (a->dim[d] == 0 || elements <= (UINT64_C(1) << 40) / a->dim[d]);
            elements *= a->dim[d];
        }
        if (!good || a->bytes != elements * tuff_element_bytes(a->element) || (a->bytes && !a->data && !empty))
            return tuff_fail(r->context, error, TUFF_ERR_USAGE,
                             "%s: input \"%.*s\": its shape, type and bytes do not fit each other", r->onnx->path,
                             TUFF_SPAN_TEXT(r->onnx->inputs[k]->name));
    }
    return TUFF_OK;
}

static struct tuff_shape shape_of(const struct tuff_array *a)
{
    struct tuff_shape shape = {.rank = a->rank};
    for (uint32_t d = 0; d < a->rank; d++) shape.dim[d] = (uint32_t)a->dim[d];
    return shape;
}

/* Its elements as numbers. */
static tuff_status numbers_of(struct tuff_onnx_runner *r, uint32_t input, const struct tuff_array *a, double *to,
                              struct tuff_error *error)
{
    const enum tuff_dtype dtype = type_of(r, input)->dtype;
    const struct tuff_shape shape = shape_of(a);
    const uint64_t count = tuff_shape_count(&shape);
    if (count && !a->data)
        return tuff_fail(r->context, error, TUFF_ERR_USAGE,
                         "%s: the numbers of input \"%.*s\" set shapes or choose a branch: they must be given",
                         r->onnx->path, TUFF_SPAN_TEXT(r->onnx->inputs[input]->name));
    void *elements = tuff_alloc(r->context, (size_t)tuff_dtype_size(dtype, count));
    tuff_status status = elements ? tuff_array_convert(r->context, a, count, dtype, elements, "a compile-time input", error)
                                  : tuff_fail_memory(r->context, error);
    for (uint64_t i = 0; status == TUFF_OK && i < count; i++) to[i] = tuff_element(dtype, elements, i);
    tuff_free(r->context, elements);
    return status;
}

/* Has the input the numbers that a plan was bound to? */
static tuff_status same_numbers(struct tuff_onnx_runner *r, uint32_t input, const struct tuff_array *a, const double *known,
                                bool *same, struct tuff_error *error)
{
    const struct tuff_shape shape = shape_of(a);
    const size_t bytes = (size_t)tuff_shape_count(&shape) * sizeof(double);
    double *numbers = tuff_alloc(r->context, bytes);
    tuff_status status = numbers ? numbers_of(r, input, a, numbers, error) : tuff_fail_memory(r->context, error);
    *same = status == TUFF_OK && !memcmp(numbers, known, bytes);
    tuff_free(r->context, numbers);
    return status;
}

static tuff_status fits(struct tuff_onnx_runner *r, const struct plan *plan, const struct tuff_array *const *of, bool *good,
                        struct tuff_error *error)
{
    *good = true;
    for (uint32_t i = 0; i < r->onnx->input_count && *good; i++) {
        const struct tuff_shape shape = shape_of(of[i]);
        *good = tuff_shape_equal(&shape, &plan->inputs[i].shape);
        if (*good && plan->inputs[i].known) TUFF_TRY(same_numbers(r, i, of[i], plan->inputs[i].known, good, error));
    }
    return TUFF_OK;
}

/* ---- plans ------------------------------------------------------------------------------------------------------------------------ */

static tuff_status bind(struct tuff_onnx_runner *r, const struct plan *plan, uint32_t i, const struct tuff_array *a,
                        struct tuff_error *error)
{
    struct tuff_onnx_bound *bound = &plan->inputs[i];
    const struct tuff_onnx_type_row *row = type_of(r, i);
    char name[180];
    *bound = (struct tuff_onnx_bound){.shape = shape_of(a)};
    const uint64_t count = tuff_shape_count(&bound->shape);
    if (!row->bits) return TUFF_OK; /* building refuses it */
    if (count && r->compile_time[i] && count <= TUFF_ONNX_KNOWN) {
        double *known = tuff_arena_alloc(&r->arena, (size_t)count * sizeof *known);
        bound->known = known;
        return known ? numbers_of(r, i, a, known, error) : tuff_fail_memory(r->context, error);
    }
    snprintf(name, sizeof name, "%.*s/%u.%u", TUFF_SPAN_TEXT(r->onnx->inputs[i]->name), i, r->plan_count);
    if (r->plan_count == 0 && r->onnx->inputs[i]->name.bytes < 100)
        snprintf(name, sizeof name, "%.*s", TUFF_SPAN_TEXT(r->onnx->inputs[i]->name));
    if (count) bound->v = tuff_input(r->graph, name, row->dtype, bound->shape);
    return tuff_graph_finish(r->graph, error);
}

/* Builds the model; inputs whose numbers turn out to be needed are bound to them, and it begins again. */
static tuff_status build(struct tuff_onnx_runner *r, struct plan *plan, const struct tuff_array *const *of,
                         struct tuff_error *error)
{
    const uint32_t before = r->graph->count, inputs = r->onnx->input_count, weights = r->built.weight_count;
    for (;;) {
        tuff_status status = TUFF_OK;
        struct tuff_error tries = {0};
        for (uint32_t i = 0; i < inputs && status == TUFF_OK; i++) status = bind(r, plan, i, of[i], &tries);
        r->built.inputs = plan->inputs;
        r->built.outputs = plan->outputs;
        r->built.named = r->plan_count == 0;
        r->built.wanted = 0;
        if (status == TUFF_OK) status = tuff_onnx_build(r->onnx, r->graph, &r->built, &tries);
        if (status == TUFF_OK) return TUFF_OK;
        bool more = false;
        for (uint32_t i = 0; i < inputs; i++) {
            const struct tuff_shape shape = shape_of(of[i]);
            const bool wanted = r->built.wanted >> (i < 62 ? i : 62) & 1;
            if (!wanted || r->compile_time[i] || tuff_shape_count(&shape) > TUFF_ONNX_KNOWN) continue;
            more = r->compile_time[i] = true;
        }
        tuff_graph_undo(r->graph, before);
        r->built.weight_count = weights;
        if (!more) return tuff_fail(r->context, error, status, "%s", tries.message);
    }
}

/* The values that are computed, each once, as the host reads them. */
static void list_outputs(struct tuff_onnx_runner *r, struct plan *plan)
{
    for (uint32_t k = 0; k < tuff_onnx_output_count(r->onnx); k++) {
        struct tuff_onnx_val *out = &plan->outputs[k];
        const enum tuff_dtype dtype = tuff_onnx_type_row(out->type)->dtype;
        plan->place[k] = UINT32_MAX;
        if (!out->v) continue;
        if (tuff_type_on_host(r->graph, out->v).dtype != dtype) out->v = tuff_cast(r->graph, out->v, dtype);
        uint32_t at = 0;
        while (at < plan->computed_count && plan->computed[at] != out->v) at++;
        plan->place[k] = at;
        if (at == plan->computed_count) plan->computed[plan->computed_count++] = out->v;
    }
}

static tuff_status write_weights(struct tuff_onnx_runner *r, struct tuff_error *error)
{
    for (; r->written < r->built.weight_count; r->written++) {
        const struct tuff_onnx_weight *weight = &r->built.weights[r->written];
        const struct tuff_type type = tuff_type_of(r->graph, weight->leaf);
        const uint64_t count = tuff_shape_count(&type.shape);
        struct tuff_arena arena;
        struct tuff_span content;
        tuff_arena_init(&arena, r->context);
        tuff_status status = tuff_onnx_content(r->onnx, &arena, weight->tensor, &content, error);
        if (status == TUFF_OK && type.dtype == TUFF_F16 && weight->tensor->type == TUFF_ONNX_FLOAT) {
            uint16_t *halves = tuff_arena_alloc(&arena, (size_t)count * sizeof *halves);
            for (uint64_t i = 0; halves && i < count; i++)
                tuff_element_put(TUFF_F16, halves, i, tuff_onnx_element(TUFF_ONNX_FLOAT, content.data, i));
            content = (struct tuff_span){halves, (size_t)count * sizeof *halves};
            if (!halves) status = tuff_fail_memory(r->context, error);
        }
        if (status == TUFF_OK) status = tuff_session_write(r->session, weight->leaf, content.data, content.bytes, error);
        tuff_arena_finish(&arena);
        TUFF_TRY(status);
    }
    return TUFF_OK;
}

/* Of more than so many the one that was used longest ago gives its memory back. */
static void give_back(struct tuff_onnx_runner *r, const struct plan *kept)
{
    struct plan *oldest = NULL;
    uint32_t alive = 0;
    for (uint32_t i = 0; i < r->plan_count; i++) {
        struct plan *plan = &r->plans[i];
        if (!plan->executable || plan == kept) continue;
        alive++;
        if (!oldest || plan->used < oldest->used) oldest = plan;
    }
    if (alive < PLANS) return;
    tuff_executable_destroy(oldest->executable);
    oldest->executable = NULL;
}

static tuff_status compile(struct tuff_onnx_runner *r, struct plan *plan, struct tuff_error *error)
{
    const struct tuff_executable_params params = {.struct_size = sizeof params,
                                                  .outputs = plan->computed,
                                                  .output_count = plan->computed_count,
                                                  .progress = r->progress,
                                                  .any_size = plan != r->plans}; /* the first shapes are the usual ones */
    if (!plan->computed_count || !r->device) return TUFF_OK;
    if (!r->session) TUFF_TRY(tuff_session_create(r->device, r->graph, NULL, &r->session, error));
    TUFF_TRY(write_weights(r, error));
    give_back(r, plan);
    return tuff_session_compile(r->session, &params, &plan->executable, error);
}

static tuff_status plan_for(struct tuff_onnx_runner *r, const struct tuff_array *const *of, struct plan **found,
                            struct tuff_error *error)
{
    const uint32_t inputs = r->onnx->input_count, outputs = tuff_onnx_output_count(r->onnx);
    bool good = false;
    for (uint32_t i = 0; i < r->plan_count && !good; i++) {
        TUFF_TRY(fits(r, &r->plans[i], of, &good, error));
        *found = &r->plans[i];
    }
    if (!good) {
        if (!tuff_grow_arena(&r->arena, &r->plans, r->plan_count, 1, sizeof *r->plans))
            return tuff_fail_memory(r->context, error);
        struct plan *plan = &r->plans[r->plan_count];
        *plan = (struct plan){.inputs = tuff_arena_alloc(&r->arena, (inputs + 1) * sizeof *plan->inputs),
                              .outputs = tuff_arena_alloc(&r->arena, (outputs + 1) * sizeof *plan->outputs),
                              .place = tuff_arena_alloc(&r->arena, (outputs + 1) * sizeof *plan->place),
                              .computed = tuff_arena_alloc(&r->arena, (outputs + 1) * sizeof *plan->computed)};
        if (!plan->inputs || !plan->outputs || !plan->place || !plan->computed) return tuff_fail_memory(r->context, error);
        TUFF_TRY(build(r, plan, of, error));
        list_outputs(r, plan);
        TUFF_TRY(tuff_graph_finish(r->graph, error));
        r->plan_count++;
        *found = plan;
    }
    if (!(*found)->executable) TUFF_TRY(compile(r, *found, error));
    (*found)->used = ++r->runs;
    return TUFF_OK;
}

/* ---- a run ------------------------------------------------------------------------------------------------------------------------ */

static tuff_status write_input(struct tuff_onnx_runner *r, const struct plan *plan, uint32_t i, const struct tuff_array *a,
                               struct tuff_error *error)
{
    const tuff_val v = plan->inputs[i].v;
    const struct tuff_onnx_type_row *row = type_of(r, i);
    const uint64_t count = tuff_shape_count(&plan->inputs[i].shape);
    if (!v) return TUFF_OK;
    if (tuff_element_dtype(a->element) == row->dtype && (uintptr_t)a->data % tuff_element_bytes(a->element) == 0)
        return tuff_executable_write(plan->executable, v, a->data, (size_t)a->bytes, error);
    const size_t bytes = (size_t)tuff_dtype_size(row->dtype, count);
    char name[100];
    snprintf(name, sizeof name, "%.*s", TUFF_SPAN_TEXT(r->onnx->inputs[i]->name));
    void *elements = tuff_alloc(r->context, bytes);
    tuff_status status = elements ? tuff_array_convert(r->context, a, count, row->dtype, elements, name, error)
                                  : tuff_fail_memory(r->context, error);
    if (status == TUFF_OK) status = tuff_executable_write(plan->executable, v, elements, bytes, error);
    tuff_free(r->context, elements);
    return status;
}

/* Whole numbers that graphs hold in a wider type, to those of the file, in place: the last bits count. */
static void narrow(void *elements, uint64_t count, size_t from, size_t to)
{
    for (uint64_t i = 0; from > to && i < count; i++)
        memmove((uint8_t *)elements + i * to, (uint8_t *)elements + i * from, to);
}

static tuff_status read_output(struct tuff_onnx_runner *r, const struct plan *plan, uint32_t k, struct tuff_error *error)
{
    const struct tuff_onnx_val *out = &plan->outputs[k];
    const struct tuff_onnx_type_row *row = tuff_onnx_type_row(out->type);
    const uint64_t count = tuff_shape_count(&out->shape);
    const size_t bytes = (size_t)tuff_dtype_size(row->dtype, count);
    struct tuff_array *result = &r->results[k];
    if (bytes > r->room[k] || !r->memory[k]) {
        void *larger = tuff_realloc(r->context, r->memory[k], bytes ? bytes : 1);
        if (!larger) return tuff_fail_memory(r->context, error);
        r->memory[k] = larger, r->room[k] = bytes;
    }
    if (plan->place[k] != UINT32_MAX)
        TUFF_TRY(tuff_executable_read(plan->executable, plan->place[k], r->memory[k], bytes, error));
    const size_t stored = row->element ? tuff_element_bytes(row->element) : 1;
    narrow(r->memory[k], count, (size_t)tuff_dtype_size(row->dtype, 1), stored);
    if (!result->name)
        result->name = tuff_arena_printf(&r->arena, "%.*s", TUFF_SPAN_TEXT(r->onnx->model->graph->outputs.at[k].name));
    if (!result->name) return tuff_fail_memory(r->context, error);
    *result = (struct tuff_array){
        .name = result->name, .rank = out->shape.rank, .data = r->memory[k], .bytes = count * stored};
    result->element = row->element ? row->element : row->dtype == TUFF_U8 ? TUFF_ELEMENT_U8 : TUFF_ELEMENT_I8;
    for (uint32_t d = 0; d < out->shape.rank; d++) result->dim[d] = out->shape.dim[d];
    return TUFF_OK;
}

/* run: the plan as well. */
static tuff_status prepare(struct tuff_onnx_runner *r, const struct tuff_array *inputs, uint32_t input_count, bool run,
                           struct plan **plan, struct tuff_error *error)
{
    TUFF_REQUIRE_THAT(NULL, error, r && (inputs || !input_count),
                      "the runner is NULL, or inputs are, though their count is not 0");
    const struct tuff_array **of = tuff_alloc(r->context, (r->onnx->input_count + 1) * sizeof *of);
    if (!of) return tuff_fail_memory(r->context, error);
    r->last = NULL;
    tuff_status status = match(r, inputs, input_count, !run, of, error);
    if (status == TUFF_OK) status = plan_for(r, of, plan, error);
    run = run && status == TUFF_OK && (*plan)->executable;
    for (uint32_t i = 0; run && status == TUFF_OK && i < r->onnx->input_count; i++)
        status = write_input(r, *plan, i, of[i], error);
    if (run && status == TUFF_OK) status = tuff_executable_submit((*plan)->executable, NULL, error);
    if (status == TUFF_OK) r->last = *plan;
    tuff_free(r->context, (void *)of);
    return status;
}

tuff_status tuff_onnx_prepare(struct tuff_onnx_runner *r, const struct tuff_array *inputs, uint32_t input_count,
                              struct tuff_error *error)
{
    struct plan *plan = NULL;
    return prepare(r, inputs, input_count, false, &plan, error);
}

tuff_status tuff_onnx_run(struct tuff_onnx_runner *r, const struct tuff_array *inputs, uint32_t input_count,
                          struct tuff_array *outputs, struct tuff_error *error)
{
    struct plan *plan = NULL;
    tuff_status status = prepare(r, inputs, input_count, true, &plan, error);
    const uint32_t count = status == TUFF_OK && outputs && r->device ? tuff_onnx_output_count(r->onnx) : 0;
    for (uint32_t k = 0; status == TUFF_OK && k < count; k++) status = read_output(r, plan, k, error);
    if (status == TUFF_OK && count) memcpy(outputs, r->results, count * sizeof *outputs);
    if (status != TUFF_OK && r) r->last = NULL;
    return status;
}

struct tuff_graph *tuff_onnx_runner_graph(const struct tuff_onnx_runner *r, const tuff_val **outputs, uint32_t *count)
{
    if (!r->last) return NULL;
    *outputs = r->last->computed;
    *count = r->last->computed_count;
    return r->graph;
}

bool tuff_onnx_is_random(const struct tuff_onnx_runner *r, uint32_t index)
{
    return r->last && index < tuff_onnx_output_count(r->onnx) && r->last->outputs[index].on >> 63;
}

bool tuff_onnx_runner_ends(struct tuff_onnx_runner *r, struct tuff_arena *arena, struct tuff_session **session,
                           struct tuff_onnx_ends *ends)
{
    const uint32_t inputs = r->onnx->input_count, outputs = tuff_onnx_output_count(r->onnx);
    struct tuff_onnx_named *end = tuff_arena_alloc(arena, (inputs + outputs + 1) * sizeof *end);
    if (!r->last || !r->session || !end) return false;
    for (uint32_t i = 0; i < inputs + outputs; i++) {
        const bool in = i < inputs;
        end[i].name = in ? r->onnx->inputs[i]->name : r->onnx->model->graph->outputs.at[i - inputs].name;
        end[i].v = in ? r->last->inputs[i].v : r->last->outputs[i - inputs].v;
    }
    *session = r->session;
    *ends = (struct tuff_onnx_ends){end, inputs, outputs};
    return true;
}

/* ---- an app's own operators --------------------------------------------------------------------------------------------------------- */

int64_t tuff_onnx_op_int(const struct tuff_onnx_op *op, const char *attribute, int64_t standard)
{
    return tuff_on_int(op, attribute, standard);
}
double tuff_onnx_op_number(const struct tuff_onnx_op *op, const char *attribute, double standard)
{
    return tuff_on_number(op, attribute, standard);
}
tuff_val tuff_onnx_op_operand(const struct tuff_onnx_op *op, uint32_t index) { return tuff_on(op, index); }
void tuff_onnx_op_put(struct tuff_onnx_op *op, uint32_t index, tuff_val value)
{
    tuff_on_put_as(op, index, value, TUFF_ONNX_FLOAT);
}
struct tuff_pair tuff_onnx_op_name(const struct tuff_onnx_op *op)
{
    struct tuff_arena *arena = tuff_on_arena(op);
    const struct tuff_pair pair = {tuff_arena_printf(arena, "%.*s", TUFF_SPAN_TEXT(op->node->domain)),
                                   tuff_arena_printf(arena, "%.*s", TUFF_SPAN_TEXT(op->node->op))};
    return (struct tuff_pair){pair.key ? pair.key : "", pair.value ? pair.value : ""};
}
