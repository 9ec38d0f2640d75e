/* leaf.c - inputs, parameters, states, constants; packs of parameters, gradients or optimizer state as one vector; assignments. */
#include "graph/ops/leaf.h"
#include "backend/parallel.h"
#include "graph/bound.h"
#include "graph/compile/emit_op.h"
#include "graph/ops/view.h"
#include "graph/philox.h"

#include <math.h>

static const char no_gradient[] = "a leaf has no operands";

static const struct tuff_attr leaf_attr[] = {
    {"dtype", "", TUFF_ATTR_DTYPE, 1, offsetof(struct tuff_leaf_attrs, dtype)},
    {"shape", "", TUFF_ATTR_SHAPE, 1, offsetof(struct tuff_leaf_attrs, shape)},
    {"init", "", TUFF_ATTR_I32, 1, offsetof(struct tuff_leaf_attrs, init_kind)},
    {"a", "", TUFF_ATTR_F64, 1, offsetof(struct tuff_leaf_attrs, init_a)},
    {"b", "", TUFF_ATTR_F64, 1, offsetof(struct tuff_leaf_attrs, init_b)},
    {"zero_row", "", TUFF_ATTR_I32, 1, offsetof(struct tuff_leaf_attrs, init_zero_row)},
    {"transient", "", TUFF_ATTR_I32, 1, offsetof(struct tuff_leaf_attrs, transient)},
};
static const struct tuff_attr full_attr[] = {
    {"dtype", "", TUFF_ATTR_DTYPE, 1, offsetof(struct tuff_full_attrs, dtype)},
    {"shape", "", TUFF_ATTR_SHAPE, 1, offsetof(struct tuff_full_attrs, shape)},
    {"value", "", TUFF_ATTR_F64, 1, offsetof(struct tuff_full_attrs, value)},
};

static bool has_initial(const struct tuff_op *op) { return op->kind == TUFF_KIND_PARAM || op->kind == TUFF_KIND_STATE; }

/* The bound of the initial values that devices cannot hold; NULL: they can. A normal distribution has none. */
static const double *initial_misfit(const struct tuff_leaf_attrs *attrs)
{
    uint32_t bounds = attrs->init_kind == TUFF_INIT_CONSTANT ? 1 : attrs->init_kind == TUFF_INIT_UNIFORM ? 2 : 0;
    const double *bound[2] = {&attrs->init_a, &attrs->init_b};
    for (uint32_t i = 0; i < bounds; i++) {
        bool whole = attrs->dtype == TUFF_I64 && !(fabs(*bound[i]) < 2147483648.0);
        bool large = attrs->dtype == TUFF_F64 && isfinite(*bound[i]) && isinf((float)*bound[i]);
        if (whole || large) return bound[i];
    }
    return NULL;
}

static tuff_status leaf_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_leaf_attrs *attrs = infer->attrs; /* full's begin alike */
    bool blocks = tuff_is_blocks((enum tuff_dtype)attrs->dtype);
    uint32_t last = attrs->shape.rank && attrs->shape.rank <= TUFF_MAX_RANK ? attrs->shape.dim[attrs->shape.rank - 1] : 0;
    if (blocks && (last == 0 || last % tuff_dtype_row((enum tuff_dtype)attrs->dtype)->elements != 0 ||
                   infer->op->kind == TUFF_KIND_FULL || (has_initial(infer->op) && attrs->init_kind))) {
        return tuff_infer_refuse(infer, "%s needs a last dimension of whole blocks, and content that the host writes",
                                 tuff_dtype_name((enum tuff_dtype)attrs->dtype));
    }
    if (!tuff_dtype_known(attrs->dtype) || attrs->shape.rank > TUFF_MAX_RANK) {
        if (attrs->shape.rank > TUFF_MAX_RANK)
            return tuff_infer_refuse(infer, "a shape has at most %d axes, not %u", TUFF_MAX_RANK, attrs->shape.rank);
        return tuff_infer_refuse(infer, "there is no type %d (enum tuff_dtype)", (int)attrs->dtype);
    }
    const double *misfit = has_initial(infer->op) ? initial_misfit(attrs) : NULL;
    if (misfit) {
        enum tuff_dtype host = (enum tuff_dtype)attrs->dtype;
        return tuff_infer_refuse(infer, "the initial value %.17g does not fit into %s, as which devices hold %s", *misfit,
                                 tuff_dtype_name(tuff_dtype_device(host)), tuff_dtype_name(host));
    }
    *out = attrs->shape;
    return TUFF_OK;
}

static void full_ref(const struct tuff_ref *ref)
{
    const struct tuff_full_attrs *attrs = ref->value->attrs;
    double value = tuff_dtype_number(tuff_host_type(ref->value).dtype, attrs->value);
    for (uint64_t i = tuff_shape_count(&attrs->shape); i-- > 0;) ref->out[i] = value;
}

static void constant_ref(const struct tuff_ref *ref)
{
    for (uint64_t i = tuff_shape_count(&ref->value->type.shape); i-- > 0;)
        ref->out[i] = tuff_element(tuff_host_type(ref->value).dtype, ref->value->data, i);
}

static tuff_status rounded_bound(const struct tuff_bound *b)
{
    for (uint64_t i = 0; i < b->count && tuff_is_float(b->value->type.dtype); i++)
        b->bound[i] = isfinite(b->out[i]) ? fabs((double)(float)b->out[i] - b->out[i]) : 0;
    return TUFF_OK;
}

#define LEAF(symbol, text, kind_, attrs_, type, ref_, bound_)                                                               \
    const struct tuff_op symbol = {.name = text,                                                                            \
                                   .class = TUFF_CLASS_LEAF,                                                                \
                                   .kind = kind_,                                                                           \
                                   TUFF_ATTRS(attrs_, type),                                                                \
                                   .infer = leaf_infer,                                                                     \
                                   .result = TUFF_RESULT_NAMED,                                                             \
                                   .error = TUFF_ERROR_NONE,                                                                \
                                   .nondiff = no_gradient,                                                                  \
                                   .ref = ref_,                                                                             \
                                   .bound = bound_}
LEAF(tuff_op_input, "input", TUFF_KIND_INPUT, leaf_attr, struct tuff_leaf_attrs, NULL, NULL);
LEAF(tuff_op_param, "param", TUFF_KIND_PARAM, leaf_attr, struct tuff_leaf_attrs, NULL, NULL);
LEAF(tuff_op_state, "state", TUFF_KIND_STATE, leaf_attr, struct tuff_leaf_attrs, NULL, NULL);
LEAF(tuff_op_constant, "constant", TUFF_KIND_CONSTANT, full_attr, struct tuff_full_attrs, constant_ref, rounded_bound);

static const char *full_emit(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    const struct tuff_full_attrs *attrs = value->attrs;
    (void)coords;
    const char *name = tuff_emit_name(e);
    tuff_text_add(tuff_emit_text(e), "    %s %s = %s;\n", tuff_glsl_type(value->type.dtype), name,
                  tuff_emit_literal(e, value->type.dtype, attrs->value));
    return name;
}

static struct tuff_index full_number(const struct tuff_value *value, const struct tuff_coords *coords)
{
    (void)coords;
    return (struct tuff_index){
        .constant = tuff_register_bits(value->type.dtype, ((const struct tuff_full_attrs *)value->attrs)->value)};
}

bool tuff_is_full(const struct tuff_graph *g, tuff_val v, double *number)
{
    const struct tuff_value *value = tuff_value_of(g, v);
    if (value->op->kind != TUFF_KIND_FULL) return false;
    *number = tuff_dtype_number(tuff_host_type(value).dtype, ((const struct tuff_full_attrs *)value->attrs)->value);
    return true;
}

/* full is written into the code that reads it */
const struct tuff_op tuff_op_full = {
    .name = "full",
    .onnx = "ConstantOfShape",
    .class = TUFF_CLASS_INLINE,
    .kind = TUFF_KIND_FULL,
    TUFF_ATTRS(full_attr, struct tuff_full_attrs),
    .infer = leaf_infer,
    .result = TUFF_RESULT_NAMED,
    .nondiff = no_gradient,
    .ref = full_ref,
    .bound = rounded_bound,
    .emit = full_emit,
    .number = full_number,
};

tuff_val tuff_full(struct tuff_graph *g, enum tuff_dtype dtype, struct tuff_shape shape, double value)
{
    struct tuff_full_attrs attrs = {.dtype = (int32_t)dtype, .shape = shape, .value = value};
    return tuff_graph_add(g, &tuff_op_full, NULL, 0, &attrs);
}

tuff_val tuff_scalar(struct tuff_graph *g, double value) { return tuff_full(g, TUFF_F32, (struct tuff_shape){0}, value); }

tuff_val tuff_constant(struct tuff_graph *g, struct tuff_type type, const void *data)
{
    struct tuff_full_attrs attrs = {.dtype = (int32_t)type.dtype, .shape = type.shape};
    if (!tuff_graph_ok(g)) return 0;
    if (!data) return tuff_graph_fail(g, TUFF_ERR_USAGE, "constant: its data are missing (NULL)");
    tuff_val v = tuff_graph_add(g, &tuff_op_constant, NULL, 0, &attrs);
    if (!v) return 0;
    g->values[v].data = tuff_arena_copy(&g->arena, data, (size_t)tuff_type_bytes(&type));
    return g->values[v].data ? v : tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
}

bool tuff_is_transient(const struct tuff_value *value)
{
    return value->op->kind == TUFF_KIND_STATE && ((const struct tuff_leaf_attrs *)value->attrs)->transient;
}

bool tuff_is_kept(const struct tuff_value *value)
{
    return value->op->kind == TUFF_KIND_PARAM || value->op->kind == TUFF_KIND_STATE;
}

bool tuff_is_trained(const struct tuff_value *value)
{
    return value->op->kind == TUFF_KIND_PARAM && value->type.dtype == TUFF_F32;
}

static bool holds(const struct tuff_value *pack, tuff_val param)
{
    for (uint32_t i = 0; pack->op->kind == TUFF_KIND_PARAM_PACK && i < pack->in_count; i++)
        if (pack->in[i] == param) return true;
    return false;
}

static bool share_members(const struct tuff_value *a, const struct tuff_value *b)
{
    for (uint32_t i = 0; a->op->kind == TUFF_KIND_PARAM_PACK && i < a->in_count; i++)
        if (holds(b, a->in[i])) return true;
    return false;
}

/* A parameter lies inside its packs, of which two may share it; a packed vector lies in its target. */
bool tuff_leaves_overlap(const struct tuff_graph *g, tuff_val a, tuff_val b)
{
    if (g->values[a].op->kind == TUFF_KIND_PACK) a = g->values[a].in[0];
    if (g->values[b].op->kind == TUFF_KIND_PACK) b = g->values[b].in[0];
    return a == b || holds(&g->values[a], b) || holds(&g->values[b], a) || share_members(&g->values[a], &g->values[b]);
}

/* ---- packs ---------------------------------------------------------------------------------------------------------------- */

uint32_t tuff_graph_params(const struct tuff_graph *g, tuff_val *out, uint32_t capacity)
{
    uint32_t count = 0;
    for (uint32_t v = 1; v < g->count; v++)
        if (tuff_is_trained(&g->values[v])) {
            if (count < capacity) out[count] = v;
            count++;
        }
    return count;
}

uint64_t tuff_pack_room(const struct tuff_graph *g, tuff_val member)
{
    return tuff_align(tuff_shape_count(&g->values[member].type.shape), TUFF_PLAN_ALIGNMENT / sizeof(float));
}

uint64_t tuff_pack_length(const struct tuff_graph *g, const tuff_val *members, uint32_t count)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < count; i++) at += tuff_pack_room(g, members[i]);
    return at;
}

/* Among how many stretches that are laid the value comes; laid_count: it is not laid yet. */
static uint32_t laid_at(const struct tuff_graph *g, tuff_val v)
{
    uint32_t first = 0, end = g->laid_count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (g->laid[middle] > v)
            end = middle;
        else
            first = middle + 1;
    }
    return first;
}

tuff_status tuff_graph_laid(struct tuff_graph *g, tuff_val end)
{
    uint32_t at = laid_at(g, end);
    if (at && g->laid[at - 1] == end) return TUFF_OK;
    if (!TUFF_GROW_ARENA(&g->arena, g->laid, g->laid_count, 1)) return TUFF_ERR_MEMORY;
    memmove(g->laid + at + 1, g->laid + at, (g->laid_count - at) * sizeof *g->laid);
    g->laid[at] = end;
    g->laid_count++;
    return TUFF_OK;
}

uint32_t tuff_pack_run(const struct tuff_graph *g, const tuff_val *members, uint32_t count)
{
    uint32_t run = 1, at = count ? laid_at(g, members[0]) : 0;
    for (; run < count && laid_at(g, members[run]) == at; run++) {
        bool neighbours = true;
        for (tuff_val v = members[run - 1] + 1; v < members[run] && at < g->laid_count && neighbours; v++)
            neighbours = !tuff_is_trained(&g->values[v]);
        if (!neighbours) break;
    }
    return run < count ? run : count;
}

static tuff_status param_pack_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    uint64_t count = tuff_pack_length(infer->graph, infer->in_values, infer->in_count);
    if (count > INT32_MAX) {
        tuff_graph_fail(infer->graph, TUFF_ERR_SHAPE, "%s: more than 2^31 - 1 parameters", infer->op->name);
        return TUFF_ERR_SHAPE;
    }
    *out = (struct tuff_shape){1, {(uint32_t)count}};
    return TUFF_OK;
}

static void pack_members_ref(const struct tuff_ref *ref, uint32_t first)
{
    uint64_t at = 0;
    for (uint32_t k = first; k < ref->value->in_count; k++) {
        uint64_t count = tuff_shape_count(&ref->in_types[k].shape);
        memcpy(ref->out + at, ref->in[k], (size_t)count * sizeof *ref->out);
        at += tuff_align(count, TUFF_PLAN_ALIGNMENT / sizeof(float));
    }
}
static void param_pack_ref(const struct tuff_ref *ref) { pack_members_ref(ref, 0); }
static void pack_ref(const struct tuff_ref *ref) { pack_members_ref(ref, 1); }

static const char pack_gradient[] = "packs belong to optimizers, behind the gradients";
const struct tuff_op tuff_op_param_pack = {
    .name = "param_pack",
    .class = TUFF_CLASS_LEAF,
    .kind = TUFF_KIND_PARAM_PACK,
    TUFF_OPERANDS(1, 255),
    .infer = param_pack_infer,
    .nondiff = pack_gradient,
    .ref = param_pack_ref,
    .error = TUFF_ERROR_MOVES,
};
const struct tuff_op tuff_op_pack = {
    .name = "pack",
    .class = TUFF_CLASS_LEAF,
    .kind = TUFF_KIND_PACK,
    TUFF_OPERANDS(2, 255),
    .infer = tuff_same_infer, /* the target's; tuff_pack has checked the members */
    .result = TUFF_RESULT_OPERAND_0,
    .nondiff = pack_gradient,
    .ref = pack_ref,
    .error = TUFF_ERROR_MOVES,
};

tuff_val tuff_param_pack(struct tuff_graph *g, const tuff_val *members, uint32_t count)
{
    if (count == 0) return tuff_graph_fail(g, TUFF_ERR_USAGE, "the graph has no parameters to train");
    return tuff_graph_add(g, &tuff_op_param_pack, members, count, NULL);
}

tuff_val tuff_pack(struct tuff_graph *g, tuff_val target, const tuff_val *x, uint32_t count)
{
    if (!tuff_graph_takes_one(g, "pack", target, 0) || !tuff_graph_takes(g, "pack", x, count)) return 0;
    tuff_val *in = tuff_arena_alloc(&g->arena, (count + 1) * sizeof *in);
    if (!in) return tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
    in[0] = target;
    memcpy(in + 1, x, count * sizeof *x);
    struct tuff_type type = tuff_type_of(g, target);
    if (type.shape.rank != 1 || type.dtype != TUFF_F32 || tuff_pack_length(g, x, count) != type.shape.dim[0])
        return tuff_graph_fail(g, TUFF_ERR_USAGE, "pack: the target does not have the members' length");
    return tuff_graph_add(g, &tuff_op_pack, in, count + 1, NULL);
}

/* ---- assign --------------------------------------------------------------------------------------------------------------- */

static tuff_status assign_infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_op *op = tuff_value_of(infer->graph, infer->in_values[0])->op;
    if (op->kind != TUFF_KIND_STATE && op->kind != TUFF_KIND_PARAM && op->kind != TUFF_KIND_PARAM_PACK) {
        tuff_graph_refuse(infer->graph, TUFF_ERR_USAGE, "assign", infer->in_values, 2,
                          "the first must be a state or a parameter, which keeps what it is given");
        return TUFF_ERR_USAGE;
    }
    if (infer->in[0]->dtype != infer->in[1]->dtype || !tuff_shape_equal(&infer->in[0]->shape, &infer->in[1]->shape))
        return tuff_infer_refuse(infer, "the value must have the type and shape of the state: nothing is cast or broadcast");
    *out = infer->in[0]->shape;
    return TUFF_OK;
}

static void assign_ref(const struct tuff_ref *ref)
{
    memcpy(ref->out, ref->in[1], (size_t)tuff_shape_count(&ref->value->type.shape) * sizeof *ref->out);
}

const struct tuff_op tuff_op_assign = {
    .name = "assign",
    .class = TUFF_CLASS_ASSIGN,
    TUFF_OPERANDS(2, 2),
    .infer = assign_infer,
    .result = TUFF_RESULT_OPERAND_0,
    .nondiff = "ends a run",
    .ref = assign_ref,
    .error = TUFF_ERROR_MOVES,
};

tuff_val tuff_assign(struct tuff_graph *g, tuff_val state, tuff_val value)
{
    tuff_val in[2] = {state, value};
    return tuff_graph_add(g, &tuff_op_assign, in, 2, NULL);
}

tuff_val tuff_written_leaf(const struct tuff_graph *g, tuff_val v)
{
    if (g->values[v].op->class == TUFF_CLASS_ASSIGN) return g->values[v].in[0];
    while (g->values[v].op->traits & TUFF_UPDATES) v = g->values[v].in[g->values[v].in_count - 1];
    return v;
}

/* ---- initial values --------------------------------------------------------------------------------------------------------- */

static void fans(const struct tuff_shape *shape, double *fan_in, double *fan_out)
{
    double area = 1;
    for (uint32_t i = 2; i < shape->rank; i++) area *= shape->dim[i];
    *fan_in = shape->rank == 0 ? 1 : (shape->rank == 1 ? shape->dim[0] : shape->dim[1] * area);
    *fan_out = shape->rank == 0 ? 1 : (shape->rank == 1 ? shape->dim[0] : shape->dim[0] * area);
}

static double init_one(const struct tuff_leaf_attrs *attrs, double center, double spread, bool normal,
                       struct tuff_philox_stream *numbers, uint32_t index)
{
    if (attrs->init_kind == TUFF_INIT_DEFAULT) return 0;
    if (attrs->init_kind == TUFF_INIT_CONSTANT) return attrs->init_a;
    if (!normal) return center + spread * (2.0 * (double)tuff_philox_next(numbers, index) - 1.0);
    double u = 1.0 - (double)tuff_philox_next(numbers, 2 * index); /* Box and Muller 1958 */
    double v = (double)tuff_philox_next(numbers, 2 * index + 1);
    return center + spread * sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

static bool is_rng(const struct tuff_value *value)
{
    return value->op->kind == TUFF_KIND_STATE && !strcmp(value->name, TUFF_RNG_STATE) && value->type.dtype == TUFF_I32 &&
           tuff_type_bytes(&value->type) == 12;
}

bool tuff_leaf_starts_zero(const struct tuff_value *value)
{
    return ((const struct tuff_leaf_attrs *)value->attrs)->init_kind == TUFF_INIT_DEFAULT && !is_rng(value);
}

/* One leaf's numbers: each follows from its index alone, so that threads take pieces. */
struct init {
    const struct tuff_value *value; /* [borrowed] */
    uint64_t seed;
    void *memory; /* [borrowed] */
    double center, spread;
    bool normal;
};

#define INIT_PIECE 65536u

static tuff_status init_piece(void *user, uint32_t piece, struct tuff_error *error)
{
    (void)error;
    const struct init *init = user;
    const struct tuff_value *value = init->value;
    const struct tuff_leaf_attrs *attrs = value->attrs;
    struct tuff_philox_stream numbers = {.key = {(uint32_t)init->seed, (uint32_t)(init->seed >> 32)},
                                         .stream = (uint32_t)tuff_hash_text(0, value->name ? value->name : "")};
    uint64_t count = tuff_shape_count(&attrs->shape), row = attrs->shape.rank ? count / attrs->shape.dim[0] : count;
    uint64_t zeros = attrs->init_zero_row > 0 ? ((uint64_t)attrs->init_zero_row - 1) * row : count;
    uint64_t begin = (uint64_t)piece * INIT_PIECE, end = begin + INIT_PIECE < count ? begin + INIT_PIECE : count;
    for (uint64_t i = begin; i < end; i++) {
        double v = i >= zeros && i - zeros < row ? 0
                   : value->data                 ? (double)((const float *)value->data)[i]
                                 : init_one(attrs, init->center, init->spread, init->normal, &numbers, (uint32_t)i);
        tuff_element_put(value->type.dtype, init->memory, i, v);
    }
    return TUFF_OK;
}

static tuff_status init_values(struct tuff_context *context, const struct tuff_value *value, uint64_t seed, void *memory,
                               struct tuff_error *error)
{
    const struct tuff_leaf_attrs *attrs = value->attrs;
    double fan_in, fan_out, gain = attrs->init_a, center = 0, spread = 0;
    fans(&attrs->shape, &fan_in, &fan_out);
    bool kaiming = attrs->init_kind == TUFF_INIT_KAIMING_UNIFORM || attrs->init_kind == TUFF_INIT_KAIMING_NORMAL;
    if (gain == 0) gain = kaiming ? 1.4142135623730951 : 1.0;
    bool normal = false;
    switch ((enum tuff_init_kind)attrs->init_kind) {
    case TUFF_INIT_DEFAULT:
    case TUFF_INIT_ZEROS:
    case TUFF_INIT_CONSTANT:
    case TUFF_INIT_DATA: break;
    case TUFF_INIT_UNIFORM:
        center = (attrs->init_a + attrs->init_b) / 2;
        spread = (attrs->init_b - attrs->init_a) / 2;
        break;
    case TUFF_INIT_NORMAL: center = attrs->init_a, spread = attrs->init_b, normal = true; break;
    case TUFF_INIT_KAIMING_UNIFORM: spread = gain * sqrt(3.0 / fan_in); break;
    case TUFF_INIT_KAIMING_NORMAL: spread = gain / sqrt(fan_in), normal = true; break;
    case TUFF_INIT_XAVIER_UNIFORM: spread = gain * sqrt(6.0 / (fan_in + fan_out)); break;
    case TUFF_INIT_XAVIER_NORMAL: spread = gain * sqrt(2.0 / (fan_in + fan_out)), normal = true; break;
    }
    struct init init = {value, seed, memory, center, spread, normal};
    uint64_t pieces = (tuff_shape_count(&attrs->shape) + INIT_PIECE - 1) / INIT_PIECE;
    if (pieces == 1) return init_piece(&init, 0, error); /* no thread for it */
    return tuff_parallel(context, (uint32_t)pieces, init_piece, &init, "first values", NULL, error);
}

tuff_status tuff_leaf_init(struct tuff_context *context, const struct tuff_value *value, uint64_t seed, void *memory,
                           struct tuff_error *error)
{
    const uint32_t state[3] = {(uint32_t)seed, (uint32_t)(seed >> 32), 0};
    if (!is_rng(value)) return init_values(context, value, seed, memory, error);
    memcpy(memory, state, sizeof state);
    return TUFF_OK;
}
