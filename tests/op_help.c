/* op_help.c - see op_help.h. */
#include "tests/op_help.h"
#include "graph/ops/leaf.h"
#include "graph/places.h"
#include "tests/op_text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- random numbers ----------------------------------------------------------------------------------------------------------- */

static uint64_t next(struct op_random *r) /* SplitMix64: Steele, Lea and Flood 2014 */
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

struct op_random op_random_start(int argc, char **argv)
{
    struct op_random r = {(uint64_t)time(NULL)};
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], "--seed")) r.state = strtoull(argv[i + 1], NULL, 10);
    printf("--seed %llu\n", (unsigned long long)r.state);
    return r;
}

double op_uniform(struct op_random *r, double low, double high)
{
    return low + (high - low) * (double)(next(r) >> 11) * 0x1p-53;
}
uint32_t op_below(struct op_random *r, uint32_t count) { return (uint32_t)(next(r) >> 32) % count; }

double op_normal(struct op_random *r)
{
    double sum = -6; /* twelve uniform numbers: deviation 1, and never beyond 6 */
    for (int i = 0; i < 12; i++) sum += op_uniform(r, 0, 1);
    return sum;
}

/* ---- inputs --------------------------------------------------------------------------------------------------------------------- */

bool op_is_derivative(const struct tuff_op *op) { return (op->traits & TUFF_DERIVATIVE) != 0; }

bool op_text_names(const char *text, const char *name)
{
    for (const char *at = text; (at = strstr(at, name)) != NULL; at++)
        if (at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_')) return true;
    return false;
}

static double draw(struct op_random *r, enum tuff_domain domain, uint32_t limit)
{
    static const double kinks[] = {0, 0, 1, -1, 3, -3, 0.5, -2};
    double sign = op_below(r, 2) ? 1 : -1;
    switch (domain) {
    case TUFF_DOMAIN_NORMAL: return op_normal(r);
    case TUFF_DOMAIN_POSITIVE: return op_uniform(r, 0.1, 4);
    case TUFF_DOMAIN_NONZERO: return sign * op_uniform(r, 0.2, 4);
    case TUFF_DOMAIN_WIDE: return sign * pow(10, op_uniform(r, -3, 3));
    case TUFF_DOMAIN_KINKS: return op_below(r, 3) ? kinks[op_below(r, TUFF_COUNT(kinks))] : op_normal(r);
    case TUFF_DOMAIN_INDEX: return op_below(r, limit ? limit : 1);
    case TUFF_DOMAIN_BOOL: return op_below(r, 2);
    }
    return 0;
}

/* Is the row defined for operand k being v? The other one is a number in its domain. */
static bool has_value(const struct tuff_op *op, const struct tuff_case *c, uint32_t k, double v)
{
    const double other = 0.7, *const in[2] = {k == 0 ? &v : &other, k == 0 ? &other : &v};
    const struct tuff_type types[2] = {{TUFF_F32, {0}}, {TUFF_F32, {0}}};
    const struct tuff_value value = {.op = op, .type = types[0], .in_count = c->in_count, .attrs = c->attrs};
    double y = 0;
    op->ref(&(struct tuff_ref){.value = &value, .in_types = types, .in = in, .out = &y});
    return isfinite(y);
}

void op_fill(struct op_random *r, const struct tuff_op *op, const struct tuff_case *c, uint32_t k, double *out,
             uint64_t count)
{
    enum tuff_dtype dtype = c->in[k].dtype;
    for (uint64_t i = 0; i < count; i++) {
        double v = draw(r, c->domain[k], c->index_limit);
        if (op->glsl && !has_value(op, c, k, v)) v = has_value(op, c, k, fabs(v)) ? fabs(v) : 1.5;
        if (c->domain[k] == TUFF_DOMAIN_INDEX && op->traits & TUFF_TAKES_PLACES) {
            uint32_t kind = op_below(r, 16); /* from the end; outside, which is clamped */
            if (kind < 4) v -= c->index_limit;
            if (kind == 4) v += c->index_limit;
            if (kind == 5) v -= 3.0 * c->index_limit;
        }
        if (dtype == TUFF_F16 && fabs(v) < 1e-4) v = 0; /* no subnormals: what is computed of them is flushed */
        v = tuff_dtype_round(tuff_dtype_device(dtype), v);
        out[i] = v;
    }
}

uint32_t op_choices(const struct tuff_op *op) { return op_case(op, 0)->in_count + (op_case(op, 0)->in_count > 1); }

void op_set_type(struct tuff_case *c, uint32_t k, enum tuff_dtype dtype)
{
    for (uint32_t i = 0; i < c->in_count; i++) {
        struct tuff_shape *shape = &c->in[i].shape;
        if (k < c->in_count && i != k) continue;
        c->in[i].dtype = dtype;
        if (tuff_is_blocks(dtype) && shape->rank)
            shape->dim[shape->rank - 1] = 32; /* what then does not fit is told after the type */
    }
}

bool op_takes(struct tuff_context *context, const struct tuff_op *op, uint32_t k, enum tuff_dtype dtype,
              struct tuff_error *error)
{
    struct tuff_graph *g = NULL;
    struct tuff_case c = *op_case(op, 0);
    tuff_val in[6] = {0};
    if (tuff_graph_create(context, &g, NULL) != TUFF_OK) abort();
    op_set_type(&c, k, dtype);
    for (uint32_t i = 0; i < c.in_count; i++)
        in[i] = tuff_input(g, (const char[2]){(char)('a' + i), 0}, c.in[i].dtype, c.in[i].shape);
    tuff_val y = tuff_graph_add(g, op, in, c.in_count, c.attrs);
    *error = g->error;
    tuff_graph_destroy(g);
    return y != 0 || (tuff_is_blocks(dtype) && k < c.in_count && op->takes_blocks >> k & 1);
}

bool op_add_case(struct tuff_graph *g, const struct tuff_op *op, const struct tuff_case *c, uint32_t number, bool gradients,
                 struct op_case_values *out)
{
    char name[64];
    tuff_val x[6], gx[6];
    uint32_t floats[6], count = 0;
    *out = (struct op_case_values){.y = 0};
    for (uint32_t k = 0; k < c->in_count; k++) {
        snprintf(name, sizeof name, "%u %s %u", (unsigned)number, c->name, (unsigned)k);
        out->in[k] = tuff_input(g, name, c->in[k].dtype, c->in[k].shape);
        if (!tuff_is_float(c->in[k].dtype)) continue;
        floats[count] = k;
        x[count++] = out->in[k];
    }
    out->y = tuff_graph_add(g, op, out->in, c->in_count, c->attrs);
    for (uint32_t k = 0; k < op->more_count; k++) out->more[k] = tuff_result(g, out->y, k + 1);
    struct tuff_type type = tuff_type_of(g, out->y);
    if (g->status == TUFF_OK && gradients && op->grad && count && (type.dtype == TUFF_F32 || type.dtype == TUFF_F16)) {
        snprintf(name, sizeof name, "%u %s gy", (unsigned)number, c->name);
        out->gy = tuff_input(g, name, TUFF_F32, type.shape);
        tuff_gradients(g, out->y, out->gy, x, count, gx);
        for (uint32_t i = 0; i < count; i++) out->gx[floats[i]] = gx[i];
    }
    if (g->status != TUFF_OK) printf("%s, case %s: %s\n", op->name, c->name, g->error.message);
    return g->status == TUFF_OK;
}

static bool fill_value(const struct tuff_graph *g, double **data, tuff_val v)
{
    data[v] = tuff_alloc(g->context, (size_t)tuff_shape_count(&g->values[v].type.shape) * sizeof **data);
    return data[v] != NULL;
}

bool op_fill_case(struct op_random *r, const struct tuff_graph *g, const struct tuff_op *op, const struct tuff_case *c,
                  const struct op_case_values *values, double **data)
{
    for (uint32_t k = 0; values->y && k < c->in_count; k++) {
        tuff_val v = values->in[k];
        if (!fill_value(g, data, v)) return false;
        op_fill(r, op, c, k, data[v], tuff_shape_count(&g->values[v].type.shape));
    }
    if (!values->y || !values->gy) return true;
    if (!fill_value(g, data, values->gy)) return false;
    for (uint64_t i = tuff_shape_count(&g->values[values->gy].type.shape); i-- > 0;)
        data[values->gy][i] = (double)(float)op_normal(r);
    return true;
}

bool op_fill_cases(struct op_random *r, const struct tuff_graph *g, const struct tuff_op *op,
                   const struct op_case_values *cases, double **data)
{
    bool ok = true;
    for (uint32_t c = 0; ok && c < op_case_count(op); c++) ok = op_fill_case(r, g, op, op_case(op, c), &cases[c], data);
    return ok;
}

/* ---- comparing ------------------------------------------------------------------------------------------------------------------ */

void op_compare(const struct tuff_graph *g, tuff_val v, const char *what, const double *expected, const double *bound,
                const double *got, struct op_totals *totals)
{
    uint64_t count = tuff_shape_count(&g->values[v].type.shape), wrong = 0, worst = 0;
    double most = 0;
    char shape[128];
    for (uint64_t i = 0; i < count; i++) {
        if (!(fabs(expected[i]) < OP_HUGE)) continue;
        totals->compared++;
        if (isinf(bound[i])) {
            totals->left_out++;
            continue;
        }
        double error = fabs(got[i] - expected[i]), ratio = error / (bound[i] > 0 ? bound[i] : 1e-300);
        if (bound[i] > 0 && ratio > totals->ratio) totals->ratio = ratio;
        if (error <= bound[i]) continue;
        if (wrong++ == 0 || ratio > most || isnan(ratio)) {
            most = ratio;
            worst = i;
        }
    }
    totals->wrong += wrong;
    if (wrong == 0) return;
    printf("%s: value %u, %s %s: %llu of %llu elements are wrong; element %llu: expected %.9g, got %.9g, bound %.3g\n", what,
           (unsigned)v, g->values[v].op->name, tuff_shape_text(&g->values[v].type.shape, shape, sizeof shape),
           (unsigned long long)wrong, (unsigned long long)count, (unsigned long long)worst, expected[worst], got[worst],
           bound[worst]);
}

/* ---- running --------------------------------------------------------------------------------------------------------------------- */

void op_pack(enum tuff_dtype dtype, const double *from, uint64_t count, void *to)
{
    for (uint64_t i = 0; i < count; i++) tuff_element_put(dtype, to, i, from[i]);
}

void op_unpack(enum tuff_dtype dtype, const void *from, uint64_t count, double *to)
{
    for (uint64_t i = 0; i < count; i++) to[i] = tuff_element(dtype, from, i);
}

static bool told(tuff_status status, const struct tuff_error *error)
{
    if (status != TUFF_OK) printf("%s: %s\n", tuff_status_name(status), error->message);
    return status == TUFF_OK;
}

static bool write_leaves(const struct tuff_graph *g, double *const *data, struct tuff_session *session,
                         struct tuff_executable *x)
{
    struct tuff_error error = {0};
    for (tuff_val v = 1; v < g->count; v++) {
        const struct tuff_type on_host = tuff_host_type(&g->values[v]), *type = &on_host;
        bool input = g->values[v].op->kind == TUFF_KIND_INPUT,
             kept = g->values[v].op->kind == TUFF_KIND_PARAM || g->values[v].op->kind == TUFF_KIND_STATE;
        if ((!input && !kept) || !data[v]) continue;
        uint64_t count = tuff_shape_count(&type->shape);
        void *bytes = tuff_alloc(g->context, (size_t)count * 8);
        if (!bytes) return false;
        if (tuff_is_blocks(type->dtype)) {
            float *numbers = tuff_alloc(g->context, (size_t)count * sizeof *numbers);
            if (!numbers) return false;
            for (uint64_t i = 0; i < count; i++) numbers[i] = (float)data[v][i];
            tuff_quantize_q8_0(numbers, count, bytes);
            tuff_free(g->context, numbers);
        } else {
            op_pack(type->dtype, data[v], count, bytes);
        }
        size_t size = (size_t)tuff_dtype_size(type->dtype, count);
        tuff_status status = input ? tuff_executable_write_any(x, v, bytes, size, &error)
                                   : tuff_session_write(session, v, bytes, size, &error);
        tuff_free(g->context, bytes);
        if (!told(status, &error)) return false;
    }
    return true;
}

/* All parameters at their places in the flat vector; what lies between is zero there too. */
static tuff_status read_params(const struct tuff_graph *g, struct tuff_session *session, const struct tuff_value *pack,
                               float *to, struct tuff_error *error)
{
    for (uint32_t k = 0; k < pack->in_count; k++) {
        size_t bytes = (size_t)tuff_shape_count(&g->values[pack->in[k]].type.shape) * sizeof *to;
        TUFF_TRY(tuff_session_read(session, pack->in[k], to, bytes, error));
        to += tuff_pack_room(g, pack->in[k]);
    }
    return TUFF_OK;
}

/* What an assignment wrote is read from its state. */
static bool read_outputs(const struct tuff_graph *g, struct tuff_session *session, struct tuff_executable *x,
                         struct op_run *run)
{
    struct tuff_error error = {0};
    for (uint32_t i = 0; i < run->count; i++) {
        const struct tuff_type on_host = tuff_host_type(&g->values[run->outputs[i]]), *type = &on_host;
        uint64_t count = tuff_shape_count(&type->shape);
        void *bytes = tuff_alloc(g->context, (size_t)count * 8);
        run->got[i] = tuff_alloc(g->context, (size_t)count * sizeof **run->got);
        if (!bytes || !run->got[i]) return false;
        const struct tuff_value *value = &g->values[run->outputs[i]];
        size_t size = (size_t)tuff_dtype_size(type->dtype, count);
        const struct tuff_value *target = value->op->class == TUFF_CLASS_ASSIGN ? &g->values[value->in[0]] : NULL;
        tuff_status status = !target ? tuff_executable_read(x, i, bytes, size, &error)
                             : target->op->kind == TUFF_KIND_PARAM_PACK
                                 ? read_params(g, session, target, bytes, &error)
                                 : tuff_session_read(session, value->in[0], bytes, size, &error);
        op_unpack(type->dtype, bytes, count, run->got[i]);
        tuff_free(g->context, bytes);
        if (!told(status, &error)) return false;
    }
    return true;
}

bool op_run_graph(struct tuff_device *device, struct tuff_graph *g, double *const *data, struct op_run *run)
{
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    struct tuff_error error = {0};
    struct tuff_executable_params params = {.struct_size = sizeof params,
                                            .outputs = run->outputs,
                                            .output_count = run->count,
                                            .any_size = run->any_size,
                                            .half_sums = run->half_sums};
    struct tuff_session_params session_params = {.struct_size = sizeof session_params, .compiler = run->compiler};
    bool ok = told(tuff_session_create(device, g, &session_params, &session, &error), &error) &&
              told(tuff_session_compile(session, &params, &x, &error), &error) && write_leaves(g, data, session, x);
    ok = ok && told(tuff_executable_run(x, &error), &error) && read_outputs(g, session, x, run);
    if (ok) run->counts = tuff_program_counts(tuff_executable_program(x));
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    return ok;
}

/* ---- wrong kernels ---------------------------------------------------------------------------------------------------------- */

/* A copy of text with the slip in place of every right one; free. */
static char *with_slip(const struct op_slip *slip, const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    if (!copy) exit(1);
    strcpy(copy, text);
    for (char *at = copy; (at = strstr(at, slip->right));) memcpy(at, slip->wrong, strlen(slip->wrong));
    return copy;
}

tuff_status op_compile_slip(void *user, struct tuff_context *context, const char *name, const char *source,
                            const char *preamble, uint32_t **spirv, size_t *words, struct tuff_error *error)
{
    const struct tuff_compiler *compiler = tuff_glslang();
    char *text = with_slip(user, source), *before = with_slip(user, preamble);
    tuff_status status = compiler->compile(compiler->user, context, name, text, before, spirv, words, error);
    free(text);
    free(before);
    return status;
}
