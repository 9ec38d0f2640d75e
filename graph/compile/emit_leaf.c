/* emit_leaf.c - what a hook function takes as parameters: an element, four as one quad, one for all, or a window of two quads. */
#include "graph/compile/emit.h"

#include <stdio.h>

const char *tuff_emit_leaf_type(const struct tuff_leaf_load *leaf)
{
    return leaf->text ? "uint" : tuff_glsl_type(leaf->dtype);
}

/* How four neighbours load: each; one for all; a quad, from a multiple of 4 on or from anywhere; the block's, by columns. */
enum four { FOUR_APART, FOUR_ONE, FOUR_QUAD, FOUR_WINDOW, FOUR_BLOCK };

/* Are rows 4 k .. 4 k + 3 of a column a quad? Its rows are the digit of stride 1; no other may change with them. */
static bool in_block(const struct tuff_emitter *e, const struct tuff_leaf_load *leaf, const struct tuff_block *block)
{
    uint64_t all = (uint64_t)block->columns * block->rows;
    bool found = false;
    if (leaf->text || !block->columns || leaf->dtype != TUFF_F32 || leaf->guarded || leaf->at.constant % 4) return false;
    for (uint32_t i = 0; i < leaf->at.count; i++) {
        const struct tuff_term *t = &leaf->at.term[i];
        if (t->base) return false;
        if (t->stride == 1) {
            uint64_t rows = t->mod ? t->mod : e->bases[0].extent / t->div;
            if (found || t->div != block->columns || rows != block->rows) return false;
            found = true;
        } else if (t->stride % 4 || (t->div % all && !(t->mod && block->columns % ((uint64_t)t->div * t->mod) == 0))) {
            return false;
        }
    }
    return found;
}

/* The block whose rows are the leaf's digit of stride 1. */
static struct tuff_block block_of(const struct tuff_emitter *e, const struct tuff_leaf_load *leaf)
{
    struct tuff_block block = {0};
    for (uint32_t i = 0; i < leaf->at.count; i++) {
        const struct tuff_term *t = &leaf->at.term[i];
        if (t->base || t->stride != 1 || t->div % 4) continue;
        uint64_t extent = e->bases[0].extent, rows = t->mod ? t->mod : extent / t->div;
        if (rows % 4 == 0 && extent % (rows * t->div) == 0)
            block = (struct tuff_block){.columns = t->div, .rows = (uint32_t)rows};
    }
    if (leaf->text) return block;
    bool permuted = false; /* what is the same along a row, as a row's maximum, needs no block */
    for (uint32_t i = 0; i < leaf->at.count; i++) permuted = permuted || leaf->at.term[i].div < block.columns;
    return permuted && in_block(e, leaf, &block) ? block : (struct tuff_block){0};
}

void tuff_choose_block(struct tuff_emitter *e)
{
    for (uint32_t k = 0; k < e->leaf_count && !e->block.columns; k++) e->block = block_of(e, &e->leaves[k]);
}

/* The leaves that it follows from. */
static uint32_t places_of(const struct tuff_emitter *e, const struct tuff_leaf_load *leaf)
{
    uint32_t places = leaf->text ? leaf->follows.leaves : 0;
    for (uint32_t i = 0; i < leaf->at.count; i++) {
        uint32_t k = e->bases[leaf->at.term[i].base].leaf;
        places |= k ? 1u << (k - 1) : 0;
    }
    return places;
}

/* Is it the same for so many in a row, which begin at a multiple of it? count: 4 or TUFF_WIDE. */
static bool is_same(const struct tuff_emitter *e, const struct tuff_leaf_load *leaf, uint32_t base, uint32_t count)
{
    uint32_t places = places_of(e, leaf);
    for (uint32_t k = 0; places >> k; k++)
        if (places >> k & 1 && !is_same(e, &e->leaves[k], base, count)) return false;
    for (uint32_t i = 0; i < leaf->at.count; i++)
        if (leaf->at.term[i].base == base && leaf->at.term[i].div % count) return false;
    return !leaf->text || !(leaf->follows.bases[count > 4] >> base & 1);
}

/* The four begin at a multiple of 4 of the base. */
static enum four four_of(const struct tuff_emitter *e, const struct tuff_leaf_load *leaf, uint32_t base)
{
    uint32_t units = 0, places = places_of(e, leaf);
    if (in_block(e, leaf, &e->block)) return FOUR_BLOCK;
    if (is_same(e, leaf, base, 4)) return FOUR_ONE;
    for (uint32_t k = 0; places >> k; k++)
        if (places >> k & 1 && !is_same(e, &e->leaves[k], base, 4)) return FOUR_APART;
    bool even = leaf->at.constant % 4 == 0;
    for (uint32_t i = 0; i < leaf->at.count; i++) {
        const struct tuff_term *t = &leaf->at.term[i];
        if (t->base == base && t->div == 1 && t->stride == 1 && t->mod % 4 == 0)
            units++;
        else if (t->base == base && t->div % 4)
            return FOUR_APART;
        else
            even = even && t->stride % 4 == 0;
    }
    if (units != 1 || leaf->dtype == TUFF_I32) return FOUR_APART;
    if (even) return FOUR_QUAD;
    return e->options->texels && leaf->dtype == TUFF_F32 ? FOUR_WINDOW : FOUR_APART;
}

bool tuff_index_is_quad(const struct tuff_emitter *e, const struct tuff_index *at, uint32_t base)
{
    const struct tuff_leaf_load load = {.dtype = TUFF_F32, .at = *at};
    return four_of(e, &load, base) == FOUR_QUAD;
}

bool tuff_leaf_varies(const struct tuff_leaf_load *leaf, uint32_t base)
{
    for (uint32_t i = 0; i < leaf->at.count; i++)
        if (leaf->at.term[i].base == base) return true;
    return false;
}

/* The place in units of so many elements. */
static void add_place(struct tuff_emitter *e, const struct tuff_leaf_load *leaf, uint32_t elements)
{
    struct tuff_index at = leaf->at;
    at.constant /= elements;
    for (uint32_t i = 0; i < at.count; i++) {
        struct tuff_term *t = &at.term[i];
        if (t->stride % elements == 0) {
            t->stride /= elements;
        } else { /* the one along which the four lie */
            t->div = elements;
            t->fixed = 1;
            t->mod /= elements;
        }
    }
    if (leaf->guarded) tuff_text_add(&e->text, "min(");
    tuff_index_text(e, &at, &e->text);
    uint32_t last = elements > 1 ? leaf->last / 4 * 4 / elements : leaf->last; /* the last quad's first unit */
    if (leaf->guarded) tuff_text_add(&e->text, ", %s)", tuff_emit_number(e, last));
}

/* "at_leaf1(i, q0)" for the first of four, with j -1 for an element. */
static void emit_place_call(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t k, uint32_t base, int j)
{
    tuff_text_add(&e->text, "at_%s%u(%s", loads->name, (unsigned)k, loads->arguments);
    for (uint32_t n = 0; n < k; n++)
        if (e->leaves[k].follows.leaves >> n & 1) tuff_emit_leaf_argument(e, loads, n, base, j, loads->arguments);
    tuff_text_add(&e->text, ")");
}

/* "uint at_leaf1(uint i, int l0) { ..; return v0; } uint leaf1(uint i) { return at_leaf1(i, leaf0(i)); }" */
static void emit_place(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t k)
{
    const struct tuff_leaf_load *leaf = &e->leaves[k];
    tuff_text_add(&e->text, "uint at_%s%u(%s", loads->name, k, loads->parameters);
    for (uint32_t j = 0; j < k; j++)
        if (leaf->follows.leaves >> j & 1) tuff_text_add(&e->text, ", %s l%u", tuff_emit_leaf_type(&e->leaves[j]), j);
    tuff_text_add(&e->text, ") {\n%s    return %s; }\n", leaf->text, leaf->name);
    tuff_text_add(&e->text, "uint %s%u(%s) { return ", loads->name, k, loads->parameters);
    emit_place_call(e, loads, k, 0, -1);
    tuff_text_add(&e->text, "; }\n");
}

void tuff_emit_leaves(struct tuff_emitter *e, const struct tuff_loads *loads)
{
    for (uint32_t k = 0; k < e->leaf_count; k++) {
        const struct tuff_leaf_load *leaf = &e->leaves[k];
        unsigned b = (unsigned)leaf->binding;
        if (leaf->text) {
            emit_place(e, loads, k);
            continue;
        }
        tuff_text_add(&e->text, "%s %s%u(%s) { ", tuff_glsl_type(leaf->dtype), loads->name, k, loads->parameters);
        for (uint32_t j = 0; j < k; j++)
            if (places_of(e, leaf) >> j & 1)
                tuff_text_add(&e->text, "uint l%u = %s%u(%s); ", j, loads->name, j, loads->arguments);
        tuff_text_add(&e->text, "uint at = ");
        add_place(e, leaf, 1);
        const struct tuff_dtype_row *row = tuff_dtype_row(leaf->dtype);
        tuff_text_add(&e->text, "; return ");
        if (row->per_word > 1)
            tuff_emit_unpack(e, leaf->dtype, b, leaf->last, "at");
        else
            tuff_text_add(&e->text, "get%u(at)", b);
        tuff_text_add(&e->text, "; }\n");
    }
}

/* "    vec4 q0 = ..", or for whole numbers the word of all four: "    uint q0 = ..". */
static void emit_quad(struct tuff_emitter *e, uint32_t k)
{
    const struct tuff_leaf_load *leaf = &e->leaves[k];
    const struct tuff_dtype_row *row = tuff_dtype_row(leaf->dtype);
    unsigned n = (unsigned)k, b = (unsigned)leaf->binding;
    if (row->per_word == 2) {
        tuff_text_add(&e->text, "    uint at%u = ", n);
        add_place(e, leaf, 2);
        tuff_text_add(&e->text, ", low%u = get%u(at%u), high%u = get%u(at%u + 1u);\n", n, b, n, n, b, n);
        tuff_text_add(&e->text, "    vec4 q%u = vec4(", n);
        for (unsigned i = 0; i < 4; i++)
            tuff_text_add(&e->text, "%s%s(%s%u, %uu)", i ? ", " : "", row->unpack, i < 2 ? "low" : "high", n, i % 2);
        tuff_text_add(&e->text, ");\n");
        return;
    }
    if (row->elements > 1) {
        char at[16];
        sprintf(at, "at%u", n);
        tuff_text_add(&e->text, "    uint %s = ", at);
        add_place(e, leaf, 4);
        tuff_text_add(&e->text, ", word%u = get%u(%s); vec4 q%u = vec4(", n, b, at, n);
        for (unsigned i = 0; i < 4; i++) tuff_text_add(&e->text, "%s%s(word%u, %uu)", i ? ", " : "", row->unpack, n, i);
        tuff_text_add(&e->text, ")");
        tuff_emit_scale(e, leaf->dtype, b, leaf->last, 4, at);
        tuff_text_add(&e->text, ";\n");
        return;
    }
    if (row->per_word == 1) e->out->bindings[b].vector = true;
    tuff_text_add(&e->text, row->per_word == 1 ? "    vec4 q%u = getv%u(" : "    uint q%u = get%u(", n, b);
    add_place(e, leaf, 4);
    tuff_text_add(&e->text, ");\n");
}

/* What of the two quads lies before the first element or behind the last is read by none: any place will do. */
static void emit_window(struct tuff_emitter *e, uint32_t k)
{
    const struct tuff_leaf_load *leaf = &e->leaves[k];
    unsigned n = (unsigned)k, b = (unsigned)leaf->binding;
    const char *last = tuff_emit_number(e, leaf->last / 4);
    e->out->bindings[b].vector = true;
    tuff_text_add(&e->text, "    uint w%u = ", n);
    tuff_index_text(e, &leaf->at, &e->text);
    tuff_text_add(&e->text, "; vec4 q%u = tuff_any4(getv%u(min(w%u >> 2, %s)), getv%u(min((w%u + 3u) >> 2, %s)), w%u);\n", n,
                  b, n, last, b, n, last, n);
}

void tuff_emit_block_leaves(struct tuff_emitter *e)
{
    for (uint32_t k = 0; k < e->leaf_count; k++) {
        const struct tuff_leaf_load *leaf = &e->leaves[k];
        unsigned n = (unsigned)k, b = (unsigned)leaf->binding;
        if (!in_block(e, leaf, &e->block)) continue;
        e->out->bindings[b].vector = true;
        tuff_text_add(&e->text,
                      "    vec4 m%u[4];\n    for (uint x = 0u; x < 4u; x++) { uint i = begin + x; m%u[x] = getv%u((", n, n,
                      b);
        tuff_index_text(e, &leaf->at, &e->text);
        tuff_text_add(&e->text, ") >> 2); }\n");
    }
}

/* "    float q0 = leaf0(i);", or of a place "    uint l0 = at_leaf0(i), q0 = l0;" */
static void emit_same(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t k, uint32_t base)
{
    unsigned n = (unsigned)k;
    const char *type = tuff_emit_leaf_type(&e->leaves[k]);
    if (!e->leaves[k].text) {
        tuff_text_add(&e->text, "    %s q%u = %s%u(%s);\n", type, n, loads->name, n, loads->arguments);
        return;
    }
    tuff_text_add(&e->text, "    uint l%u = ", n);
    emit_place_call(e, loads, k, base, 0);
    tuff_text_add(&e->text, ", q%u = l%u;\n", n, n);
}

void tuff_emit_four_leaf(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t k, uint32_t base)
{
    unsigned n = (unsigned)k;
    switch (four_of(e, &e->leaves[k], base)) {
    case FOUR_APART: break;
    case FOUR_ONE: emit_same(e, loads, k, base); break;
    case FOUR_QUAD: emit_quad(e, k); break;
    case FOUR_WINDOW: emit_window(e, k); break;
    case FOUR_BLOCK: {
        char y = "xyzw"[e->block.row];
        tuff_text_add(&e->text, "    vec4 q%u = vec4(m%u[0].%c, m%u[1].%c, m%u[2].%c, m%u[3].%c);\n", n, n, y, n, y, n, y, n,
                      y);
        break;
    }
    }
}

void tuff_emit_shared_leaves(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t base)
{
    for (uint32_t k = 0; k < e->leaf_count; k++)
        if (is_same(e, &e->leaves[k], base, e->shared)) emit_same(e, loads, k, base);
}

void tuff_emit_four_leaves(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t base)
{
    for (uint32_t k = 0; k < e->leaf_count; k++)
        if (!e->shared || !is_same(e, &e->leaves[k], base, e->shared)) tuff_emit_four_leaf(e, loads, k, base);
}

const char *tuff_leaf_four_type(const struct tuff_emitter *e, uint32_t k, uint32_t base)
{
    enum four four = four_of(e, &e->leaves[k], base);
    if (four == FOUR_APART) return NULL;
    const char *type = tuff_emit_leaf_type(&e->leaves[k]);
    return four == FOUR_ONE ? type : type[0] == 'f' ? "vec4" : "uint";
}

void tuff_emit_leaf_argument(struct tuff_emitter *e, const struct tuff_loads *loads, uint32_t k, uint32_t base, int j,
                             const char *arguments)
{
    unsigned n = (unsigned)k;
    enum four four = j < 0 ? FOUR_APART : four_of(e, &e->leaves[k], base);
    if (four == FOUR_APART)
        tuff_text_add(&e->text, ", %s%u(%s)", loads->name, n, arguments);
    else if (four == FOUR_ONE)
        tuff_text_add(&e->text, ", q%u", n);
    else if (tuff_dtype_row(e->leaves[k].dtype)->reg[0] == 'f')
        tuff_text_add(&e->text, ", q%u.%c", n, "xyzw"[j]);
    else
        tuff_text_add(&e->text, ", %s(q%u, %uu)", tuff_dtype_row(e->leaves[k].dtype)->unpack, n, (unsigned)j);
}
