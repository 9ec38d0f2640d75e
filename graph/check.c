/* check.c - see check.h. A group's launches become a plan of their own, over memory that is laid as in the whole plan; what they read is
 * filled with numbers made for the purpose, and what they write is compared with the double reference, within bounds carried through
 * the group (bound.c). Nothing of the caller's is read or written, so a wrong family is found before anything ran.
 *
 * Products read whole numbers so small that every sum of them is exact in f32. A large one is compared in some columns, and where its
 * own result is stored, in all of it by Freivalds' test: C s = A (B s) for a random vector s, exactly, so that one wrong element
 * passes once in some hundred times. Other groups read multiples of 1/64, once of both signs and once above 0, for roots and
 * logarithms. */
#include "graph/check.h"
#include "backend/handover.h"
#include "graph/bound.h"
#include "graph/ops/families.h"
#include "graph/ops/leaf.h"
#include "graph/reference.h"

#include <math.h>
#include <stdio.h>

/* Of one group, in checked mode and of the self-test: bytes that its launches bind, elements of all its values (half a gigabyte of doubles),
 * multiply-adds of a product that are done in double. */
static const struct limits {
    uint64_t bytes;
    double elements, work;
} limits[2] = {{UINT64_C(1) << 30, 1 << 25, 1 << 26}, {1 << 23, 1 << 19, 1 << 22}};
enum { WHOLE = 64, EXACT = 1 << 24, MOST_FACTOR = 127 };

struct area { /* what the launches touch, in one piece */
    struct tuff_plan_range range;
    uint8_t *image; /* [arena] its bytes */
    char name[16];
};

struct trial {
    struct tuff_check *check;
    const struct limits *most;
    const struct tuff_work *w;
    const struct tuff_group *group;
    struct tuff_context *context;
    struct tuff_arena arena;
    struct tuff_error *error;
    uint32_t first, count, number; /* launches; which group it is */
    struct area *areas;            /* [arena] */
    uint32_t area_count;
    double **data, **bound; /* [owned] per value of w->g */
    bool *needed, *done;    /* [arena] per value */
    const char *why;        /* it cannot be compared; static text */
    bool product;
    int32_t factor;         /* product: whole numbers -factor .. factor */
    uint32_t round;         /* 0: of both signs, 1: above 0 */
    uint64_t compared, all; /* elements; all: of values that are computed whole */
};

/* ---- which launches ------------------------------------------------------------------------------------------------------------ */

static uint64_t hash_launch(const struct tuff_plan *plan, const struct tuff_plan_launch *launch, uint64_t hash)
{
    const struct tuff_plan_kernel *kernel = &plan->kernels[launch->kernel];
    hash = tuff_hash_text(tuff_hash_text(tuff_hash_text(hash, kernel->file), kernel->defines), kernel->hooks);
    hash = tuff_hash(hash, plan->specs + kernel->spec_first, kernel->spec_count * sizeof *plan->specs);
    hash = tuff_hash(hash, plan->push_words + launch->push_first, launch->push_count * sizeof *plan->push_words);
    hash = tuff_hash(hash, plan->numbers + launch->number_first, launch->number_count * sizeof *plan->numbers);
    hash = tuff_hash(hash, launch->groups, sizeof launch->groups);
    for (uint32_t i = 0; i < launch->binding_count; i++) {
        const struct tuff_plan_binding *b = &plan->bindings[launch->binding_first + i];
        uint32_t same = 0;
        while (plan->bindings[launch->binding_first + same].slot != b->slot) same++;
        const uint64_t words[] = {b->bytes, b->access, b->texels, same, b->offset};
        hash = tuff_hash(hash, words, sizeof words);
    }
    return hash;
}

/* What the launches do, whatever the plan: equal ones are compared once. */
static uint64_t key_of(const struct trial *t)
{
    uint64_t hash = tuff_hash_text(t->count, t->check->compiler->version);
    for (uint32_t i = 0; i < t->count; i++) hash = hash_launch(t->w->plan, &t->w->plan->launches[t->first + i], hash);
    return hash;
}

static tuff_status find_areas(struct trial *t)
{
    const struct tuff_plan *plan = t->w->plan;
    struct tuff_plan_range *ranges = NULL;
    size_t count = 0;
    uint64_t bytes = 0;
    for (uint32_t l = t->first; l < t->first + t->count; l++) {
        if (tuff_launch_counts(plan, &plan->launches[l])) t->why = "its workgroups are counted on the device";
        for (uint32_t i = 0; i < plan->launches[l].binding_count; i++) {
            if (!TUFF_GROW_ARENA(&t->arena, ranges, count, 1)) return tuff_fail_memory(t->context, t->error);
            struct tuff_plan_range *r = &ranges[count++];
            *r = tuff_binding_range(plan, l, &plan->bindings[plan->launches[l].binding_first + i]);
            r->begin = r->begin / TUFF_PLAN_ALIGNMENT * TUFF_PLAN_ALIGNMENT;
            r->end = tuff_align(r->end, TUFF_PLAN_ALIGNMENT);
        }
    }
    count = tuff_ranges_join(ranges, count);
    for (size_t i = 0; i < count; i++) bytes += ranges[i].end - ranges[i].begin;
    if (bytes > t->most->bytes) t->why = "it binds too many bytes";
    t->areas = tuff_arena_alloc(&t->arena, (count + 1) * sizeof *t->areas);
    if (!t->areas) return tuff_fail_memory(t->context, t->error);
    t->area_count = (uint32_t)count;
    for (uint32_t i = 0; i < count && !t->why; i++) {
        t->areas[i].range = ranges[i];
        t->areas[i].image = tuff_arena_alloc(&t->arena, (size_t)(ranges[i].end - ranges[i].begin));
        snprintf(t->areas[i].name, sizeof t->areas[i].name, "area%u", (unsigned)i);
        if (!t->areas[i].image) return tuff_fail_memory(t->context, t->error);
    }
    return TUFF_OK;
}

/* The area that holds these bytes; area_count: none. */
static uint32_t area_of(const struct trial *t, struct tuff_plan_range range)
{
    uint32_t i = 0;
    while (i < t->area_count && !(t->areas[i].range.memory == range.memory && t->areas[i].range.begin <= range.begin &&
                                  range.end <= t->areas[i].range.end))
        i++;
    return i;
}

/* Where the value's elements lie on the host; NULL: its launches do not touch it. */
static uint8_t *image_of(const struct trial *t, tuff_val v)
{
    const struct tuff_place *place = &t->w->values[v].place;
    if (!place->root || t->w->values[place->root].slot == UINT32_MAX) return NULL;
    const struct tuff_type *type = &val(t->w, v)->type;
    const struct tuff_plan_slot *slot = &t->w->plan->slots[t->w->values[place->root].slot];
    uint64_t begin = slot->offset + tuff_dtype_size(type->dtype, place->offset);
    uint32_t area = area_of(t, (struct tuff_plan_range){slot->memory, begin, begin + tuff_type_bytes(type)});
    return area == t->area_count ? NULL : t->areas[area].image + (begin - t->areas[area].range.begin);
}

/* ---- values ---------------------------------------------------------------------------------------------------------------------- */

static uint64_t count_of(const struct trial *t, tuff_val v) { return tuff_shape_count(&val(t->w, v)->type.shape); }

/* In memory, and none of what the group computes. */
static bool is_read(const struct trial *t, tuff_val v)
{
    const struct tuff_value *value = val(t->w, v);
    bool own = t->w->values[v].group == t->number || t->w->values[tuff_memory_of(t->w, v)].group == t->number ||
               (value->op->class == TUFF_CLASS_RESULT && value->in[0] == t->group->kernel);
    return value->op->class == TUFF_CLASS_LEAF || (t->w->values[v].place.root && !own);
}

/* Marks v and what of the group it follows from; false: that is too much. */
static bool mark(struct trial *t, tuff_val v, double *elements, uint32_t depth)
{
    const struct tuff_value *value = val(t->w, v);
    if (!v || t->needed[v]) return true;
    t->needed[v] = true;
    *elements += (double)count_of(t, v);
    if (*elements > t->most->elements || depth > 2000) return false;
    for (uint32_t i = 0; !is_read(t, v) && i < value->in_count; i++)
        if (!mark(t, value->in[i], elements, depth + 1)) return false;
    return true;
}

static bool is_stored(const struct trial *t, tuff_val v) { return t->w->values[v].place.root && image_of(t, v); }

/* Values that the launches write, one after the other from *at on; 0: no more. */
static tuff_val next_written(const struct trial *t, uint32_t *at)
{
    const struct tuff_group *group = t->group;
    uint32_t more = tuff_more_results(t->w, group);
    while (*at < group->root_count + more) {
        uint32_t i = (*at)++;
        tuff_val v = i < group->root_count ? group->roots[i] : group->kernel + 1 + (i - group->root_count);
        if (is_stored(t, v)) return v;
    }
    return 0;
}

enum { MOST_OPERANDS = 8 };
static void types_of(const struct trial *t, const struct tuff_value *value, struct tuff_type types[MOST_OPERANDS])
{
    for (uint32_t i = 0; i < MOST_OPERANDS; i++)
        types[i] = i < value->in_count && value->in[i] ? val(t->w, value->in[i])->type
                                                       : (struct tuff_type){.dtype = TUFF_F32};
}

static tuff_status find_values(struct trial *t)
{
    double elements = 0, terms = 1;
    t->needed = tuff_arena_alloc(&t->arena, t->w->g->count * sizeof *t->needed);
    t->done = tuff_arena_alloc(&t->arena, t->w->g->count * sizeof *t->done);
    if (!t->needed || !t->done) return tuff_fail_memory(t->context, t->error);
    uint32_t at = 0;
    for (tuff_val v; (v = next_written(t, &at)) && !t->why;)
        if (!mark(t, v, &elements, 0)) t->why = "it has too many elements";
    for (tuff_val v = 1; v < t->w->g->count && !t->why; v++) {
        const struct tuff_value *value = val(t->w, v);
        if (!t->needed[v] || is_read(t, v) || !tuff_op_is_product(value->op)) continue;
        struct tuff_type types[MOST_OPERANDS];
        types_of(t, value, types);
        t->product = t->product || value->op->terms; /* of others, as attention, whole numbers would be too large */
        if (value->op->terms) terms = fmax(terms, value->op->terms(value, types));
    }
    double factor = sqrt((EXACT - 1) / terms);
    t->factor = factor < 1 ? 1 : factor > MOST_FACTOR ? MOST_FACTOR : (int32_t)factor;
    return TUFF_OK;
}

static double number_for(const struct trial *t, enum tuff_dtype dtype, uint64_t hash)
{
    if (dtype == TUFF_BOOL) return (double)(hash & 1);
    if (dtype == TUFF_U8 || dtype == TUFF_I8) return (double)(hash & 255) - (dtype == TUFF_I8 ? 128 : 0);
    if (!tuff_is_float(dtype)) return (double)(hash % 24) - (t->round ? 0 : 2);
    if (t->product) return (double)(int64_t)(hash % (2 * (uint64_t)t->factor + 1)) - t->factor;
    return t->round ? (double)(1 + hash % (2 * WHOLE)) / WHOLE : (double)(int64_t)(hash % (4 * WHOLE + 1)) / WHOLE - 2;
}

/* Blocks of a scale of 1 and weights within the factor. */
static tuff_status fill_blocks(struct trial *t, tuff_val v, uint8_t *image)
{
    uint64_t count = count_of(t, v), bytes = tuff_dtype_size(val(t->w, v)->type.dtype, count);
    uint8_t *blocks = tuff_alloc(t->context, (size_t)bytes);
    if (!blocks) return tuff_fail_memory(t->context, t->error);
    for (uint64_t i = 0, block = bytes / (count / 32); i < bytes; i++) {
        uint64_t at = i % block, hash = tuff_hash(v, &i, sizeof i);
        int32_t weight = (int32_t)(hash % (2 * (uint64_t)t->factor + 1)) - t->factor;
        blocks[i] = at < 2 ? (at ? 0x3c : 0) : (uint8_t)(int8_t)weight;
    }
    for (uint64_t i = 0; i < count; i++) t->data[v][i] = tuff_element(val(t->w, v)->type.dtype, blocks, i);
    if (image) tuff_blocks_to_device(count, blocks, image);
    tuff_free(t->context, blocks);
    return TUFF_OK;
}

/* Content of what the launches read, into the images. Constants are what they are. */
static tuff_status fill(struct trial *t, tuff_val v)
{
    const struct tuff_value *value = val(t->w, v);
    const enum tuff_dtype dtype = value->type.dtype;
    const struct tuff_place *place = &t->w->values[v].place;
    const bool constant = value->op->kind == TUFF_KIND_CONSTANT || value->op->kind == TUFF_KIND_FULL;
    const struct tuff_plan_slot *slot = place->root && t->w->values[place->root].slot != UINT32_MAX
                                            ? &t->w->plan->slots[t->w->values[place->root].slot]
                                            : NULL;
    uint8_t *image = image_of(t, v);
    uint64_t count = count_of(t, v);
    if (constant && tuff_reference_value(t->w->g, v, t->data) != TUFF_OK) return tuff_fail_memory(t->context, t->error);
    if (!t->data[v]) t->data[v] = tuff_alloc(t->context, (size_t)count * sizeof **t->data);
    if (!t->data[v]) return tuff_fail_memory(t->context, t->error);
    if (image && slot && slot->content == TUFF_CONTENT_BLOB && slot->data) {
        uint64_t begin = tuff_dtype_size(dtype, place->offset), bytes = tuff_type_bytes(&value->type);
        if (begin < slot->content_bytes)
            memcpy(image, (const uint8_t *)slot->data + begin,
                   (size_t)(bytes < slot->content_bytes - begin ? bytes : slot->content_bytes - begin));
        if (tuff_is_blocks(dtype)) t->why = "it reads constants in blocks";
    } else if (tuff_is_blocks(dtype)) {
        return fill_blocks(t, v, image);
    } else if (image) {
        for (uint64_t i = 0; i < count; i++)
            tuff_element_put(dtype, image, i,
                             constant ? t->data[v][i] : number_for(t, dtype, tuff_hash(v + 1000 * t->round, &i, sizeof i)));
    } else if (!constant) {
        for (uint64_t i = 0; i < count; i++) t->data[v][i] = number_for(t, dtype, tuff_hash(v, &i, sizeof i));
    }
    return TUFF_OK;
}

static tuff_status fill_all(struct trial *t)
{
    for (uint32_t i = 0; i < t->area_count; i++)
        memset(t->areas[i].image, 0, (size_t)(t->areas[i].range.end - t->areas[i].range.begin));
    for (tuff_val v = 1; v < t->w->g->count; v++)
        if (t->needed[v] && is_read(t, v)) TUFF_TRY(fill(t, v));
    for (tuff_val v = 1; v < t->w->g->count && !t->why; v++) { /* some lie over each other */
        if (!t->needed[v] || !is_read(t, v)) continue;
        const uint8_t *image = image_of(t, v);
        const enum tuff_dtype dtype = val(t->w, v)->type.dtype;
        uint64_t count = count_of(t, v);
        for (uint64_t i = 0; i < count && image && !tuff_is_blocks(dtype); i++)
            t->data[v][i] = tuff_element(dtype, image, i);
        t->bound[v] = tuff_alloc(t->context, (size_t)count * sizeof **t->bound);
        if (!t->bound[v]) return tuff_fail_memory(t->context, t->error);
        t->done[v] = true;
    }
    return TUFF_OK;
}

/* ---- the reference ----------------------------------------------------------------------------------------------------------------- */

/* A product of which some columns alone are computed, or their sums: copies of its descriptor and operands. */
struct part {
    struct tuff_value value;
    struct tuff_type types[MOST_OPERANDS];
    const double *in[MOST_OPERANDS], *error[MOST_OPERANDS];
    uint32_t axis[2];         /* that the columns lie along, of operand 1 and of the result */
    uint64_t columns, before; /* of all; elements of one line along the axis and all axes behind it are columns * behind */
    double *out, *bound;      /* [owned] */
    double *operand, *wrong;  /* [owned] operand 1 and its bound */
    uint64_t count;           /* of out */
};

static uint64_t behind(const struct tuff_shape *shape, uint32_t axis)
{
    uint64_t elements = 1;
    for (uint32_t i = axis + 1; i < shape->rank; i++) elements *= shape->dim[i];
    return elements;
}

/* Of `columns` of the value's, or of one that is made of all. False: it cannot be taken apart. */
static bool start_part(const struct trial *t, tuff_val v, uint32_t columns, struct part *p)
{
    const struct tuff_value *value = val(t->w, v);
    *p = (struct part){.value = *value};
    if (!value->op->columns || value->in_count > TUFF_COUNT(p->types)) return false;
    for (uint32_t i = 0; i < value->in_count; i++) {
        if (!value->in[i]) continue;
        p->types[i] = val(t->w, value->in[i])->type;
        p->in[i] = t->data[value->in[i]];
        p->error[i] = t->bound[value->in[i]];
    }
    if (!value->op->columns(value, p->types, p->axis)) return false;
    p->columns = value->type.shape.dim[p->axis[1]];
    p->types[1].shape.dim[p->axis[0]] = p->value.type.shape.dim[p->axis[1]] = columns;
    p->count = tuff_shape_count(&p->value.type.shape);
    uint64_t operand = tuff_shape_count(&p->types[1].shape);
    p->out = tuff_alloc(t->context, (size_t)p->count * sizeof *p->out);
    p->bound = tuff_alloc(t->context, (size_t)p->count * sizeof *p->bound);
    p->operand = tuff_alloc(t->context, (size_t)operand * sizeof *p->operand);
    p->wrong = tuff_alloc(t->context, (size_t)operand * sizeof *p->wrong);
    p->in[1] = p->operand;
    p->error[1] = p->wrong;
    return p->out && p->bound && p->operand && p->wrong;
}

static void finish_part(const struct trial *t, struct part *p)
{
    tuff_free(t->context, p->out);
    tuff_free(t->context, p->bound);
    tuff_free(t->context, p->operand);
    tuff_free(t->context, p->wrong);
}

/* to[.., 0, ..] += weight * from[.., column, ..], both along the axis, of so many columns. */
static void add_column(const struct tuff_shape *to_shape, uint32_t axis, uint64_t columns, uint64_t column, uint64_t at,
                       double weight, const double *from, double *to)
{
    uint64_t inner = behind(to_shape, axis), kept = to_shape->dim[axis], lines = tuff_shape_count(to_shape) / kept / inner;
    for (uint64_t line = 0; line < lines; line++)
        for (uint64_t i = 0; i < inner; i++)
            to[(line * kept + at) * inner + i] += weight * from[(line * columns + column) * inner + i];
}

static void compute_part(const struct part *p, const struct tuff_graph *g)
{
    struct tuff_ref ref = {.value = &p->value, .in_types = p->types, .in = p->in, .out = p->out, .graph = g};
    tuff_reference_apply(&ref);
}

/* Some columns; the bound of the others is INFINITY. */
static tuff_status sample(struct trial *t, tuff_val v, uint32_t columns)
{
    struct part p;
    tuff_status status = start_part(t, v, columns, &p) ? TUFF_OK : tuff_fail_memory(t->context, t->error);
    for (uint32_t k = 0; status == TUFF_OK && k < columns; k++) {
        uint64_t column = p.columns * k / columns + tuff_hash(v, &k, sizeof k) % (p.columns / columns);
        add_column(&p.types[1].shape, p.axis[0], p.columns, column, k, 1, t->data[val(t->w, v)->in[1]], p.operand);
        add_column(&p.types[1].shape, p.axis[0], p.columns, column, k, 1, t->bound[val(t->w, v)->in[1]], p.wrong);
    }
    if (status == TUFF_OK) {
        compute_part(&p, t->w->g);
        const struct tuff_bound b = {t->context, &p.value, p.types, p.in, p.error, p.out, p.bound, p.count, t->w->g, 0};
        status = tuff_bound_value(&b);
    }
    for (uint64_t i = 0; status == TUFF_OK && i < count_of(t, v); i++) t->bound[v][i] = INFINITY;
    for (uint32_t k = 0; status == TUFF_OK && k < columns; k++) {
        uint64_t column = p.columns * k / columns + tuff_hash(v, &k, sizeof k) % (p.columns / columns),
                 inner = behind(&p.value.type.shape, p.axis[1]), lines = p.count / columns / inner;
        for (uint64_t line = 0; line < lines; line++)
            for (uint64_t i = 0; i < inner; i++) {
                uint64_t to = (line * p.columns + column) * inner + i, from = (line * columns + k) * inner + i;
                t->data[v][to] = p.out[from];
                t->bound[v][to] = p.bound[from];
            }
    }
    finish_part(t, &p);
    return status;
}

/* How many columns of a product can be computed; 0: all of it is, or it is none. */
static uint32_t columns_for(const struct trial *t, tuff_val v)
{
    const struct tuff_value *value = val(t->w, v);
    struct tuff_type types[MOST_OPERANDS];
    uint32_t axis[2];
    double work = tuff_value_work(t->w->g, v) / 2;
    if (work <= t->most->work || !tuff_op_is_product(value->op) || !value->op->columns) return 0;
    types_of(t, value, types);
    if (!value->op->columns(value, types, axis)) return 0;
    uint32_t all = value->type.shape.dim[axis[1]];
    double fit = t->most->work * all / work;
    return fit < 1 ? 1 : (uint32_t)fit;
}

static tuff_status evaluate(struct trial *t, tuff_val v)
{
    const struct tuff_value *value = val(t->w, v);
    if (!v || t->done[v]) return TUFF_OK;
    for (uint32_t i = 0; i < value->in_count; i++) TUFF_TRY(evaluate(t, value->in[i]));
    if (!value->op->ref) t->why = "an operator of it has no definition"; /* an app's own row */
    if (t->why) return TUFF_OK;
    uint32_t columns = columns_for(t, v);
    double work = tuff_value_work(t->w->g, v);
    t->done[v] = true;
    t->bound[v] = tuff_alloc(t->context, (size_t)count_of(t, v) * sizeof **t->bound);
    if (columns) {
        t->data[v] = tuff_alloc(t->context, (size_t)count_of(t, v) * sizeof **t->data);
        if (!t->data[v] || !t->bound[v]) return tuff_fail_memory(t->context, t->error);
        return sample(t, v, columns);
    }
    if (work > 16 * t->most->work) t->why = "its definition takes too long";
    if (t->why) return TUFF_OK;
    if (!t->bound[v] || tuff_reference_value(t->w->g, v, t->data) != TUFF_OK) return tuff_fail_memory(t->context, t->error);
    tuff_status status = tuff_bound_of(t->w->g, v, t->data, t->bound);
    if (status == TUFF_ERR_UNSUPPORTED) t->why = "an operator of it declares no bound";
    if (status == TUFF_ERR_MEMORY) return tuff_fail_memory(t->context, t->error);
    return status == TUFF_ERR_UNSUPPORTED ? TUFF_OK : status;
}

/* ---- running ------------------------------------------------------------------------------------------------------------------------ */

static bool add_slots(const struct trial *t, struct tuff_plan *plan)
{
    for (uint32_t i = 0; i < t->area_count; i++) {
        struct tuff_plan_slot slot = {
            .name = t->areas[i].name, .dtype = "", .bytes = t->areas[i].range.end - t->areas[i].range.begin};
        if (!tuff_plan_place(plan, &slot, TUFF_MEMORY_STATE, t->w->params->caps->max_allocation_bytes) ||
            tuff_plan_add_slot(plan, &slot) == UINT32_MAX)
            return false;
    }
    return true;
}

static bool add_launches(struct trial *t, struct tuff_plan *plan)
{
    const struct tuff_plan *from = t->w->plan;
    for (uint32_t l = t->first; l < t->first + t->count; l++) {
        struct tuff_plan_launch launch = from->launches[l];
        const struct tuff_plan_kernel *kernel = &from->kernels[launch.kernel];
        struct tuff_plan_binding *bindings = tuff_arena_alloc(&t->arena, (launch.binding_count + 1) * sizeof *bindings);
        for (uint32_t i = 0; bindings && i < launch.binding_count; i++) {
            bindings[i] = from->bindings[launch.binding_first + i];
            struct tuff_plan_range range = tuff_binding_range(from, l, &bindings[i]);
            bindings[i].slot = area_of(t, range);
            bindings[i].offset = range.begin - t->areas[bindings[i].slot].range.begin;
        }
        launch.barrier = false;
        launch.kernel = tuff_plan_add_kernel(plan, kernel, from->specs + kernel->spec_first, kernel->spec_count);
        if (!bindings || launch.kernel == UINT32_MAX ||
            tuff_plan_add_launch(plan, &launch, bindings, launch.binding_count, from->push_words + launch.push_first,
                                 launch.push_count) == UINT32_MAX ||
            !tuff_plan_add_numbers(plan, from->numbers + launch.number_first, launch.number_count))
            return false;
    }
    tuff_plan_place_barriers(plan);
    return true;
}

static tuff_status run(struct trial *t, struct tuff_executable *x)
{
    for (uint32_t i = 0; i < t->area_count; i++)
        TUFF_TRY(tuff_executable_set(x, t->areas[i].name, t->areas[i].image,
                                     (size_t)(t->areas[i].range.end - t->areas[i].range.begin), t->error));
    TUFF_TRY(tuff_executable_run(x, t->error));
    for (uint32_t i = 0; i < t->area_count; i++)
        TUFF_TRY(tuff_executable_get(x, t->areas[i].name, t->areas[i].image,
                                     (size_t)(t->areas[i].range.end - t->areas[i].range.begin), t->error));
    return TUFF_OK;
}

/* ---- comparing ---------------------------------------------------------------------------------------------------------------------- */

/* The family of these launches, where it was in use and has a name: another one answers for it. */
static bool switch_off(const struct trial *t, const char *file, const char *sentence)
{
    enum tuff_family family = tuff_family_of_file(file);
    for (uint32_t l = t->first; l < t->first + t->count; l++) /* whose fault is it? */
        if (tuff_family_of_file(t->w->plan->kernels[t->w->plan->launches[l].kernel].file) != family) return false;
    if (family == TUFF_FAMILY_COUNT || t->w->params->caps->families_off >> family & 1) return false;
    const char *name = tuff_family_name(family);
    if (!tuff_health_switch_off(t->check->device, name, sentence)) return false;
    tuff_log_message(tuff_device_context(t->check->device), TUFF_LOG_WARNING,
                     "kernels of family %s compute wrong numbers on %.80s and are not used any more: %s", name,
                     t->w->params->caps->name, sentence);
    return true;
}

/* The sentence; a family is switched off where another one can take its place. */
static tuff_status wrong(struct trial *t, tuff_val v, uint64_t at, double expected, double got, double bound,
                         const char *how)
{
    const struct tuff_plan_launch *launch = &t->w->plan->launches[t->first];
    const char *file = t->w->plan->kernels[launch->kernel].file;
    char text[TUFF_VALUE_TEXT], sentence[400];
    snprintf(sentence, sizeof sentence, "%s: element %llu of %s%s: expected %.9g, got %.9g, bound %.3g", launch->label,
             (unsigned long long)at, how, tuff_value_text(t->w->g, v, text, sizeof text), expected, got, bound);
    t->check->switched_off = switch_off(t, file, sentence);
    return tuff_fail(t->check->switched_off || t->check->first ? NULL : tuff_device_context(t->check->device), t->error,
                     TUFF_ERR_WRONG, "kernel %s computes wrong numbers on %.80s, and no other can take its place: %s", file,
                     t->w->params->caps->name, sentence);
}

/* C s = A (B s), of a product that is stored and whose operands are whole numbers. */
static tuff_status freivalds(struct trial *t, tuff_val v)
{
    const struct tuff_value *value = val(t->w, v);
    const uint8_t *image = image_of(t, v);
    struct part p;
    double *stored = NULL;
    struct tuff_type types[MOST_OPERANDS];
    types_of(t, value, types);
    bool exact = image && !tuff_sums_halves(t->w->g, value->op, types) &&
                 (value->type.dtype == TUFF_F32 || value->type.dtype == TUFF_I32) &&
                 tuff_value_work(t->w->g, v) / 2 / (double)count_of(t, v) * t->factor * t->factor < EXACT;
    for (uint32_t i = 0; i < value->in_count && exact; i++)
        for (uint64_t k = 0; value->in[i] && k < count_of(t, value->in[i]) && exact; k++) {
            double x = t->data[value->in[i]][k];
            exact = t->bound[value->in[i]][k] == 0 && x == trunc(x) && fabs(x) <= (i < 2 ? t->factor : INFINITY);
        }
    if (!exact || !start_part(t, v, 1, &p)) {
        if (exact) finish_part(t, &p);
        return TUFF_OK;
    }
    double *sums = tuff_alloc(t->context, (size_t)p.count * sizeof *sums);
    stored = tuff_alloc(t->context, (size_t)count_of(t, v) * sizeof *stored);
    tuff_status status = sums && stored ? TUFF_OK : tuff_fail_memory(t->context, t->error);
    for (uint64_t i = 0; status == TUFF_OK && i < count_of(t, v); i++) stored[i] = tuff_element(value->type.dtype, image, i);
    for (uint64_t k = 0; status == TUFF_OK && k < p.columns; k++) {
        double s = (double)(int64_t)(tuff_hash(7, &k, sizeof k) % 1023) - 511;
        add_column(&p.types[1].shape, p.axis[0], p.columns, k, 0, s, t->data[value->in[1]], p.operand);
        add_column(&p.value.type.shape, p.axis[1], p.columns, k, 0, s, stored, sums);
    }
    if (status == TUFF_OK) compute_part(&p, t->w->g);
    for (uint64_t i = 0; status == TUFF_OK && i < p.count; i++)
        if (!(sums[i] == p.out[i])) status = wrong(t, v, i, p.out[i], sums[i], 0, "a random sum of columns of ");
    tuff_free(t->context, sums);
    tuff_free(t->context, stored);
    finish_part(t, &p);
    return status;
}

static tuff_status compare(struct trial *t, tuff_val v)
{
    const enum tuff_dtype dtype = val(t->w, v)->type.dtype;
    const uint8_t *image = image_of(t, v);
    const bool columns = tuff_op_is_product(val(t->w, v)->op) && columns_for(t, v);
    for (uint64_t i = 0; i < count_of(t, v); i++) {
        double y = t->data[v][i], got = tuff_element(dtype, image, i), bound = t->bound[v][i];
        t->all += !columns;
        if (!(bound < INFINITY) || isnan(y) || isinf(y)) continue;
        t->compared++;
        if (!(fabs(got - y) <= bound)) return wrong(t, v, i, y, got, bound, "");
    }
    return columns ? freivalds(t, v) : TUFF_OK;
}

static void forget(struct trial *t)
{
    for (tuff_val v = 1; v < t->w->g->count; v++) {
        if (t->data) tuff_free(t->context, t->data[v]);
        if (t->bound) tuff_free(t->context, t->bound[v]);
        if (t->data) t->data[v] = NULL;
        if (t->bound) t->bound[v] = NULL;
        if (t->done) t->done[v] = false;
    }
}

static tuff_status one_round(struct trial *t, struct tuff_executable *x)
{
    uint32_t at = 0;
    forget(t);
    TUFF_TRY(fill_all(t));
    for (tuff_val v; !t->why && (v = next_written(t, &at));) TUFF_TRY(evaluate(t, v));
    if (t->why) return TUFF_OK;
    TUFF_TRY(run(t, x));
    at = 0;
    for (tuff_val v; (v = next_written(t, &at));) TUFF_TRY(compare(t, v));
    return TUFF_OK;
}

static tuff_status try_group(struct trial *t)
{
    struct tuff_plan plan;
    struct tuff_executable *x = NULL;
    t->data = tuff_reference_create(t->w->g);
    t->bound = tuff_reference_create(t->w->g);
    if (!t->data || !t->bound) return tuff_fail_memory(t->context, t->error);
    TUFF_TRY(find_areas(t));
    if (!t->why) TUFF_TRY(find_values(t));
    if (t->why) return TUFF_OK;
    tuff_plan_init(&plan, t->context);
    tuff_status status = add_slots(t, &plan) && add_launches(t, &plan) ? TUFF_OK : tuff_fail_memory(t->context, t->error);
    struct tuff_run_params params = {.plan = &plan, .compiler = t->check->compiler};
    if (status == TUFF_OK) status = tuff_executable_create(t->check->device, &params, &x, t->error);
    for (t->round = 0; status == TUFF_OK && t->round < (t->product ? 1u : 2u) && !t->why; t->round++)
        status = one_round(t, x);
    if (status == TUFF_ERR_DEVICE_MEMORY) {
        t->why = "the device has no memory for it";
        status = TUFF_OK;
    }
    if (status == TUFF_OK && !t->why && (!t->compared || t->compared < t->all / 4))
        t->why = "too few of its elements could be compared";
    tuff_executable_destroy(x);
    tuff_plan_finish(&plan);
    return status;
}

tuff_status tuff_check_group(struct tuff_check *check, const struct tuff_work *w, const struct tuff_group *group,
                             uint32_t first)
{
    if (first == w->plan->launch_count) return TUFF_OK;
    const char *kernel = w->plan->kernels[w->plan->launches[first].kernel].file;
    struct tuff_error error = {0};
    struct trial t = {.check = check,
                      .most = &limits[check->first],
                      .w = w,
                      .group = group,
                      .context = w->context,
                      .arena = {.context = w->context},
                      .error = &error,
                      .first = first,
                      .count = w->plan->launch_count - first,
                      .number = (uint32_t)(group - w->groups)};
    uint64_t key = key_of(&t);
    bool known = check->first ? tuff_health_tested(check->device, kernel) : tuff_health_known(check->device, key);
    for (uint32_t i = 0; i < TUFF_COUNT(check->tried) && check->first; i++)
        known = known || check->tried[i] == tuff_hash_text(0, kernel);
    check->known += known;
    if (known) return TUFF_OK;
    if (tuff_cancel_requested(check->cancel)) return tuff_fail(w->context, w->error, TUFF_ERR_CANCELLED, "cancelled");
    tuff_status status = try_group(&t);
    bool warns = status == TUFF_ERR_WRONG && check->first && !check->switched_off;
    if (status == TUFF_OK && !t.why) {
        check->right++;
        tuff_health_note(check->device, key);
        if (check->first) tuff_health_note_tested(check->device, kernel);
    } else if (status == TUFF_OK) {
        check->left_out++;
        check->tried[check->tried_count++ % TUFF_COUNT(check->tried)] = tuff_hash_text(0, kernel);
        tuff_log_message(tuff_device_context(check->device), check->first ? TUFF_LOG_DEBUG : TUFF_LOG_INFO,
                         "check: %s is not compared: %s", w->plan->launches[first].label, t.why);
    } else if (warns) {
        tuff_log_message(tuff_device_context(check->device), TUFF_LOG_WARNING, "%s", error.message);
        status = TUFF_OK;
    } else if (w->error) {
        *w->error = error;
    }
    forget(&t);
    if (t.data) tuff_free(w->context, t.data);
    if (t.bound) tuff_free(w->context, t.bound);
    tuff_arena_finish(&t.arena);
    return status;
}
