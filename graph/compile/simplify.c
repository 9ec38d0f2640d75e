/* simplify.c - copies the values that the outputs need into a fresh graph, and on the way folds constants, drops identities,
 * joins views, and finds values that are there already; or only copies. requires: a checked graph. keeps: leaves, names, types. */
#include "graph/compile/compile.h"
#include "graph/ops/leaf.h"
#include "graph/reference.h"

/* ---- equal values ------------------------------------------------------------------------------------------------------------- */

static bool may_be_joined(const struct tuff_op *op)
{
    if (op->traits & TUFF_STAYS_APART) return false;
    return op->class != TUFF_CLASS_ASSIGN && (op->class != TUFF_CLASS_LEAF || op->kind == TUFF_KIND_PARAM_PACK);
}

static uint64_t hash_value(const struct tuff_op *op, const tuff_val *in, uint32_t count, const void *attrs)
{
    uint64_t hash = tuff_hash_text(count, op->name);
    if (count) hash = tuff_hash(hash, in, count * sizeof *in);
    return tuff_attrs_hash(op, hash, attrs);
}

static bool is_equal(const struct tuff_value *o, const tuff_val *o_in, const struct tuff_op *op, const tuff_val *in,
                     uint32_t count, const void *attrs)
{
    return o->op == op && o->in_count == count && (!count || !memcmp(o_in, in, count * sizeof *in)) &&
           tuff_attrs_equal(op, o->attrs, attrs);
}

/* Place in w->equal_values of what computes the same, or TUFF_LOOKUP_END. */
static uint32_t equal_place(const struct tuff_work *w, uint64_t hash, const struct tuff_op *op, const tuff_val *in,
                            uint32_t count, const void *attrs)
{
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(&w->equal, hash, &step)) != TUFF_LOOKUP_END) {
        const struct tuff_value *o = val(w, w->equal_values[place]);
        if (is_equal(o, o->in, op, in, count, attrs)) break;
    }
    return place;
}

/* A value of the new graph that computes the same, or 0: the last one where there are several. */
static tuff_val find_equal(struct tuff_work *w, const struct tuff_op *op, const tuff_val *in, uint32_t count,
                           const void *attrs)
{
    if (w->equal_next == 0) w->equal_next = 1;
    for (; w->equal_next < w->g->count; w->equal_next++) {
        const struct tuff_value *v = val(w, w->equal_next);
        if (!may_be_joined(v->op)) continue;
        uint64_t hash = hash_value(v->op, v->in, v->in_count, v->attrs);
        uint32_t place = equal_place(w, hash, v->op, v->in, v->in_count, v->attrs);
        if (place == TUFF_LOOKUP_END) {
            place = w->equal.count;
            if (!TUFF_GROW_ARENA(w->arena, w->equal_values, place, 1) || !tuff_lookup_add(&w->equal, w->arena, hash, place))
                return 0; /* without joining it is right too */
        }
        w->equal_values[place] = w->equal_next;
    }
    if (!may_be_joined(op)) return 0;
    uint32_t place = equal_place(w, hash_value(op, in, count, attrs), op, in, count, attrs);
    return place == TUFF_LOOKUP_END ? 0 : w->equal_values[place];
}

/* Is this a constant of the host alone? What follows from such ones alone the host computes, in their wide types. */
static bool is_of_host(const struct tuff_work *w, tuff_val v)
{
    return v && (val(w, v)->op->kind == TUFF_KIND_CONSTANT || val(w, v)->op->kind == TUFF_KIND_FULL) &&
           tuff_is_host(tuff_host_type(val(w, v)).dtype);
}

static bool any_of_host(const struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    for (uint32_t i = 0; i < old->in_count; i++)
        if (is_of_host(w, in[i])) return true;
    return false;
}

/* The type of what is folded: what a cast names, else the wide one where an operand is. */
static struct tuff_type folded_type(const struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    enum tuff_dtype named = tuff_named_dtype(old->op, old->attrs);
    if (!any_of_host(w, old, in)) return old->type;
    return (struct tuff_type){named ? named : tuff_dtype_hosted(old->type.dtype), old->type.shape};
}

/* One number for all elements: evaluates the operator on single elements. */
static tuff_val fold_uniform(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    bool each = (old->op->traits & TUFF_KEEPS_ORDER) && old->op->ref && !old->op->map;
    double c[4] = {0}, y = 0;
    const double *pointers[4] = {0};
    struct tuff_type types[4], type = folded_type(w, old, in);
    if (!each || old->in_count == 0 || old->in_count > 4) return 0;
    for (uint32_t i = 0; i < old->in_count; i++) {
        if (!in[i]) continue;
        if (!tuff_is_full(w->g, in[i], &c[i])) return 0;
        pointers[i] = &c[i];
        types[i] = (struct tuff_type){tuff_host_type(val(w, in[i])).dtype, {0}};
    }
    struct tuff_value one = *old;
    one.type = (struct tuff_type){type.dtype, {0}};
    tuff_reference_apply(&(struct tuff_ref){.value = &one, .in_types = types, .in = pointers, .out = &y});
    return tuff_full(w->g, type.dtype, type.shape, y);
}

/* ---- constants with data ------------------------------------------------------------------------------------------------------ */

enum {
    LARGEST_FOLDED = 1 << 16, /* elements: constants travel in the plan */
    LARGEST_WIDENED = 64,     /* of a wider type than the operand's: weights of few bits stay so in memory */
    MOST_FOLDED = 1 << 24,    /* elements of all operands and results, so that a small graph takes no gigabytes */
    MOST_WORK = 1 << 28       /* additions and multiplications of all, so that it takes no minutes: about a second */
};

/* Elements of a constant or full value as doubles, allocated; NULL for other values. */
static double *constant_elements(const struct tuff_work *w, tuff_val v)
{
    const struct tuff_value *value = val(w, v);
    if (value->op->kind != TUFF_KIND_CONSTANT && value->op->kind != TUFF_KIND_FULL) return NULL;
    double *out = tuff_alloc(w->context, (size_t)tuff_shape_count(&value->type.shape) * sizeof *out);
    if (out) value->op->ref(&(struct tuff_ref){.value = value, .out = out});
    return out;
}

static tuff_val add_constant(struct tuff_work *w, const struct tuff_type *type, const double *elements)
{
    uint64_t count = tuff_shape_count(&type->shape);
    void *data = tuff_alloc(w->context, (size_t)tuff_type_bytes(type));
    if (!data) return 0; /* without folding it is right too */
    for (uint64_t i = 0; i < count; i++) tuff_element_put(type->dtype, data, i, elements[i]);
    tuff_val v = tuff_constant(w->g, *type, data);
    tuff_free(w->context, data);
    return v;
}

/* Can the host compute this? All operands are constants of which one has data: numbers alone are left to the code. */
static bool can_fold(const struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    bool data = any_of_host(w, old, in);
    if (old->in_count == 0 || !old->op->ref || (old->op->traits & TUFF_OWNS_MEMORY) || old->op->more_count ||
        (old->op->class != TUFF_CLASS_INLINE && old->op->class != TUFF_CLASS_KERNEL))
        return false;
    for (uint32_t i = 0; i < old->in_count; i++) {
        enum tuff_op_kind kind = in[i] ? val(w, in[i])->op->kind : TUFF_KIND_FULL;
        if (kind != TUFF_KIND_CONSTANT && kind != TUFF_KIND_FULL) return false;
        data = data || kind == TUFF_KIND_CONSTANT;
    }
    return data;
}

/* Is there room for it? What is wide has to be computed here, and fails where there is none. */
static bool take_room(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in, const struct tuff_type *types)
{
    uint64_t result = tuff_shape_count(&old->type.shape), elements = result;
    bool host = any_of_host(w, old, in);
    for (uint32_t i = 0; i < old->in_count; i++) elements += in[i] ? tuff_shape_count(&val(w, in[i])->type.shape) : 0;
    double work = w->folded_work + tuff_op_work(old, types);
    bool fits = elements <= MOST_FOLDED - w->folded && work <= MOST_WORK;
    if (!host && result > LARGEST_WIDENED && old->in_count == 1 &&
        tuff_dtype_size(types[0].dtype, result) < tuff_dtype_size(old->type.dtype, result))
        return false;
    if (!fits && host)
        tuff_graph_fail(w->g, TUFF_ERR_UNSUPPORTED,
                        "%s: constants of i64 and f64 are computed by the host: at most %u elements and %u operations",
                        old->op->name, (unsigned)MOST_FOLDED, (unsigned)MOST_WORK);
    if (!fits || (!host && result > LARGEST_FOLDED)) return false;
    w->folded += elements;
    w->folded_work = work;
    return true;
}

/* An operator on constants of which one has data is evaluated now, by its definition. */
static tuff_val fold_constants(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    if (!can_fold(w, old, in)) return 0;
    struct tuff_type *types = tuff_arena_alloc(w->arena, old->in_count * sizeof *types);
    for (uint32_t i = 0; types && i < old->in_count; i++)
        if (in[i]) types[i] = tuff_host_type(val(w, in[i]));
    if (!types || !take_room(w, old, in, types)) return 0;
    struct tuff_value one = *old;
    tuff_val folded = 0;
    const double **elements = tuff_alloc(w->context, old->in_count * sizeof *elements);
    double *out = tuff_alloc(w->context, (size_t)tuff_shape_count(&old->type.shape) * sizeof *out);
    bool memory = elements && out;
    for (uint32_t i = 0; memory && i < old->in_count; i++) {
        if (!in[i]) continue;
        elements[i] = constant_elements(w, in[i]);
        memory = elements[i] != NULL;
    }
    if (memory) {
        one.type = folded_type(w, old, in);
        tuff_reference_apply(&(struct tuff_ref){.value = &one, .in_types = types, .in = elements, .out = out});
        folded = add_constant(w, &one.type, out);
    }
    for (uint32_t i = 0; elements && i < old->in_count; i++) tuff_free(w->context, (void *)elements[i]);
    tuff_free(w->context, (void *)elements);
    tuff_free(w->context, out);
    return folded;
}

static tuff_val of_host(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    if (!any_of_host(w, old, in)) return 0;
    tuff_val v = fold_uniform(w, old, in);
    return v ? v : fold_constants(w, old, in);
}

/* All places of one number are alike. */
static tuff_val view_of_full(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    double c;
    bool view = old->op->map && !(old->op->traits & TUFF_OWNS_MEMORY);
    return view && tuff_is_full(w->g, in[0], &c) ? tuff_full(w->g, tuff_host_type(val(w, in[0])).dtype, old->type.shape, c)
                                                 : 0;
}

/* Rows take f16 and give f32, take bytes and give i32: then they are no identity. */
static bool same_type(const struct tuff_work *w, const struct tuff_value *old, tuff_val v)
{
    return val(w, v)->type.dtype == old->type.dtype && tuff_shape_equal(&val(w, v)->type.shape, &old->type.shape);
}

static tuff_val simpler(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    tuff_val v = of_host(w, old, in);
    if (!v) v = view_of_full(w, old, in);
    if (!v && old->op->simpler) v = old->op->simpler(w->g, old, in);
    if (v && !same_type(w, old, v)) v = 0;
    if (!v) v = fold_uniform(w, old, in);
    return v ? v : fold_constants(w, old, in);
}

/* More operands than a launch has buffers for are taken in parts, as a concat of concats. Not a matter of speed: never off. */
static tuff_val take_parts(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in, uint32_t count)
{
    uint32_t limit = tuff_binding_limit(w), largest = 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t windows = tuff_windows(w, &val(w, in[i])->type);
        if (windows > largest) largest = windows;
    }
    uint32_t each = limit > 4 * largest ? limit / largest - 2 : 2, parts = 0;
    if (w->params->plain && each > 4) each = 4; /* operands of plain_move.comp */
    if (count <= each) return tuff_graph_add(w->g, old->op, in, count, old->attrs);
    tuff_val *part = tuff_arena_alloc(w->arena, (count / each + 1) * sizeof *part);
    if (!part) return tuff_graph_fail(w->g, TUFF_ERR_MEMORY, "out of host memory");
    for (uint32_t at = 0; at < count; at += each) {
        uint32_t n = count - at < each ? count - at : each;
        part[parts++] = n == 1 ? in[at] : tuff_graph_add(w->g, old->op, in + at, n, old->attrs);
    }
    return take_parts(w, old, part, parts);
}

/* Kernels without hook text read f32, but for reductions. Not a matter of speed: never off. */
static void widen_operands(struct tuff_work *w, const struct tuff_value *old, tuff_val *in)
{
    for (uint32_t i = 0; i < old->in_count; i++) {
        bool port = old->op->class == TUFF_CLASS_KERNEL && !(old->op->reduces && i == 0);
        if (port && in[i] && tuff_dtype_row(val(w, in[i])->type.dtype)->reg[0] == 'f')
            in[i] = tuff_cast(w->g, in[i], TUFF_F32);
    }
}

/* Rounds of a loop bind their operands: what is no memory, or begins in it anywhere, is copied. Not a matter of speed: never off. */
static tuff_val bindable(struct tuff_work *w, tuff_val v)
{
    uint64_t offset, sum = 0;
    tuff_val from = v;
    for (; tuff_is_alias(w->g, from, &offset); from = val(w, from)->in[0]) sum += offset;
    bool aligned = tuff_dtype_size(val(w, v)->type.dtype, sum) % TUFF_PLAN_ALIGNMENT == 0;
    if (aligned && !val(w, from)->op->number) return v;
    return tuff_graph_add(w->g, &tuff_op_copy, &v, 1, NULL);
}

/* What was expanded is no value of the new graph: its equals are found in an array of their own. */
static const tuff_val *find_expanded(const struct tuff_work *w, uint64_t hash, const struct tuff_value *old,
                                     const tuff_val *in)
{
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(&w->expanded, hash, &step)) != TUFF_LOOKUP_END) {
        const struct tuff_expansion *x = &w->expansions[place];
        if (is_equal(x->value, x->in, old->op, in, old->in_count, old->attrs)) return x->results;
    }
    return NULL;
}

/* All results. False: it stays as it is. */
static bool expand(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in, tuff_val *results)
{
    const struct tuff_op *op = old->op;
    bool bytes = op->integers == TUFF_INTEGERS_BYTES && old->type.dtype == TUFF_I32; /* few devices have kernels */
    bool passes = !(w->params->plain || w->params->debug & TUFF_DEBUG_NOSIMPLIFY);
    bool asked = op->expand && (passes || op->splits || bytes),
         composed = op->compose && !tuff_op_has_kernel(w->g, op, old, in, w->params->any_size);
    if (!asked && !composed) return false;
    uint64_t hash = hash_value(op, in, old->in_count, old->attrs);
    const tuff_val *known = may_be_joined(op) ? find_expanded(w, hash, old, in) : NULL;
    if (known) memcpy(results, known, TUFF_MOST_RESULTS * sizeof *results);
    if (known) return true;
    if (!composed)
        results[0] = op->expand(w->g, old, in);
    else if (!op->compose(w->g, old, in, results))
        results[0] = 0;
    if (results[0] && !val(w, results[0])->name) w->g->values[results[0]].name = old->name;
    uint32_t count = w->expanded.count;
    if (!results[0] || !TUFF_GROW_ARENA(w->arena, w->expansions, count, 1))
        return results[0] != 0; /* without joining it is right too */
    w->expansions[count] = (struct tuff_expansion){.value = old, .in = in};
    memcpy(w->expansions[count].results, results, sizeof w->expansions[count].results);
    (void)tuff_lookup_add(&w->expanded, w->arena, hash, count);
    return true;
}

/* Keeps what a kernel of the user's graph has become: its results lie behind it, whoever reads them, or it is composed of others. */
static tuff_val with_results(struct tuff_work *w, const struct tuff_value *old, tuff_val v, const tuff_val *composed)
{
    if (!old->op->more_count) return v;
    if (!TUFF_GROW_ARENA(w->arena, w->results, w->result_count, 1))
        return tuff_graph_fail(w->g, TUFF_ERR_MEMORY, "out of host memory");
    struct tuff_results *r = &w->results[w->result_count++];
    *r = (struct tuff_results){.kernel = (tuff_val)(old - w->params->graph->values), .v = {v}};
    for (uint32_t i = 1; i <= old->op->more_count; i++) {
        if (composed[0])
            r->v[i] = composed[i];
        else if (v + i < w->g->count && val(w, v + i)->op->class == TUFF_CLASS_RESULT && val(w, v + i)->in[0] == v)
            r->v[i] = v + i;
        else if (!(r->v[i] = tuff_result(w->g, v, i)))
            return 0;
    }
    return v;
}

static tuff_val copy_value(struct tuff_work *w, const struct tuff_value *old, const tuff_val *in)
{
    uint32_t before = w->g->count;
    if (old->op->class == TUFF_CLASS_RESULT) {
        const struct tuff_results *r = &w->results[w->result_count - 1];
        while (r->kernel != old->in[0]) r--; /* copied before this */
        tuff_val v = r->v[tuff_result_index(old)];
        if (!val(w, v)->name) w->g->values[v].name = old->name;
        return v;
    }
    tuff_val composed[TUFF_MOST_RESULTS] = {0};
    tuff_val v = (w->params->debug & TUFF_DEBUG_NOSIMPLIFY) ? of_host(w, old, in) : simpler(w, old, in);
    if (!v && expand(w, old, in, composed)) v = composed[0];
    if (!v && old->op->traits & TUFF_TAKES_PARTS) v = take_parts(w, old, in, old->in_count);
    if (!v) v = tuff_graph_add(w->g, old->op, in, old->in_count, old->attrs);
    if (v && v >= before && val(w, v)->op == old->op) {
        w->g->values[v].data = old->data; /* [borrowed] from the user's graph, which outlives this one */
        if (!val(w, v)->name) w->g->values[v].name = old->name;
    }
    return v ? with_results(w, old, v, composed) : 0;
}

/* A kernel's f32 becomes the packed type that its rule gives. */
static tuff_val packed(struct tuff_work *w, const struct tuff_value *old, tuff_val v)
{
    if (!v || val(w, v)->type.dtype == old->type.dtype || !tuff_is_float(old->type.dtype)) return v;
    const int32_t dtype = (int32_t)old->type.dtype;
    struct tuff_value cast = {.op = &tuff_op_cast, .type = old->type, .in_count = 1, .in = &v, .attrs = &dtype};
    return copy_value(w, &cast, &v);
}

/* ---- 16 bits ------------------------------------------------------------------------------------------------------------------ */

/* An operator of one operand, of which the result has this type: a cast to it, or the view of what has it. */
static tuff_val copy_as(struct tuff_work *w, const struct tuff_op *op, const void *attrs, const struct tuff_shape *shape,
                        enum tuff_dtype dtype, tuff_val in)
{
    const struct tuff_value value = {.op = op, .type = {dtype, *shape}, .in_count = 1, .in = &in, .attrs = attrs};
    return in ? copy_value(w, &value, &in) : 0;
}

static tuff_val cast_to(struct tuff_work *w, tuff_val v, enum tuff_dtype dtype)
{
    const int32_t attrs = (int32_t)dtype;
    const struct tuff_shape shape = v ? val(w, v)->type.shape : (struct tuff_shape){0};
    return copy_as(w, &tuff_op_cast, &attrs, &shape, dtype, v);
}

/* The halves that v is made wide of, or 0. */
static tuff_val rounded_of(const struct tuff_work *w, tuff_val v)
{
    const struct tuff_value *value = val(w, v);
    bool cast = value->op->traits & TUFF_ROUNDS && value->op->result == TUFF_RESULT_NAMED,
         wide = v && cast && value->type.dtype == TUFF_F32;
    return wide && val(w, value->in[0])->type.dtype == w->params->precision ? value->in[0] : 0;
}

static tuff_val map_pack(struct tuff_work *w, tuff_val pack)
{
    const struct tuff_graph *g = w->params->graph;
    const struct tuff_value *old = &g->values[pack];
    tuff_val *in = tuff_arena_alloc(w->arena, old->in_count * sizeof *in);
    if (!in) return tuff_graph_fail(w->g, TUFF_ERR_MEMORY, "out of host memory");
    for (uint32_t i = 0; i < old->in_count; i++) {
        tuff_val *member = &w->map[old->in[i]];
        if (!*member) *member = copy_value(w, &g->values[old->in[i]], NULL);
        in[i] = *member;
    }
    if (!w->map[pack]) w->map[pack] = copy_value(w, old, in);
    return w->map[pack];
}

/* It gets memory. */
static tuff_val stored_half(struct tuff_work *w, tuff_val v)
{
    tuff_val half = cast_to(w, v, w->params->precision);
    if (!half || !TUFF_GROW_ARENA(w->arena, w->halving.made, w->halving.made_count, 1))
        return tuff_graph_fail(w->g, TUFF_ERR_MEMORY, "out of host memory");
    w->halving.made[w->halving.made_count++] = half;
    return half;
}

/* What a product reads in place of v, a value of the user's graph. */
static tuff_val half_of(struct tuff_work *w, tuff_val v)
{
    const struct tuff_value *old = &w->params->graph->values[v];
    enum tuff_dtype half = w->params->precision;
    tuff_val pack = w->halving.pack[v], is = w->map[v], below = tuff_below_views(w->params->graph, v);
    if (old->type.dtype != TUFF_F32) return is;
    if (pack && !w->halving.part[v]) {
        const int32_t step = 1;
        const uint32_t count = (uint32_t)tuff_shape_count(&old->type.shape), at = w->halving.at[v];
        tuff_val all = stored_half(w, map_pack(w, pack));
        w->halving.part[v] = tuff_reshape(w->g, tuff_slice(w->g, all, &at, &step, &count), old->type.shape);
    }
    if (pack) return w->halving.part[v];
    if (v != below && w->params->graph->values[below].op->kind == TUFF_KIND_PARAM) {
        tuff_val from = half_of(w, old->in[0]); /* also behind a checkpoint: a parameter's are made once */
        return old->op->traits & TUFF_STAYS_APART ? from : copy_as(w, old->op, old->attrs, &old->type.shape, half, from);
    }
    return rounded_of(w, is) ? rounded_of(w, is) : cast_to(w, is, half);
}

/* Operands of products become halves; other kernels read the halves that there are, as they compute in f32 anyway. */
static void narrow_operands(struct tuff_work *w, const struct tuff_value *old, tuff_val *in)
{
    if (old->op->class != TUFF_CLASS_KERNEL || old->op->traits & (TUFF_UPDATES | TUFF_TAKES_PLACES)) return;
    for (uint32_t i = 0; i < old->in_count; i++) {
        if (tuff_op_is_factor(old->op, i))
            in[i] = half_of(w, old->in[i]);
        else if (in[i] && rounded_of(w, in[i]))
            in[i] = rounded_of(w, in[i]);
    }
}

/* v, copied from the user's value `old`, as its readers see it. */
static tuff_val rounded(struct tuff_work *w, tuff_val old, tuff_val v)
{
    if (!v || !w->halving.rounds[old]) return v;
    return cast_to(w, stored_half(w, v), TUFF_F32);
}

/* A view of halves is one of them, too. */
static tuff_val copy_half(struct tuff_work *w, tuff_val v, tuff_val *in)
{
    const struct tuff_value *old = &w->params->graph->values[v];
    if (!w->params->precision) return packed(w, old, copy_value(w, old, in));
    if (tuff_is_plain_view(old) && rounded_of(w, in[0]))
        return cast_to(w, copy_as(w, old->op, old->attrs, &old->type.shape, w->params->precision, rounded_of(w, in[0])),
                       TUFF_F32);
    narrow_operands(w, old, in);
    return rounded(w, v, packed(w, old, copy_value(w, old, in)));
}

static void mark_needed(const struct tuff_graph *g, const tuff_val *outputs, uint32_t count, bool *needed)
{
    for (uint32_t i = 0; i < count; i++) needed[outputs[i]] = true;
    tuff_graph_mark_needed(g, needed);
}

static tuff_status map_stations(struct tuff_work *w)
{
    const struct tuff_compile_params *params = w->params;
    w->stations = tuff_arena_alloc(w->arena, (params->station_count + 1) * sizeof *w->stations);
    if (!w->stations) return tuff_fail_memory(w->context, w->error);
    for (uint32_t i = 0; i < params->station_count; i++) {
        const struct tuff_station *station = &params->stations[i];
        tuff_val *values = w->stations[i].values = tuff_arena_alloc(w->arena, (station->count + 1) * sizeof *values);
        if (!values) return tuff_fail_memory(w->context, w->error);
        for (uint32_t k = 0; k < station->count; k++) {
            tuff_val v = station->values[k];
            values[k] = v && v < params->graph->count ? w->map[v] : 0;
            if (!values[k] || !station->name)
                return tuff_refuse(w->context, w->error, "station %u (%s): no output needs value %u", i,
                                   station->name ? station->name : "without a name", v);
            const struct tuff_op *op = val(w, values[k])->op;
            if (op->kind != TUFF_KIND_PACK && !tuff_op_writes_leaf(op))
                return tuff_refuse(w->context, w->error, "station %s: value %u is neither a pack nor assigned",
                                   station->name, v);
        }
    }
    return TUFF_OK;
}

static tuff_status narrow_constant(struct tuff_work *w, struct tuff_value *value)
{
    enum tuff_dtype dtype = tuff_host_type(value).dtype;
    bool one = value->op->kind == TUFF_KIND_FULL;
    uint64_t count = one ? 1 : tuff_shape_count(&value->type.shape);
    struct tuff_full_attrs *attrs = tuff_arena_copy(w->arena, value->attrs, sizeof *attrs);
    void *number = tuff_arena_alloc(w->arena, (size_t)tuff_dtype_size(dtype, 1));
    void *device = tuff_arena_alloc(w->arena, (size_t)tuff_dtype_size(value->type.dtype, count));
    if (!attrs || !number || !device) return tuff_fail_memory(w->context, w->error);
    if (one) tuff_element_put(dtype, number, 0, attrs->value);
    TUFF_TRY(tuff_narrow(dtype, one ? number : value->data, count, device, value->name, TUFF_ERR_UNSUPPORTED, w->context,
                         w->error));
    attrs->dtype = (int32_t)value->type.dtype;
    value->attrs = attrs;
    if (!one) value->data = device;
    return TUFF_OK;
}

/* What is left of the host's constants becomes what devices hold. */
static tuff_status narrow_constants(struct tuff_work *w)
{
    bool *needed = tuff_arena_alloc(w->arena, w->g->count * sizeof *needed);
    if (!needed) return tuff_fail_memory(w->context, w->error);
    mark_needed(w->g, w->outputs, w->params->output_count, needed);
    for (tuff_val v = 1; v < w->g->count; v++)
        if (needed[v] && is_of_host(w, v)) TUFF_TRY(narrow_constant(w, &w->g->values[v]));
    return TUFF_OK;
}

/* Copies of outputs are added in fuse.c and order.c, of packed values and of what is computed again in fuse.c. */
static tuff_status list_values(struct tuff_work *w, const bool *needed)
{
    const struct tuff_graph *g = w->params->graph;
    uint32_t room = w->g->count + 2 * w->params->output_count + 1;
    for (tuff_val v = 1; v < w->g->count; v++)
        room += val(w, v)->op->kind == TUFF_KIND_PACK ? val(w, v)->in_count : val(w, v)->op->class == TUFF_CLASS_KERNEL;
    w->value_room = room;
    w->values = tuff_arena_alloc(w->arena, room * sizeof *w->values);
    if (!w->values) return tuff_fail_memory(w->context, w->error);
    for (uint32_t i = 0; i < room; i++) w->values[i] = (struct tuff_work_value){.group = UINT32_MAX, .slot = UINT32_MAX};
    for (tuff_val v = 1; v < g->count; v++)
        if (needed[v] && g->values[v].op->class == TUFF_CLASS_LEAF) w->values[w->map[v]].origin = v;
    return TUFF_OK;
}

tuff_status tuff_pass_simplify(struct tuff_work *w)
{
    const struct tuff_graph *g = w->params->graph;
    uint32_t outputs = w->params->output_count;
    bool *needed = tuff_arena_alloc(w->arena, g->count * sizeof *needed);
    tuff_val *map = w->map = tuff_arena_alloc(w->arena, g->count * sizeof *map);
    w->outputs = tuff_arena_alloc(w->arena, (outputs + 1) * sizeof *w->outputs);
    if (!needed || !map || !w->outputs) return tuff_fail_memory(w->context, w->error);
    TUFF_TRY(tuff_graph_create(w->context, &w->g, w->error));
    w->g->caps = w->params->caps;
    w->g->precision = w->params->precision;
    if (!(w->params->debug & TUFF_DEBUG_NOSIMPLIFY)) w->g->equal = find_equal;
    w->g->copies = w;
    w->g->half_sums = w->params->half_sums;
    mark_needed(g, w->params->outputs, outputs, needed);
    TUFF_TRY(tuff_choose_halves(w, needed));
    for (tuff_val v = 1; v < g->count; v++) {
        const struct tuff_value *old = &g->values[v];
        if (!needed[v] || map[v]) continue; /* a pack and its members may be there before their turn */
        tuff_val *in = tuff_arena_alloc(w->arena, (old->in_count + 1) * sizeof *in);
        if (!in) return tuff_fail_memory(w->context, w->error);
        for (uint32_t i = 0; i < old->in_count; i++) in[i] = old->in[i] ? map[old->in[i]] : 0;
        if (w->params->plain) widen_operands(w, old, in);
        for (uint32_t i = 0; i < old->in_count && old->op->class == TUFF_CLASS_LOOP; i++) in[i] = bindable(w, in[i]);
        map[v] = copy_half(w, v, in);
        if (!map[v]) return tuff_graph_finish(w->g, w->error);
    }
    for (uint32_t i = 0; i < outputs; i++) w->outputs[i] = map[w->params->outputs[i]];
    w->g->equal = NULL;
    TUFF_TRY(narrow_constants(w));
    TUFF_TRY(map_stations(w));
    return list_values(w, needed);
}
