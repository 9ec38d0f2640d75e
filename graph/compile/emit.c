/* emit.c - values as GLSL: loads from memory, INLINE operators as expressions of their coordinates, each computed once in a function. */
#include "graph/compile/emit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *tuff_glsl_type(enum tuff_dtype dtype) { return tuff_dtype_row(dtype)->reg; }

struct tuff_emit_binding tuff_emit_binding_of(const struct tuff_emitter *e, tuff_val v, uint32_t access, uint64_t *rest)
{
    struct tuff_place place = e->values[v].place;
    const struct tuff_type *type = &e->g->values[v].type;
    uint64_t start = tuff_dtype_size(type->dtype, place.offset);
    uint64_t base = start / TUFF_PLAN_ALIGNMENT * TUFF_PLAN_ALIGNMENT;
    /* whole words of packed types; reads may take a whole quad of words at the end: storage is padded to TUFF_PLAN_ALIGNMENT */
    bool packed = tuff_dtype_row(type->dtype)->per_word > 1; /* stored by four */
    uint64_t unit = access == TUFF_READ ? TUFF_TEXEL_BYTES : packed ? tuff_dtype_size(type->dtype, 4) : 4;
    uint64_t bytes = tuff_align(start - base + tuff_type_bytes(type), unit);
    *rest = place.offset - base / tuff_dtype_size(type->dtype, 1);
    return (struct tuff_emit_binding){.root = place.root,
                                      .offset = base,
                                      .bytes = bytes,
                                      .access = access,
                                      .dtype = type->dtype,
                                      .head = start - base,
                                      .windows = 1};
}

uint32_t tuff_emit_bind(struct tuff_emitter *e, tuff_val v, uint32_t access, bool vector, uint64_t *rest)
{
    struct tuff_emit_binding binding = tuff_emit_binding_of(e, v, access, rest);
    struct tuff_emitted *out = e->out;
    for (uint32_t i = 0; i < out->binding_count; i++) {
        struct tuff_emit_binding *b = &out->bindings[i];
        if (b->root != binding.root || b->offset != binding.offset || b->access != access || b->dtype != binding.dtype)
            continue;
        if (binding.bytes > b->bytes) b->bytes = binding.bytes;
        if (binding.head > b->head) b->head = binding.head;
        b->vector = b->vector || vector;
        return i;
    }
    if (out->binding_count == TUFF_MAX_BINDINGS) {
        e->crowded = true;
        return 0;
    }
    binding.vector = vector;
    out->bindings[out->binding_count] = binding;
    return out->binding_count++;
}

const char *tuff_emit_kept(struct tuff_emitter *e, const char *text)
{
    if (!text) e->failed = true;
    return text ? text : "v";
}

const char *tuff_emit_name(struct tuff_emitter *e)
{
    return tuff_emit_kept(e, tuff_arena_printf(e->arena, "v%u", e->names++));
}

const char *tuff_emit_remember(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords, const char *name)
{
    if (e->memo_count == e->memo_room) {
        if (!TUFF_GROW_ARENA(e->arena, e->memo, e->memo_room, 1)) {
            e->failed = true;
            return name;
        }
        e->memo_room++;
    }
    struct tuff_memo *m = &e->memo[e->memo_count++];
    *m = (struct tuff_memo){.value = v, .coords = *coords};
    snprintf(m->name, sizeof m->name, "%s", name);
    return name;
}

const struct tuff_shape *tuff_emit_shape(const struct tuff_emitter *e, tuff_val v) { return &e->g->values[v].type.shape; }
enum tuff_dtype tuff_emit_dtype(const struct tuff_emitter *e, tuff_val v) { return e->g->values[v].type.dtype; }
struct tuff_text *tuff_emit_text(struct tuff_emitter *e) { return &e->text; }
void tuff_emit_fail(struct tuff_emitter *e) { e->failed = true; }

uint32_t tuff_emit_open(struct tuff_emitter *e)
{
    e->depth++;
    return e->memo_count;
}

void tuff_emit_close(struct tuff_emitter *e, uint32_t mark)
{
    e->depth--;
    e->memo_count = mark;
}

/* ---- loads ------------------------------------------------------------------------------------------------------------------ */

/* The parameter that is the load; NULL: in place. llvmpipe loads in conditional scopes for all invocations: before them it costs nothing. */
static const char *hoist(struct tuff_emitter *e, const struct tuff_leaf_load *load)
{
    uint32_t k = 0;
    if (!e->hoist || (e->depth > 0 && !e->options->texels)) return NULL;
    for (uint32_t i = 0; i < load->at.count; i++)
        if (load->at.term[i].base >= e->hoist && !e->bases[load->at.term[i].base].leaf) return NULL;
    while (k < e->leaf_count && (e->leaves[k].text || e->leaves[k].binding != load->binding ||
                                 memcmp(&e->leaves[k].at, &load->at, sizeof load->at)))
        k++;
    if (k == TUFF_COUNT(e->leaves)) return NULL;
    if (k == e->leaf_count) e->leaves[e->leaf_count++] = *load;
    if (e->leaves[k].last < load->last) e->leaves[k].last = load->last;
    e->leaves[k].guarded = e->leaves[k].guarded || load->guarded;
    e->follows.leaves |= 1u << k;
    return tuff_emit_kept(e, tuff_arena_printf(e->arena, "l%u", k));
}

void tuff_emit_begin_place(struct tuff_emitter *e, struct tuff_place_text *outer)
{
    bool tied = !e->hoist || e->asked || (e->depth > 0 && !e->options->texels); /* a row's rounds share leaves, not bases */
    *outer = (struct tuff_place_text){e->text, e->follows};
    e->follows = (struct tuff_follows){.memo = tied ? 0 : e->memo_count, .own = e->base_count, .tied = tied};
    tuff_text_init(&e->text, e->g->context);
}

struct tuff_index tuff_emit_end_place(struct tuff_emitter *e, struct tuff_place_text *outer, const char *name,
                                      uint64_t extent)
{
    struct tuff_text text = e->text;
    struct tuff_follows follows = e->follows;
    e->text = outer->text;
    e->follows = outer->follows;
    e->failed = e->failed || text.failed;
    if (!follows.tied && e->leaf_count < TUFF_MOST_LEAVES) {
        uint32_t k = e->leaf_count++;
        const char *kept = tuff_emit_kept(e, tuff_arena_strdup(e->arena, text.data ? text.data : ""));
        e->leaves[k] = (struct tuff_leaf_load){.text = kept, .name = name, .follows = follows};
        e->follows.leaves |= 1u << k;
        e->memo_count = follows.memo;
        name = tuff_emit_kept(e, tuff_arena_printf(e->arena, "l%u", k));
        uint32_t base = tuff_emit_base(e, name, extent);
        if (!e->failed) e->bases[base].leaf = k + 1;
        tuff_text_finish(&text);
        return tuff_index_base(base);
    }
    if (text.data) tuff_text_append(&e->text, text.data, text.length);
    tuff_text_finish(&text);
    e->follows.leaves |= follows.leaves;
    for (int wide = 0; wide < 2; wide++) e->follows.bases[wide] |= follows.bases[wide];
    e->follows.tied |= follows.tied;
    return tuff_index_base(tuff_emit_base(e, name, extent));
}

/* One variable and nothing else? */
static bool is_variable(const struct tuff_index *at)
{
    return at->count == 1 && at->term[0].div == 1 && !at->term[0].mod && at->term[0].stride == 1 && !at->constant;
}

void tuff_emit_scale(struct tuff_emitter *e, enum tuff_dtype dtype, uint32_t binding, uint32_t last, uint32_t unit,
                     const char *at)
{
    uint32_t elements = tuff_dtype_row(dtype)->elements / unit;
    if (!tuff_is_blocks(dtype)) return;
    tuff_text_add(&e->text, " * tuff_half(get%u(%s + %s / %uu), %s / %uu)", binding, tuff_emit_number(e, (last + 1) / 4), at,
                  (unsigned)(2 * elements), at, elements);
}

void tuff_emit_unpack(struct tuff_emitter *e, enum tuff_dtype dtype, uint32_t binding, uint32_t last, const char *at)
{
    const struct tuff_dtype_row *row = tuff_dtype_row(dtype);
    tuff_text_add(&e->text, "%s(%s(get%u(%s / %uu), %s))", row->reg, row->unpack, binding, at, row->per_word, at);
    tuff_emit_scale(e, dtype, binding, last, 1, at);
}

/* Element i of the group is at element i of v, for all i: launches over parts of the group then need parts of v alone. */
static bool goes_along(const struct tuff_emitter *e, tuff_val v, const struct tuff_index *at, uint64_t rest)
{
    uint64_t count = tuff_shape_count(&e->g->values[v].type.shape);
    return !tuff_is_blocks(e->g->values[v].type.dtype) && tuff_index_is_flat(at) && at->constant == (int64_t)rest &&
           count == tuff_shape_count(&e->g->values[e->group->space].type.shape);
}

static const char *emit_load(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords)
{
    const struct tuff_type *type = &e->g->values[v].type;
    uint64_t rest;
    uint32_t b = tuff_emit_bind(e, v, TUFF_READ, false, &rest);
    struct tuff_index at = tuff_coords_flat(e, coords, &type->shape);
    at.constant += (int64_t)rest;
    struct tuff_leaf_load load = {.binding = b, .dtype = type->dtype, .at = at, .guarded = e->depth > 0};
    load.last = (uint32_t)(rest + tuff_shape_count(&type->shape) - 1);
    const char *parameter = hoist(e, &load);
    if (!parameter || !goes_along(e, v, &at, rest)) e->out->bindings[b].scattered = true;
    if (parameter) return parameter;
    if (e->depth > 0) e->follows.tied = 1; /* where its condition does not hold, its place may be anywhere */
    const char *name = tuff_emit_name(e);
    const struct tuff_dtype_row *row = tuff_dtype_row(type->dtype);
    if (row->per_word > 1 && !is_variable(&at)) at = tuff_index_variable(e, &at, INT32_MAX);
    struct tuff_text *t = &e->text;
    tuff_text_add(t, "    %s %s = ", row->reg, name);
    if (row->per_word == 1) {
        tuff_text_add(t, "get%u(", b);
        tuff_index_text(e, &at, t);
        tuff_text_add(t, ")");
    } else {
        tuff_emit_unpack(e, type->dtype, b, load.last, e->bases[at.term[0].base].name);
    }
    tuff_text_add(t, ";\n");
    return name;
}

/* ---- operators ---------------------------------------------------------------------------------------------------------------- */

uint32_t tuff_register_bits(enum tuff_dtype dtype, double value)
{
    value = tuff_dtype_number(dtype, value);
    float f = (float)value;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if (tuff_is_float(dtype)) return bits;
    int64_t whole = fabs(value) < 9e18 ? (int64_t)value : 0; /* false for NaN too */
    return (uint32_t)whole;
}

const char *tuff_emit_literal(struct tuff_emitter *e, enum tuff_dtype dtype, double value)
{
    bool floats = tuff_is_float(dtype);
    if ((value == 0 && !floats) || fabs(value) == 1)
        return tuff_emit_kept(e, tuff_arena_printf(e->arena, floats ? "%d.0" : "%d", (int)value));
    const char *number = tuff_emit_number(e, tuff_register_bits(dtype, value));
    return tuff_emit_kept(e, tuff_arena_printf(e->arena, floats ? "uintBitsToFloat(%s)" : "int(%s)", number));
}

static const char *emit_inline(struct tuff_emitter *e, const struct tuff_value *value, const struct tuff_coords *coords)
{
    if (value->op->emit) return value->op->emit(e, value, coords);
    if (!value->op->map) { /* the group's kernel, whose name found no memory */
        if (TUFF_NEVER(!e->failed)) e->failed = true;
        return "0";
    }
    struct tuff_coords inner = value->op->map(e, value, coords);
    return tuff_emit_value(e, value->in[0], &inner);
}

/* v is a result of this launch, or the same elements under another shape: its memory does not hold it yet. */
static bool computed_here(const struct tuff_emitter *e, tuff_val v)
{
    for (;; v = e->g->values[v].in[0]) {
        for (uint32_t i = 0; i < e->group->root_count; i++)
            if (e->group->roots[i] == v) return true;
        const struct tuff_op *op = e->g->values[v].op;
        if (!tuff_op_is_same(op)) return false;
        if (e->g->values[v].in[0] == e->group->kernel) return true;
    }
}

static bool is_loaded(const struct tuff_emitter *e, tuff_val v) { return e->values[v].place.root && !computed_here(e, v); }

bool tuff_emit_is_computed(const struct tuff_emitter *e, tuff_val v)
{
    while (!is_loaded(e, v) && e->g->values[v].op->map && v != e->group->kernel) v = e->g->values[v].in[0];
    return !is_loaded(e, v) && (v == e->group->kernel || e->g->values[v].in_count > 0);
}

const char *tuff_emit_value(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *coords)
{
    const struct tuff_value *value = &e->g->values[v];
    struct tuff_coords key = *coords;
    for (uint32_t i = 0; i < key.rank; i++) /* an axis of length 1 has one place */
        if (value->type.shape.dim[i] == 1) key.at[i] = (struct tuff_index){.count = 0};
    for (uint32_t i = e->memo_count; i-- > 0;) {
        const struct tuff_memo *m = &e->memo[i];
        if (m->value != v || memcmp(&m->coords, &key, sizeof key)) continue;
        if (m->name[0] == 'l')
            e->follows.leaves |= 1u << atoi(m->name + 1);
        else if (i < e->follows.memo && v == e->group->kernel)
            e->follows.tied = 1;
        else if (i < e->follows.memo) /* another function's, perhaps: computed again, and once by the driver's compiler */
            continue;
        return m->name;
    }
    const char *name = e->asked ? e->asked(e, v, &key) : NULL;
    if (!name) name = is_loaded(e, v) ? emit_load(e, v, &key) : emit_inline(e, value, &key);
    return tuff_emit_remember(e, v, &key, name);
}
