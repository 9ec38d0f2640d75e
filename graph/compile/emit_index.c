/* emit_index.c - the algebra of index expressions (emit.h): adding, flattening, taking apart, writing as GLSL. */
#include "graph/compile/divisor.h"
#include "graph/compile/emit.h"

#include <stdio.h>

uint32_t tuff_emit_base(struct tuff_emitter *e, const char *name, uint64_t extent)
{
    if (e->base_count == e->base_room) {
        if (!TUFF_GROW_ARENA(e->arena, e->bases, e->base_room, 1)) {
            e->failed = true;
            return 0;
        }
        e->base_room++;
    }
    snprintf(e->bases[e->base_count].name, sizeof e->bases->name, "%s", name);
    e->bases[e->base_count].extent = extent;
    e->bases[e->base_count].leaf = 0;
    return e->base_count++;
}

/* Place of the first of these numbers: an old one where the key is known. */
static uint32_t add_numbers(struct tuff_emitter *e, struct tuff_number_key key, const uint32_t *values, uint32_t count)
{
    struct tuff_emitted *out = e->out;
    for (uint32_t i = 0; i < out->number_count && key.function; i++)
        if (!memcmp(&e->keys[i], &key, sizeof key)) return i;
    bool room = TUFF_GROW_ARENA(e->arena, out->numbers, out->number_count, count) &&
                TUFF_GROW_ARENA(e->arena, e->keys, out->number_count, count);
    e->failed = e->failed || !room;
    if (!room) return 0;
    for (uint32_t i = 0; i < count; i++) {
        e->keys[out->number_count + i] = i ? (struct tuff_number_key){.function = 0} : key;
        out->numbers[out->number_count + i] = values[i];
    }
    out->number_count += count;
    return out->number_count - count;
}

const char *tuff_emit_number(struct tuff_emitter *e, uint32_t value)
{
    return tuff_emit_kept(e, tuff_arena_printf(e->arena, "S%u", add_numbers(e, (struct tuff_number_key){0}, &value, 1)));
}

static const char *quotient(struct tuff_emitter *e, struct tuff_number_key key, const char *x, uint32_t d)
{
    struct tuff_divisor by = tuff_divisor_of(d);
    unsigned at = add_numbers(e, key, (const uint32_t[]){by.multiplier, by.shift}, 2);
    return tuff_emit_kept(e, tuff_arena_printf(e->arena, "tuff_div(%s, S%u, S%u)", x, at, at + 1));
}

const char *tuff_emit_quotient(struct tuff_emitter *e, const char *x, uint32_t d)
{
    return quotient(e, (struct tuff_number_key){0}, x, d);
}

const char *tuff_emit_rest(struct tuff_emitter *e, const char *x, uint32_t d)
{
    struct tuff_divisor by = tuff_divisor_of(d);
    unsigned at = add_numbers(e, (struct tuff_number_key){0}, (const uint32_t[]){by.multiplier, by.shift, d}, 3);
    return tuff_emit_kept(e, tuff_arena_printf(e->arena, "tuff_mod(%s, S%u, S%u, S%u)", x, at, at + 1, at + 2));
}

/* Number of values a term's quotient takes. */
static uint64_t extent_of(const struct tuff_emitter *e, const struct tuff_term *t)
{
    uint64_t all = (e->bases[t->base].extent + t->div - 1) / t->div;
    return t->mod && t->mod < all ? t->mod : all;
}

bool tuff_index_is_flat(const struct tuff_index *at)
{
    const struct tuff_term *t = &at->term[0];
    return at->count == 1 && t->base == 0 && t->div == 1 && t->mod == 0 && t->stride == 1;
}

struct tuff_coords tuff_emit_coords(struct tuff_emitter *e, const char *name, const struct tuff_shape *shape)
{
    struct tuff_index flat = tuff_index_base(tuff_emit_base(e, name, tuff_shape_count(shape)));
    return tuff_coords_of_flat(e, &flat, shape);
}

struct tuff_index tuff_index_base(uint32_t base)
{
    struct tuff_index index = {.count = 1};
    index.term[0] = (struct tuff_term){.base = base, .div = 1, .stride = 1};
    return index;
}

/* (x / (d m)) % n * (m s) + (x / d) % m * s = (x / d) % (m n) * s: neighbouring digits become one. */
static bool merge(struct tuff_index *a)
{
    for (uint32_t i = 0; i < a->count; i++)
        for (uint32_t k = 0; k < a->count; k++) {
            struct tuff_term *high = &a->term[i], *low = &a->term[k];
            if (i == k || high->base != low->base || low->mod == 0 || high->div != low->div * low->mod ||
                high->stride != low->stride * low->mod)
                continue;
            low->mod = high->mod ? high->mod * low->mod : 0;
            *high = a->term[--a->count];
            a->term[a->count] = (struct tuff_term){0};
            return true;
        }
    return false;
}

void tuff_index_add(struct tuff_emitter *e, struct tuff_index *a, const struct tuff_index *b, int64_t scale)
{
    a->constant += b->constant * scale;
    for (uint32_t i = 0; i < b->count; i++) {
        struct tuff_term t = b->term[i];
        t.stride *= scale;
        if (t.stride == 0) continue;
        if (a->count == TUFF_MAX_TERMS) { /* rare: put what is there into a variable */
            struct tuff_index all = *a;
            int64_t constant = a->constant;
            all.constant = 0;
            *a = tuff_index_variable(e, &all, INT32_MAX);
            a->constant = constant;
        }
        a->term[a->count++] = t;
    }
    while (merge(a)) {
    }
}

/* base / div % mod, as base / div - base / (div mod) * mod: neighbouring digits share their quotients. */
static const char *digit(struct tuff_emitter *e, const struct tuff_term *t)
{
    const char *name = e->bases[t->base].name;
    if (e->bases[t->base].leaf)
        e->follows.leaves |= 1u << (e->bases[t->base].leaf - 1);
    else if (t->base < e->hoist)
        for (int wide = 0; wide < 2; wide++)
            e->follows.bases[wide] |= (t->div % (wide ? TUFF_WIDE : 4) ? 1u : 0u) << t->base;
    else if (t->base < e->follows.own)
        e->follows.tied = 1;
    struct tuff_number_key key = {.function = e->function, .base = t->base, .div = t->div};
    if (t->fixed)
        name = tuff_emit_kept(e, tuff_arena_printf(e->arena, "(%s / %uu)", name, t->div));
    else if (t->div > 1)
        name = quotient(e, key, name, t->div);
    uint64_t whole = (uint64_t)t->div * t->mod;
    if (!t->mod || whole >= e->bases[t->base].extent) return name;
    key.div = (uint32_t)whole;
    const char *high = quotient(e, key, e->bases[t->base].name, key.div);
    key.div = t->div;
    key.mod = t->mod;
    return tuff_emit_kept(e, tuff_arena_printf(e->arena, "(%s - %s * S%u)", name, high, add_numbers(e, key, &key.mod, 1)));
}

void tuff_index_text(struct tuff_emitter *e, const struct tuff_index *index, struct tuff_text *text)
{
    bool first = true;
    if (index->constant || index->count == 0) {
        if (index->constant == 0)
            tuff_text_add(text, "0u");
        else
            tuff_text_add(text, "%s", tuff_emit_number(e, (uint32_t)index->constant));
        first = false;
    }
    for (uint32_t i = 0; i < index->count; i++) {
        const struct tuff_term *t = &index->term[i];
        uint32_t stride = (uint32_t)(t->stride < 0 ? -t->stride : t->stride);
        struct tuff_number_key key = {e->function, t->base, t->div, t->mod, t->stride};
        if (!first || t->stride < 0) tuff_text_add(text, t->stride < 0 ? (first ? "0u - " : " - ") : " + ");
        first = false;
        tuff_text_add(text, "%s", digit(e, t));
        if (stride != 1) tuff_text_add(text, " * S%u", add_numbers(e, key, &stride, 1));
    }
}

struct tuff_index tuff_index_variable(struct tuff_emitter *e, const struct tuff_index *index, uint64_t extent)
{
    struct tuff_place_text outer;
    const char *name = tuff_emit_name(e);
    tuff_emit_begin_place(e, &outer);
    tuff_text_add(&e->text, "    uint %s = ", name);
    tuff_index_text(e, index, &e->text);
    tuff_text_add(&e->text, ";\n");
    return tuff_emit_end_place(e, &outer, name, extent);
}

const char *tuff_index_name(const struct tuff_emitter *e, const struct tuff_index *variable)
{
    return e->bases[variable->term[0].base].name;
}

struct tuff_coords tuff_coords_with(const struct tuff_coords *coords, uint32_t axis, const struct tuff_index *index)
{
    struct tuff_coords with = *coords;
    with.at[axis] = *index;
    with.has_flat = 0;
    with.flat = (struct tuff_index){.count = 0};
    return with;
}

struct tuff_index tuff_coords_flat(struct tuff_emitter *e, const struct tuff_coords *coords, const struct tuff_shape *shape)
{
    if (coords->has_flat) return coords->flat;
    struct tuff_index flat = {.count = 0};
    uint64_t inner = 1;
    for (uint32_t k = shape->rank; k-- > 0;) {
        if (shape->dim[k] > 1) tuff_index_add(e, &flat, &coords->at[k], (int64_t)inner);
        inner *= shape->dim[k];
    }
    return flat;
}

/* Digits of one quotient: coordinate k is (x / inner) % dim. False where moduli do not divide. */
static bool digits(struct tuff_emitter *e, const struct tuff_term *t, const struct tuff_shape *shape,
                   struct tuff_coords *coords)
{
    uint64_t inner = 1, extent = extent_of(e, t);
    for (uint32_t k = shape->rank; k-- > 0;) {
        uint64_t dim = shape->dim[k], left = (extent + inner - 1) / inner;
        if (dim > 1) {
            struct tuff_term d = {.base = t->base, .div = (uint32_t)(t->div * inner), .stride = 1};
            if (left > dim) {
                if (t->mod && t->mod % (inner * dim)) return false;
                d.mod = (uint32_t)dim;
            } else if (t->mod && (e->bases[t->base].extent + d.div - 1) / d.div > left) {
                if (t->mod % inner) return false;
                d.mod = (uint32_t)(t->mod / inner);
            }
            coords->at[k].term[0] = d;
            coords->at[k].count = 1;
        }
        inner *= dim;
    }
    return true;
}

/* Coordinate k takes the terms whose strides are multiples of its own. False where a sum could carry into the next coordinate. */
static bool aligned(const struct tuff_emitter *e, const struct tuff_index *flat, const struct tuff_shape *shape,
                    struct tuff_coords *coords)
{
    struct tuff_index rest = *flat;
    int64_t inner = (int64_t)tuff_shape_count(shape);
    for (uint32_t i = 0; i < flat->count; i++)
        if (flat->term[i].stride < 0) return false;
    if (flat->constant < 0) return false;
    for (uint32_t k = 0; k < shape->rank; k++) {
        inner /= shape->dim[k];
        struct tuff_index *c = &coords->at[k], left = {.constant = rest.constant % inner};
        int64_t most = rest.constant / inner, below = left.constant;
        c->constant = most;
        for (uint32_t i = 0; i < rest.count; i++) {
            struct tuff_term t = rest.term[i];
            int64_t last = (int64_t)extent_of(e, &t) - 1;
            if (t.stride % inner == 0) {
                t.stride /= inner;
                most += t.stride * last;
                c->term[c->count++] = t;
            } else {
                below += t.stride * last;
                left.term[left.count++] = t;
            }
        }
        if (most >= shape->dim[k] || below >= inner) return false;
        rest = left;
    }
    return true;
}

struct tuff_coords tuff_coords_of_flat(struct tuff_emitter *e, const struct tuff_index *flat, const struct tuff_shape *shape)
{
    struct tuff_coords coords = {.rank = shape->rank, .flat = *flat, .has_flat = 1}, empty = coords;
    if (flat->count == 1 && flat->constant == 0 && flat->term[0].stride == 1 && digits(e, &flat->term[0], shape, &coords))
        return coords;
    coords = empty;
    if (aligned(e, flat, shape, &coords)) return coords;
    coords = empty;
    struct tuff_index variable = tuff_index_variable(e, flat, tuff_shape_count(shape));
    coords.flat = variable;
    digits(e, &variable.term[0], shape, &coords);
    return coords;
}
