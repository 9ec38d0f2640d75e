/* emit_group.c - a group's hook functions as one macro for hooks.glsl: declarations, input ports, the chain of its roots, stores. */
#include "graph/compile/emit.h"
#include "graph/ops/view.h"

#include <stdio.h>

const char *const tuff_four_of_i[2][4] = {{"i", "i + 1u", "i + 2u", "i + 3u"},
                                          {"i", "min(i + 1u, last)", "min(i + 2u, last)", "min(i + 3u, last)"}};

void tuff_emit_begin_function(struct tuff_emitter *e)
{
    e->memo_count = 0;
    e->base_count = 0;
    e->follows = (struct tuff_follows){.tied = 0};
    e->function++;
}

/* Kept axes are digits of o, base 0, reduced axes digits of r, base 1. */
struct tuff_coords tuff_emit_reduced(struct tuff_emitter *e, tuff_val kernel)
{
    const struct tuff_value *value = &e->g->values[kernel];
    const struct tuff_reduce_attrs *attrs = value->attrs;
    const struct tuff_shape *in = &e->g->values[value->in[0]].type.shape;
    struct tuff_shape kept = {0}, reduced = {0};
    for (uint32_t i = 0; i < in->rank; i++) {
        struct tuff_shape *s = attrs->axes >> i & 1 ? &reduced : &kept;
        s->dim[s->rank++] = in->dim[i];
    }
    if (e->base_count == 0) {
        tuff_emit_base(e, "o", tuff_shape_count(&kept));
        tuff_emit_base(e, "r", tuff_shape_count(&reduced));
    }
    const struct tuff_index flat[2] = {tuff_index_base(0), tuff_index_base(1)};
    struct tuff_coords o = tuff_coords_of_flat(e, &flat[0], &kept), r = tuff_coords_of_flat(e, &flat[1], &reduced);
    struct tuff_coords coords = {.rank = in->rank};
    for (uint32_t i = 0, k = 0, n = 0; i < in->rank; i++) coords.at[i] = attrs->axes >> i & 1 ? r.at[n++] : o.at[k++];
    return coords;
}

/* The body is written before its head, as it finds out which loads are parameters; these may depend on the first `bases` variables. */
static void begin_body(struct tuff_emitter *e, struct tuff_text *before, uint32_t bases)
{
    *before = e->text;
    tuff_text_init(&e->text, e->g->context);
    tuff_emit_begin_function(e);
    e->leaf_count = 0;
    e->hoist = bases;
}

/* Leaves the body in *body, for end_function, and writes the functions that load. */
static void end_body(struct tuff_emitter *e, struct tuff_text *before, struct tuff_text *body,
                     const struct tuff_loads *loads)
{
    *body = e->text;
    e->text = *before;
    e->hoist = 0;
    tuff_emit_leaves(e, loads);
}

void tuff_emit_end_function(struct tuff_emitter *e, struct tuff_text *body)
{
    if (body->data) tuff_text_append(&e->text, body->data, body->length);
    e->failed = e->failed || body->failed;
    tuff_text_finish(body);
    tuff_text_add(&e->text, "}\n");
}

/* ", float l0, int l1": the loads as parameters */
void tuff_emit_leaf_parameters(struct tuff_emitter *e, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++) tuff_text_add(&e->text, ", %s l%u", tuff_emit_leaf_type(&e->leaves[k]), k);
}

/* The port's function of the loads, and the port itself, which loads for one element. */
static void begin_port(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t port, const char *type,
                       struct tuff_text *body)
{
    unsigned n = (unsigned)port;
    tuff_text_add(&e->text, "%s tuff_in%u(%s", type, n, loads->parameters);
    tuff_emit_leaf_parameters(e, e->leaf_count);
    tuff_text_add(&e->text, ") {\n");
    tuff_emit_end_function(e, body);
    tuff_text_add(&e->text, "%s in%u(%s) { return tuff_in%u(%s", type, n, loads->parameters, n, loads->arguments);
    for (uint32_t k = 0; k < e->leaf_count; k++) tuff_emit_leaf_argument(e, loads, k, 0, -1, loads->arguments);
    tuff_text_add(&e->text, "); }\n");
}

/* A port's function by quads: elements base + 0 .. 3, where the others of the parameters are as they are. */
static void emit_port_four(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t port, uint32_t base,
                           const char *const arguments[4])
{
    tuff_emit_four_leaves(e, loads, base);
    tuff_text_add(&e->text, "    return vec4(");
    for (int j = 0; j < 4; j++) {
        tuff_text_add(&e->text, "%stuff_in%u(%s", j ? ", " : "", port, arguments[j]);
        for (uint32_t k = 0; k < e->leaf_count; k++) tuff_emit_leaf_argument(e, loads, k, base, j, arguments[j]);
        tuff_text_add(&e->text, ")");
    }
    tuff_text_add(&e->text, ");\n}\n");
}

/* T in0(uint o, uint r); vec4 in0q(uint o, uint q): reduced elements 4 q .. 4 q + 3 of output o; in0o(uint q, uint r): of four outputs. */
static void emit_reduce_port(struct tuff_emitter *e, tuff_val kernel)
{
    static const struct tuff_loads loads = {"part", "uint o, uint r", "o, r"};
    static const char *const of_o[4] = {"o, r", "o + 1u, r", "o + 2u, r", "o + 3u, r"};
    static const char *const of_r[4] = {"o, r", "o, r + 1u", "o, r + 2u", "o, r + 3u"};
    tuff_val in = e->g->values[kernel].in[0];
    const char *type = tuff_glsl_type(e->g->values[in].type.dtype);
    struct tuff_text before, body;
    begin_body(e, &before, 2);
    struct tuff_coords coords = tuff_emit_reduced(e, kernel);
    tuff_text_add(&e->text, "    return %s;\n", tuff_emit_value(e, in, &coords));
    end_body(e, &before, &body, &loads);
    begin_port(e, &loads, 0, type, &body);
    if (!e->options->quads || !tuff_is_float(e->g->values[in].type.dtype)) return;
    tuff_text_add(&e->text, "vec4 in0q(uint o, uint q) {\n    uint r = q * 4u;\n");
    emit_port_four(e, &loads, 0, 1, of_r);
    tuff_text_add(&e->text, "vec4 in0o(uint q, uint r) {\n    uint o = q * 4u;\n");
    emit_port_four(e, &loads, 0, 0, of_o);
}

static void add_rest(struct tuff_emitter *e, uint64_t rest)
{
    if (rest) tuff_text_add(&e->text, "%s + ", tuff_emit_number(e, (uint32_t)rest));
}

/* vec4 in0q(uint q) of what lies in memory at a multiple of four elements: false elsewhere. */
static bool emit_port_quad(struct tuff_emitter *e, tuff_val v, uint32_t port)
{
    uint64_t rest = 0;
    const struct tuff_dtype_row *row = tuff_dtype_row(e->g->values[v].type.dtype);
    bool vector = row->per_word == 1;
    if (!e->values[v].place.root) return false;
    uint32_t b = tuff_emit_bind(e, v, TUFF_READ, vector, &rest);
    if (rest % 4 || e->crowded) return false;
    if (row->elements > 1) {
        uint32_t last = (uint32_t)tuff_shape_count(&e->g->values[v].type.shape) - 1;
        tuff_text_add(&e->text, "vec4 in%uq(uint q) { uint w = get%u(q); return vec4(", port, b);
        for (unsigned i = 0; i < 4; i++) tuff_text_add(&e->text, "%s%s(w, %uu)", i ? ", " : "", row->unpack, i);
        tuff_text_add(&e->text, ")");
        tuff_emit_scale(e, e->g->values[v].type.dtype, b, last, 4, "q");
        tuff_text_add(&e->text, "; }\n");
        return true;
    }
    tuff_text_add(&e->text, "vec4 in%uq(uint q) { uint at = ", port);
    add_rest(e, rest / (vector ? 4 : row->per_word));
    if (vector)
        tuff_text_add(&e->text, "q; return getv%u(at); }\n", b);
    else
        tuff_text_add(&e->text,
                      "q * 2u, low = get%u(at), high = get%u(at + 1u); return vec4(%s(low, 0u), %s(low, 1u), %s(high, 0u), "
                      "%s(high, 1u)); }\n",
                      b, b, row->unpack, row->unpack, row->unpack, row->unpack);
    return true;
}

/* T in0(uint i); vec4 in0q(uint q): elements 4 q .. 4 q + 3 */
static void emit_port(struct tuff_emitter *e, tuff_val v, uint32_t port)
{
    static const char *const names[8] = {"part0_", "part1_", "part2_", "part3_", "part4_", "part5_", "part6_", "part7_"};
    const struct tuff_type *type = &e->g->values[v].type;
    const struct tuff_loads loads = {names[port % 8], "uint i", "i"};
    struct tuff_text before, body;
    begin_body(e, &before, 1);
    struct tuff_coords coords = tuff_emit_coords(e, "i", &type->shape);
    tuff_text_add(&e->text, "    return %s;\n", tuff_emit_value(e, v, &coords));
    end_body(e, &before, &body, &loads);
    begin_port(e, &loads, port, tuff_glsl_type(type->dtype), &body);
    if (tuff_dtype_row(type->dtype)->reg[0] != 'f' || emit_port_quad(e, v, port)) return;
    uint64_t count = tuff_shape_count(&type->shape);
    tuff_text_add(&e->text, "vec4 in%uq(uint q) {\n    uint i = q * 4u;\n", port);
    if (count % 4) tuff_text_add(&e->text, "    uint last = %s;\n", tuff_emit_number(e, (uint32_t)(count - 1)));
    emit_port_four(e, &loads, port, 0, tuff_four_of_i[count % 4 != 0]);
}

static const struct tuff_loads chain_loads = {"leaf", "uint i", "i"};

/* void tuff_chain(uint i[, T v][, T l0, ..], out T0 r0, ..): element i of every root. */
static void emit_chain(struct tuff_emitter *e)
{
    const struct tuff_group *group = e->group;
    const struct tuff_type *space = &e->g->values[group->space].type;
    struct tuff_text before, body;
    begin_body(e, &before, 0);
    struct tuff_index flat = tuff_index_base(tuff_emit_base(e, "i", tuff_shape_count(&space->shape)));
    if (group->kernel) {
        struct tuff_coords at = tuff_coords_of_flat(e, &flat, &e->g->values[group->kernel].type.shape);
        for (uint32_t k = 0; k < at.rank; k++)
            if (e->g->values[group->kernel].type.shape.dim[k] == 1) at.at[k] = (struct tuff_index){.count = 0};
        tuff_emit_remember(e, group->kernel, &at, "v");
    }
    e->hoist = 1;
    for (uint32_t k = 0; k < group->root_count; k++) {
        struct tuff_coords at = tuff_coords_of_flat(e, &flat, &e->g->values[group->roots[k]].type.shape);
        tuff_text_add(&e->text, "    r%u = %s;\n", k, tuff_emit_value(e, group->roots[k], &at));
    }
    end_body(e, &before, &body, &chain_loads);
    e->chain_bytes = body.length;
    tuff_text_add(&e->text, "void tuff_chain(uint i");
    if (group->kernel) tuff_text_add(&e->text, ", %s v", tuff_glsl_type(e->g->values[group->kernel].type.dtype));
    tuff_emit_leaf_parameters(e, e->leaf_count);
    for (uint32_t k = 0; k < group->root_count; k++)
        tuff_text_add(&e->text, ", out %s r%u", tuff_glsl_type(e->g->values[group->roots[k]].type.dtype), k);
    tuff_text_add(&e->text, ") {\n");
    tuff_emit_end_function(e, &body);
}

static void declare_results(struct tuff_emitter *e, uint32_t k, const char *suffix)
{
    tuff_text_add(&e->text, "%s r%u%s; ", tuff_glsl_type(e->g->values[e->group->roots[k]].type.dtype), k, suffix);
}

/* j: which of four elements, or -1 for a single one */
static void call_chain(struct tuff_emitter *e, const char *index, const char *value, const char *suffix, int j)
{
    for (uint32_t k = 0; k < e->group->root_count; k++) declare_results(e, k, suffix);
    tuff_text_add(&e->text, "tuff_chain(%s", index);
    if (e->group->kernel) tuff_text_add(&e->text, ", %s", value);
    for (uint32_t k = 0; k < e->leaf_count; k++) tuff_emit_leaf_argument(e, &chain_loads, k, 0, j, index);
    for (uint32_t k = 0; k < e->group->root_count; k++) tuff_text_add(&e->text, ", r%u%s", k, suffix);
    tuff_text_add(&e->text, ");\n");
}

/* Stores of one element, of 32 bits, or of 16 or 8 where memory has such. */
void tuff_emit_store_one(struct tuff_emitter *e)
{
    for (uint32_t k = 0; k < e->group->root_count; k++) {
        uint64_t rest;
        const struct tuff_dtype_row *row = tuff_dtype_row(e->g->values[e->group->roots[k]].type.dtype);
        uint32_t part = row->per_word == 1 ? 0 : 4 / row->per_word;
        uint32_t b = tuff_emit_bind(e, e->group->roots[k], TUFF_WRITE, false, &rest);
        if (part) e->out->bindings[b].part = part;
        tuff_text_add(&e->text, "    put%s%u(", part ? "h" : "", b);
        add_rest(e, rest);
        tuff_text_add(&e->text,
                      part == 2 ? "i, %s(r%ux, 0.0));\n"
                      : part    ? "i, %s(r%ux, 0, 0, 0));\n"
                                : "i, %sr%ux);\n",
                      part ? row->pack : "", k);
    }
}

static void emit_store_each(struct tuff_emitter *e, uint32_t binding, uint64_t rest, const char r[4][12], bool tail)
{
    for (uint32_t i = 0; i < 4; i++) {
        if (tail && i) tuff_text_add(&e->text, "    if (i + %uu <= last)", i);
        tuff_text_add(&e->text, "    put%u(", binding);
        add_rest(e, rest);
        tuff_text_add(&e->text, "i + %uu, %s);\n", i, r[i]);
    }
}

/* Stores of elements i .. i+3, i a multiple of 4: one whole word of bytes, two of halves, a vec4 of f32. tail: elements after
 * `last` do not exist; what lies there may be another tensor's (bytes and halves own their last word whole). */
void tuff_emit_store_four(struct tuff_emitter *e, bool tail)
{
    for (uint32_t k = 0; k < e->group->root_count; k++) {
        uint64_t rest;
        enum tuff_dtype dtype = e->g->values[e->group->roots[k]].type.dtype;
        const struct tuff_dtype_row *row = tuff_dtype_row(dtype);
        bool vector = dtype == TUFF_F32;
        uint32_t b = tuff_emit_bind(e, e->group->roots[k], TUFF_WRITE, vector, &rest);
        char r[4][12];
        for (int i = 0; i < 4; i++) sprintf(r[i], "r%u%c", k, "xyzw"[i]);
        if (row->per_word > 1) {
            for (uint32_t i = 0; i < 4; i += row->per_word) {
                tuff_text_add(&e->text, "    put%u(", b);
                add_rest(e, rest / row->per_word);
                tuff_text_add(&e->text, "i / %uu + %uu, %s(", row->per_word, (unsigned)(i / row->per_word), row->pack);
                for (uint32_t j = i; j < i + row->per_word; j++) tuff_text_add(&e->text, "%s%s", j > i ? ", " : "", r[j]);
                tuff_text_add(&e->text, "));\n");
            }
        } else if (!vector) {
            emit_store_each(e, b, rest, (const char(*)[12])r, tail);
        } else {
            if (tail) tuff_text_add(&e->text, "    if (i + 3u <= last)");
            tuff_text_add(&e->text, "    putv%u(", b);
            add_rest(e, rest / 4);
            tuff_text_add(&e->text, "i / 4u, vec4(%s, %s, %s, %s));\n", r[0], r[1], r[2], r[3]);
            if (!tail) continue;
            tuff_text_add(&e->text, "    else {\n");
            emit_store_each(e, b, rest, (const char(*)[12])r, true);
            tuff_text_add(&e->text, "    }\n");
        }
    }
}

static void emit_four(struct tuff_emitter *e, bool clamp_end)
{
    static const char *const value[4] = {"v.x", "v.y", "v.z", "v.w"}, *const suffix[4] = {"x", "y", "z", "w"};
    tuff_emit_four_leaves(e, &chain_loads, 0);
    for (int i = 0; i < 4; i++) {
        tuff_text_add(&e->text, "    ");
        call_chain(e, tuff_four_of_i[clamp_end][i], value[i], suffix[i], i);
    }
    tuff_emit_store_four(e, clamp_end && tuff_shape_count(&e->g->values[e->group->space].type.shape) % 4 != 0);
}

bool tuff_emit_four_aligned(const struct tuff_emitter *e)
{
    for (uint32_t k = 0; k < e->group->root_count; k++) {
        const struct tuff_place *place = &e->values[e->group->roots[k]].place;
        if (place->offset % 4) return false;
    }
    return true;
}

/* Blocks pay where llvmpipe loads four for the price of one; the chain's text is there once for each of 16 elements. */
static bool by_blocks(struct tuff_emitter *e, uint64_t count)
{
    if (!e->options->texels || e->chain_bytes > 2000 || count * 4 + TUFF_PLAN_ALIGNMENT > e->options->max_range)
        return false;
    for (uint32_t i = 0; i < e->out->binding_count; i++)
        if (e->out->bindings[i].bytes > e->options->max_range) return false;
    tuff_choose_block(e);
    return e->block.columns != 0;
}

/* Invocations go along a strip of columns and on with the next rows: what one leaves of its cache lines is then the next one's. */
static void emit_block(struct tuff_emitter *e)
{
    uint32_t wide = e->block.columns / 4, high = e->block.rows / 4, strip = 8;
    while (wide % strip) strip /= 2;
    const char *of_row = tuff_emit_quotient(e, "b", strip), *of_strip = tuff_emit_quotient(e, "b", strip * high);
    tuff_text_add(&e->text, "    uint b = i / 16u, of_strip = %s, of_row = %s;\n", of_strip, of_row);
    const char *in_strip = tuff_emit_rest(e, "b", strip), *columns_of = tuff_emit_number(e, strip),
               *strips = tuff_emit_rest(e, "of_strip", wide / strip);
    tuff_text_add(&e->text, "    uint column = %s * %s + %s;\n", strips, columns_of, in_strip);
    const char *row_size = tuff_emit_number(e, 16 * wide), *row = tuff_emit_rest(e, "of_row", high),
               *size = tuff_emit_number(e, 16 * wide * high), *block = tuff_emit_quotient(e, "b", wide * high);
    tuff_text_add(&e->text, "    uint begin = %s * %s + %s * %s + column * 4u;\n", block, size, row, row_size);
    tuff_emit_block_leaves(e);
    const char *columns = tuff_emit_number(e, e->block.columns);
    for (e->block.row = 0; e->block.row < 4; e->block.row++) {
        tuff_text_add(&e->text, "    { uint i = begin + %s * %uu;\n", columns, e->block.row);
        emit_four(e, false);
        tuff_text_add(&e->text, "    }\n");
    }
}

/* llvmpipe begins eight invocations at the price of some fifty loads: each has eight quads, whose text is there once. */
static void emit_loop(struct tuff_emitter *e)
{
    e->out->width = e->shared = TUFF_WIDE;
    tuff_emit_shared_leaves(e, &chain_loads, 0);
    tuff_text_add(&e->text, "    [[dont_unroll]] for (uint end = i + %uu; i < end && i <= last; i += 4u) {\n", TUFF_WIDE);
}

/* A further result goes to memory as it is, or nowhere. */
static void emit_more(struct tuff_emitter *e, uint32_t k)
{
    tuff_val v = e->group->kernel + k;
    uint64_t rest;
    tuff_text_add(&e->text, "void out%u(uint i, %s v) {", k, tuff_glsl_type(e->g->values[v].type.dtype));
    if (e->values[v].place.root) {
        tuff_text_add(&e->text, " put%u(", tuff_emit_bind(e, v, TUFF_WRITE, false, &rest));
        add_rest(e, rest);
        tuff_text_add(&e->text, "i, v);");
    }
    tuff_text_add(&e->text, " }\n");
}

static void emit_outputs(struct tuff_emitter *e)
{
    const struct tuff_group *group = e->group;
    if (!group->kernel) {
        uint64_t count = tuff_shape_count(&e->g->values[group->space].type.shape);
        e->out->width = !tuff_emit_four_aligned(e) ? 1 : by_blocks(e, count) ? 16 : 4;
        tuff_text_add(&e->text, "void tuff_body(uint i) {\n");
        if (e->out->width == 16) {
            emit_block(e);
        } else if (e->out->width == 4) {
            tuff_text_add(&e->text, "    uint last = %s;\n", tuff_emit_number(e, (uint32_t)(count - 1)));
            if (e->options->texels) emit_loop(e);
            emit_four(e, true);
            if (e->options->texels) tuff_text_add(&e->text, "    }\n");
            e->shared = 0;
        } else {
            call_chain(e, "i", "", "x", -1);
            tuff_emit_store_one(e);
        }
        tuff_text_add(&e->text, "}\n");
        return;
    }
    const char *type = tuff_glsl_type(e->g->values[group->kernel].type.dtype);
    tuff_text_add(&e->text, "void out0(uint i, %s v) {\n    ", type);
    call_chain(e, "i", "v", "x", -1);
    tuff_emit_store_one(e);
    tuff_text_add(&e->text, "}\n");
    for (uint32_t k = 1; k <= e->g->values[group->kernel].op->more_count; k++) emit_more(e, k);
    if (!tuff_is_float(e->g->values[group->kernel].type.dtype)) return;
    tuff_text_add(&e->text, "void out0v(uint i, vec4 v) {\n");
    if (tuff_emit_four_aligned(e))
        emit_four(e, false);
    else
        tuff_text_add(&e->text, "    out0(i, v.x); out0(i + 1u, v.y); out0(i + 2u, v.z); out0(i + 3u, v.w);\n");
    tuff_text_add(&e->text, "}\n");
}

/* "float get3(uint i)" or "void put3(uint i, float x)": words or vec4 of a binding by number, in its windows b<first>, b<first + 1>, .. */
static void add_access(const struct tuff_emitted *out, struct tuff_text *text, uint32_t at, uint32_t first, const char *type,
                       uint32_t unit)
{
    const struct tuff_emit_binding *b = &out->bindings[at];
    bool vector = unit == 16;
    const char *v = vector ? "v" : unit < 4 ? "h" : "";
    uint64_t per_window = out->window_bytes / unit;
    bool read = b->access == TUFF_READ;
    if (read)
        tuff_text_add(text, "%s get%s%u(uint i) { return ", type, v, at);
    else
        tuff_text_add(text, "void put%s%u(uint i, %s x) { ", v, at, type);
    const char *open = !b->texels ? "[" : vector ? ", int(" : ", int((";
    const char *close = !b->texels ? "]" : vector ? "))" : ") >> 2))[i & 3u]"; /* windows are whole texels */
    for (uint32_t w = 0; w < b->windows; w++) {
        if (w + 1 < b->windows) tuff_text_add(text, read ? "i < %uu ? " : "if (i < %uu) ", (unsigned)((w + 1) * per_window));
        tuff_text_add(text, "%sb%s%u%si", b->texels ? "texelFetch(" : "", b->texels ? "" : v, (unsigned)(first + w), open);
        if (w) tuff_text_add(text, " - %uu", (unsigned)(w * per_window));
        if (b->chunked) tuff_text_add(text, " - first / %uu", (unsigned)(unit / tuff_dtype_size(b->dtype, 1)));
        tuff_text_add(text, "%s%s", close,
                      read        ? ""
                      : unit == 2 ? " = uint16_t(x);"
                      : unit == 1 ? " = uint8_t(x);"
                                  : " = x;");
        if (w + 1 < b->windows) tuff_text_add(text, read ? " : " : " else ");
    }
    tuff_text_add(text, read ? "; }\n" : " }\n");
}

static void declare_all(const struct tuff_emitted *out, struct tuff_text *text)
{
    if (out->number_count) /* read once an invocation, before main begins */
        tuff_text_add(text, "layout(std140, binding = %u) uniform Numbers { uvec4 numbers[%u]; };\n",
                      TUFF_PLAN_NUMBERS_BINDING, (unsigned)(out->number_count + 3) / 4);
    for (uint32_t i = 0; i < out->number_count; i++)
        tuff_text_add(text, "uint S%u = numbers[%u].%c;\n", i, i / 4, "xyzw"[i % 4]);
    for (uint32_t i = 0, number = 0; i < out->binding_count; number += out->bindings[i++].windows) {
        const struct tuff_emit_binding *b = &out->bindings[i];
        const char *element = tuff_dtype_memory(b->dtype);
        const char *access = b->access == TUFF_READ ? "readonly" : "writeonly";
        static const char *const samplers[TUFF_TEXELS_COUNT] = {"", "samplerBuffer", "isamplerBuffer", "usamplerBuffer"};
        for (unsigned n = number; n < number + b->windows; n++) {
            if (b->texels) {
                tuff_text_add(text, "layout(binding = %u) uniform %s b%u;\n", n, samplers[b->texels], n);
                continue;
            }
            tuff_text_add(text, "layout(std430, binding = %u) %s buffer B%u { %s b%u[]; };\n", n, access, n, element, n);
            if (b->vector)
                tuff_text_add(text, "layout(std430, binding = %u) %s buffer BV%u { vec4 bv%u[]; };\n", n, access, n, n);
            if (b->part)
                tuff_text_add(text, "layout(std430, binding = %u) %s buffer BH%u { uint%u_t bh%u[]; };\n", n, access, n,
                              b->part * 8, n);
        }
        add_access(out, text, i, number, element, 4);
        if (b->vector) add_access(out, text, i, number, "vec4", 16);
        if (b->part) add_access(out, text, i, number, "uint", b->part);
    }
}

static enum tuff_texels texels_of(const char *memory)
{
    return memory[0] == 'f' ? TUFF_TEXELS_F32 : memory[0] == 'i' ? TUFF_TEXELS_I32 : TUFF_TEXELS_U32;
}

/* How what is larger than a binding may be is bound: returns the number of buffers in all. */
static uint32_t place_windows(const struct tuff_emitter *e, struct tuff_emitted *out)
{
    uint32_t count = 0;
    out->window_bytes = e->options->max_range / TUFF_PLAN_ALIGNMENT * TUFF_PLAN_ALIGNMENT;
    for (uint32_t i = 0; i < out->binding_count; i++) {
        struct tuff_emit_binding *b = &out->bindings[i];
        bool large = b->bytes > e->options->max_range;
        b->chunked = large && !e->group->kernel && !b->scattered;
        if (e->options->texels && b->access == TUFF_READ) b->texels = texels_of(tuff_dtype_memory(b->dtype));
        b->windows = large && !b->chunked ? (uint32_t)((b->bytes + out->window_bytes - 1) / out->window_bytes) : 1;
        if (b->chunked) /* a binding may begin up to an alignment before its first element */
            out->chunk = (out->window_bytes - TUFF_PLAN_ALIGNMENT) / 4 / TUFF_PLAN_ALIGNMENT * TUFF_PLAN_ALIGNMENT;
        count += b->windows;
    }
    return count;
}

/* The text as the body of a macro: a backslash at every line's end. */
static char *as_macro(struct tuff_arena *arena, const struct tuff_text *declarations, const struct tuff_text *functions,
                      const struct tuff_emitted *out, bool narrow)
{
    size_t lines = 0, length = declarations->length + functions->length;
    bool parts[3] = {false};
    for (uint32_t i = 0; i < out->binding_count; i++) parts[out->bindings[i].part] = true;
    for (size_t i = 0; i < declarations->length; i++) lines += declarations->data[i] == '\n';
    for (size_t i = 0; i < functions->length; i++) lines += functions->data[i] == '\n';
    char head[400];
    size_t used = (size_t)snprintf(head, sizeof head, "%s%s%s#define TUFF_WIDTH %uu\n",
                                   parts[2] ? "#extension GL_EXT_shader_16bit_storage : require\n" : "",
                                   parts[1] ? "#extension GL_EXT_shader_8bit_storage : require\n" : "",
                                   narrow ? "#define TUFF_NARROW\n" : "", out->width);
    for (uint32_t p = 0; p < out->passes; p++)
        used += (size_t)sprintf(head + used, "%sP(%u)%s", p ? " " : "#define TUFF_PASSES(P) ", (unsigned)p,
                                p + 1 < out->passes ? "" : "\n");
    used += (size_t)sprintf(head + used, "#define TUFF_HOOKS_TEXT \\\n");
    char *macro = tuff_arena_alloc(arena, used + length + 2 * lines + 2), *to = macro;
    if (!macro) return NULL;
    memcpy(to, head, used);
    to += used;
    for (int part = 0; part < 2; part++) {
        const struct tuff_text *text = part ? functions : declarations;
        for (size_t i = 0; i < text->length; i++) {
            if (text->data[i] == '\n') {
                *to++ = ' ';
                *to++ = '\\';
            }
            *to++ = text->data[i];
        }
    }
    *to++ = '\n';
    *to = 0;
    return macro;
}

tuff_status tuff_emit_group(const struct tuff_graph *g, const struct tuff_work_value *values, const struct tuff_group *group,
                            const struct tuff_emit_options *options, struct tuff_arena *arena, struct tuff_emitted *out,
                            struct tuff_error *error)
{
    *out = (struct tuff_emitted){.width = 1};
    struct tuff_emitter e = {.g = g, .values = values, .group = group, .options = options, .arena = arena, .out = out};
    tuff_text_init(&e.text, g->context);
    struct tuff_text declarations = {.context = g->context};
    tuff_emit_base(&e, "", 1); /* so that base 0 is there when memory is not */
    if (e.failed) return tuff_fail_memory(g->context, error);
    if (tuff_is_row(group)) {
        tuff_emit_row(&e);
    } else if (group->kernel) {
        const struct tuff_value *value = &g->values[group->kernel];
        for (uint32_t p = 0; p < value->in_count; p++) {
            if (p == 0 && value->op->reduces)
                emit_reduce_port(&e, group->kernel);
            else if (value->in[p] && !tuff_is_portless(value, p))
                emit_port(&e, value->in[p], p);
        }
    }
    if (!tuff_is_row(group)) {
        emit_chain(&e);
        emit_outputs(&e);
    }
    e.crowded = place_windows(&e, out) > TUFF_MAX_BINDINGS || e.crowded;
    bool numerous = out->number_count > TUFF_PLAN_MOST_NUMBERS;
    declare_all(out, &declarations);
    bool memory = e.failed || e.text.failed || declarations.failed;
    out->hooks = memory ? NULL : as_macro(arena, &declarations, &e.text, out, options->narrow && out->number_count);
    tuff_text_finish(&e.text);
    tuff_text_finish(&declarations);
    if (e.crowded)
        return tuff_fail(g->context, error, TUFF_ERR_UNSUPPORTED, "%s: needs more than %u buffers of at most %llu bytes",
                         g->values[group->space].op->name, TUFF_MAX_BINDINGS, (unsigned long long)options->max_range);
    if (numerous)
        return tuff_fail(g->context, error, TUFF_ERR_UNSUPPORTED, "%s: needs more than %u sizes and strides in one launch",
                         g->values[group->space].op->name, TUFF_PLAN_MOST_NUMBERS);
    return out->hooks ? TUFF_OK : tuff_fail_memory(g->context, error);
}
