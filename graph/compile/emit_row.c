/* emit_row.c - the hooks of row.comp: what a row group (rows.c) computes of each element of a row in each round over it, and of the
 * row. Quads lie along the innermost axis: of one row, or, where that axis is kept (COLUMNS), element r of four rows.
 *
 *   Held tuff_load(uint o, uint x)                 loads of quad x of row o, or of element x of rows 4 o .. 4 o + 3
 *   void tuff_fixed(uint o)                        loads that are the same for a whole row, into variables
 *   void tuff_start0(), tuff_block0()              sums of round 0 to their neutral elements; those of a block to the others
 *   void tuff_pass0(uint o, uint x, Held h)        takes a quad into the block's sums; the last round stores elements, too
 *   void tuff_join0()                              of all lanes: results of the row, g0, g1, ..
 *   void tuff_finish(uint o)                       stores results of the row */
#include "graph/compile/emit.h"
#include "graph/ops/reduce.h"

#include <stdio.h>

static const struct tuff_loads loads = {"part", "uint o, uint r", "o, r"};
static const struct tuff_loads line_loads = {"line", "uint i", "i"};
static const char *const letters[4] = {"x", "y", "z", "w"};

struct row {
    struct tuff_emitter *e;
    const struct tuff_group *group;
    struct tuff_group wide, line; /* what it stores of elements, and of rows */
    uint32_t along;               /* base of the four: 1 along r, 0 along o */
    struct tuff_index flat;       /* an element's number */
    uint64_t outputs, n;
    bool tail; /* the last quad is not whole */
    const char *last;
    struct tuff_text body[TUFF_ROW_PASSES];
    uint32_t leaves[TUFF_ROW_PASSES]; /* that its function takes */
};

bool tuff_is_wide(const struct tuff_graph *g, const struct tuff_group *group, tuff_val v)
{
    const struct tuff_value *kernel = &g->values[group->kernel];
    return group->stage_count && v != group->kernel &&
           tuff_shape_count(&g->values[v].type.shape) != tuff_shape_count(&kernel->type.shape);
}

static const struct tuff_value *stage_value(const struct row *row, uint32_t k)
{
    return &row->e->g->values[row->group->stages[k].value];
}

static bool picks(const struct row *row, uint32_t k) { return tuff_reduce_kind(stage_value(row, k)->op) >= TUFF_BY_ARGMAX; }
static enum tuff_dtype taken(const struct row *row, uint32_t k)
{
    return row->e->g->values[stage_value(row, k)->in[0]].type.dtype;
}
static const char *scalar_type(const struct row *row, uint32_t k) { return tuff_glsl_type(stage_value(row, k)->type.dtype); }

/* The name of a stage's result, which is read at the row's own number. */
static const char *scalar_of(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *at)
{
    const struct tuff_group *group = e->asker;
    (void)at; /* rows.c has looked at the place */
    for (uint32_t k = 0; k < group->stage_count; k++)
        if (group->stages[k].value == v) return tuff_emit_kept(e, tuff_arena_printf(e->arena, "s%u", (unsigned)k));
    return NULL;
}

static void add(struct row *row, const char *text) { tuff_text_add(&row->e->text, "%s", text); }

/* "float s0, int s1": results of the rounds before, as parameters */
static void scalar_parameters(const struct row *row, uint32_t pass)
{
    for (uint32_t k = 0; k < row->group->stage_count; k++)
        if (row->group->stages[k].pass < pass) tuff_text_add(&row->e->text, ", %s s%u", scalar_type(row, k), (unsigned)k);
}

static void scalar_arguments(const struct row *row, uint32_t pass, uint32_t j)
{
    for (uint32_t k = 0; k < row->group->stage_count; k++)
        if (row->group->stages[k].pass < pass)
            tuff_text_add(&row->e->text, ", g%u%s%s", (unsigned)k, row->along ? "" : ".", row->along ? "" : letters[j]);
}

/* Coordinates of v's element of the same number as the kernel's input's. */
static struct tuff_coords wide_coords(struct tuff_emitter *e, tuff_val kernel, tuff_val v)
{
    const struct tuff_shape *in = &e->g->values[e->g->values[kernel].in[0]].type.shape, *shape = tuff_emit_shape(e, v);
    struct tuff_coords at = tuff_emit_reduced(e, kernel);
    if (tuff_shape_equal(in, shape)) return at;
    struct tuff_index flat = tuff_coords_flat(e, &at, in);
    return tuff_coords_of_flat(e, &flat, shape);
}

const char *tuff_emit_of_row(struct tuff_emitter *e, const struct tuff_group *group, tuff_val v)
{
    if (e->g->values[v].op->reduces) {
        struct tuff_coords at = tuff_emit_reduced(e, v);
        return tuff_emit_value(e, e->g->values[v].in[0], &at);
    }
    struct tuff_coords at = wide_coords(e, group->kernel, v);
    return tuff_emit_value(e, v, &at);
}

/* The statements of one element in one round: e0, .. what stages take, r0, .. what is stored. */
static void emit_body(struct row *row, uint32_t pass)
{
    struct tuff_emitter *e = row->e;
    struct tuff_text before = e->text;
    tuff_text_init(&e->text, e->g->context);
    tuff_emit_begin_function(e);
    e->hoist = 2;
    for (uint32_t k = 0; k < row->group->stage_count; k++)
        if (row->group->stages[k].pass == pass) {
            const char *name = tuff_emit_of_row(e, row->group, row->group->stages[k].value);
            tuff_text_add(&e->text, "    e%u = %s;\n", (unsigned)k, name);
        }
    for (uint32_t k = 0; k < row->wide.root_count && pass + 1 == row->group->passes; k++) {
        const char *name = tuff_emit_of_row(e, row->group, row->wide.roots[k]);
        tuff_text_add(&e->text, "    r%u = %s;\n", (unsigned)k, name);
    }
    e->hoist = 0;
    row->body[pass] = e->text;
    row->leaves[pass] = e->leaf_count;
    e->text = before;
}

/* "out float e0, .." or declarations "float e0x; ..", or arguments ", e0x, .." */
static void element_results(struct row *row, uint32_t pass, const char *before, const char *suffix, const char *behind,
                            bool types)
{
    struct tuff_text *t = &row->e->text;
    for (uint32_t k = 0; k < row->group->stage_count; k++)
        if (row->group->stages[k].pass == pass)
            tuff_text_add(t, "%s%s%se%u%s%s", before, types ? tuff_glsl_type(taken(row, k)) : "", types ? " " : "",
                          (unsigned)k, suffix, behind);
    for (uint32_t k = 0; k < row->wide.root_count && pass + 1 == row->group->passes; k++)
        tuff_text_add(t, "%s%s%sr%u%s%s", before, types ? tuff_glsl_type(tuff_emit_dtype(row->e, row->wide.roots[k])) : "",
                      types ? " " : "", (unsigned)k, suffix, behind);
}

static void emit_element(struct row *row, uint32_t pass)
{
    tuff_text_add(&row->e->text, "void tuff_row%u(uint o, uint r", (unsigned)pass);
    scalar_parameters(row, pass);
    tuff_emit_leaf_parameters(row->e, row->leaves[pass]);
    element_results(row, pass, ", out ", "", "", true);
    add(row, ") {\n");
    tuff_emit_end_function(row->e, &row->body[pass]);
}

/* How a stage's elements become its sums, and these its result; the functions are row.comp's. */
static const char *function_of(const struct row *row, uint32_t k)
{
    static const char *const names[] = {"sum", "prod", "max", "max", "argmax", "argmax"};
    return names[tuff_reduce_kind(stage_value(row, k)->op)];
}

/* Extrema are the largest of whole numbers in the order of the elements, or of their opposites (order.glsl). */
static const char *state_of(const struct row *row, uint32_t k)
{
    static const char *const names[] = {"", "", "max", "min", "argmax", "argmin"};
    return names[tuff_reduce_kind(stage_value(row, k)->op)];
}

static bool by_floats(const struct row *row, uint32_t k)
{
    return tuff_reduce_kind(stage_value(row, k)->op) <= TUFF_BY_PROD && tuff_is_float(taken(row, k));
}

static const char *neutral_of(const struct row *row, uint32_t k)
{
    enum tuff_reduce_kind kind = tuff_reduce_kind(stage_value(row, k)->op);
    static const char *const whole[2] = {"ivec4(0)", "ivec4(1)"}, *const number[2] = {"vec4(0.0)", "vec4(1.0)"};
    return kind > TUFF_BY_PROD ? "ivec4(TUFF_BELOW_ALL)" : by_floats(row, k) ? number[kind] : whole[kind];
}

/* Variables: results, sums of all blocks and of one, positions of those. */
static void declare(struct row *row)
{
    struct tuff_text *t = &row->e->text;
    for (uint32_t k = 0; k < row->group->stage_count; k++) {
        const char *type = scalar_type(row, k), *line = row->along ? type : type[0] == 'f' ? "vec4" : "ivec4";
        unsigned n = (unsigned)k;
        tuff_text_add(t, "%s g%u; %s all%u, one%u;\n", line, n, by_floats(row, k) ? "vec4" : "ivec4", n, n);
        if (picks(row, k)) tuff_text_add(t, "uvec4 all_at%u, one_at%u;\n", n, n);
    }
}

static void emit_sums(struct row *row, uint32_t pass)
{
    struct tuff_text *t = &row->e->text;
    for (int block = 0; block < 2; block++) {
        tuff_text_add(t, "void tuff_%s%u() {", block ? "block" : "start", (unsigned)pass);
        for (uint32_t k = 0; k < row->group->stage_count; k++) {
            const char *f = function_of(row, k), *neutral = neutral_of(row, k);
            unsigned n = (unsigned)k;
            if (row->group->stages[k].pass != pass) continue;
            if (block && picks(row, k))
                tuff_text_add(t, " row_pick(all%u, all_at%u, one%u, one_at%u);", n, n, n, n);
            else if (block)
                tuff_text_add(t, " all%u = row_%s(all%u, one%u);", n, f, n, n);
            else
                tuff_text_add(t, " all%u = %s;", n, neutral);
            if (!block && picks(row, k)) tuff_text_add(t, " all_at%u = one_at%u = uvec4(0xffffffffu);", n, n);
            tuff_text_add(t, " one%u = %s;", n, neutral);
        }
        add(row, " }\n");
    }
    tuff_text_add(t, "void tuff_join%u() {", (unsigned)pass);
    for (uint32_t k = 0; k < row->group->stage_count; k++) {
        const char *f = function_of(row, k);
        unsigned n = (unsigned)k;
        if (row->group->stages[k].pass != pass) continue;
        if (picks(row, k))
            tuff_text_add(t, " g%u = row_pick_lanes(all%u, all_at%u, %uu);", n, n, n, 2 * n);
        else if (tuff_reduce_kind(stage_value(row, k)->op) <= TUFF_BY_PROD)
            tuff_text_add(t, " g%u = row_%s_lanes(all%u, %uu);", n, f, n, 2 * n);
        else
            tuff_text_add(t, " g%u = row_%s_%s(row_max_lanes(all%u, %uu));", n, state_of(row, k), scalar_type(row, k), n,
                          2 * n);
    }
    add(row, " }\n");
}

static void take_quads(struct row *row, uint32_t pass)
{
    struct tuff_text *t = &row->e->text;
    bool mask = row->along && row->tail;
    for (uint32_t k = 0; k < row->group->stage_count; k++) {
        enum tuff_reduce_kind kind = tuff_reduce_kind(stage_value(row, k)->op);
        const char *vector = tuff_is_float(taken(row, k)) ? "vec4" : "ivec4", *f = function_of(row, k);
        unsigned n = (unsigned)k;
        if (row->group->stages[k].pass != pass) continue;
        tuff_text_add(t, "    %s t%u = ", by_floats(row, k) ? "vec4" : "ivec4", n);
        if (mask) tuff_text_add(t, "mix(%s, ", neutral_of(row, k));
        if (kind > TUFF_BY_PROD) tuff_text_add(t, "row_%s_state(", state_of(row, k));
        tuff_text_add(t, "%s(e%ux, e%uy, e%uz, e%uw)%s%s;\n", vector, n, n, n, n, kind > TUFF_BY_PROD ? ")" : "",
                      mask ? ", inside)" : "");
        if (picks(row, k))
            tuff_text_add(t, "    row_pick(one%u, one_at%u, t%u, %s);\n", n, n, n,
                          row->along ? "r + uvec4(0u, 1u, 2u, 3u)" : "uvec4(r)");
        else
            tuff_text_add(t, "    one%u = row_%s(one%u, t%u);\n", n, f, n, n);
    }
}

/* Elements of the result, as quads where they are some. */
static void store_wide(struct row *row)
{
    struct tuff_emitter *e = row->e;
    e->group = &row->wide;
    bool quads = !row->tail && tuff_emit_four_aligned(e) && tuff_index_is_quad(e, &row->flat, row->along);
    add(row, "    if (!live) return;\n");
    if (quads) {
        add(row, "    uint i = tuff_at(o, r);\n");
        tuff_emit_store_four(e, false);
    }
    for (uint32_t j = 0; j < 4 && !quads; j++) {
        const char *x = row->along ? "r" : "o";
        if (row->tail && j) tuff_text_add(&e->text, "    if (%s + %uu <= last)", x, (unsigned)j);
        tuff_text_add(&e->text, row->along ? "    tuff_put(tuff_at(o, r + %uu)" : "    tuff_put(tuff_at(o + %uu, r)",
                      (unsigned)j);
        for (uint32_t k = 0; k < row->wide.root_count; k++) tuff_text_add(&e->text, ", r%u%s", (unsigned)k, letters[j]);
        add(row, ");\n");
    }
    e->group = row->group;
}

static void emit_pass(struct row *row, uint32_t pass)
{
    static const char *const of_r[2][4] = {{"o, r", "o, r + 1u", "o, r + 2u", "o, r + 3u"},
                                           {"o, r", "o, min(r + 1u, last)", "o, min(r + 2u, last)", "o, min(r + 3u, last)"}};
    static const char *const of_o[2][4] = {{"o, r", "o + 1u, r", "o + 2u, r", "o + 3u, r"},
                                           {"o, r", "min(o + 1u, last), r", "min(o + 2u, last), r", "min(o + 3u, last), r"}};
    struct tuff_emitter *e = row->e;
    const char *const *arguments = (row->along ? of_r : of_o)[row->tail];
    bool stores = row->wide.root_count && pass + 1 == row->group->passes;
    tuff_text_add(&e->text, "void tuff_pass%u(uint %s, uint %s, Held h) {\n    uint %s;\n", (unsigned)pass,
                  row->along ? "o" : "q", row->along ? "q" : "r", row->along ? "r = q * 4u" : "o = q * 4u");
    if (row->tail) tuff_text_add(&e->text, "    uint last = %s;\n", row->last);
    for (uint32_t k = 0; k < row->leaves[pass]; k++) { /* names that arguments have (emit_leaf.c) */
        const char *type = tuff_leaf_four_type(e, k, row->along);
        if (type)
            tuff_text_add(&e->text, "    %s q%u = %s%u;\n", type, (unsigned)k,
                          tuff_leaf_varies(&e->leaves[k], 1) ? "h.q" : "f", (unsigned)k);
    }
    for (uint32_t j = 0; j < 4; j++) {
        add(row, "   ");
        element_results(row, pass, " ", letters[j], ";", true);
        tuff_text_add(&e->text, "\n    tuff_row%u(%s", (unsigned)pass, arguments[j]);
        scalar_arguments(row, pass, j);
        for (uint32_t k = 0; k < row->leaves[pass]; k++)
            tuff_emit_leaf_argument(e, &loads, k, row->along, (int)j, arguments[j]);
        element_results(row, pass, ", ", letters[j], "", false);
        add(row, ");\n");
    }
    if (row->along && row->tail) add(row, "    bvec4 inside = lessThanEqual(r + uvec4(0u, 1u, 2u, 3u), uvec4(last));\n");
    take_quads(row, pass);
    if (stores) store_wide(row);
    add(row, "}\n");
}

/* The loads of a step, and before the rounds those that are the same for a whole row. */
static void emit_loads(struct row *row)
{
    struct tuff_emitter *e = row->e;
    const char *first = row->along ? "uint o" : "uint q", *second = row->along ? "uint q" : "uint r",
               *other = row->along ? "r = q * 4u" : "o = q * 4u";
    tuff_emit_leaves(e, &loads);
    add(row, "struct Held { uint nothing;"); /* a struct has members */
    for (uint32_t k = 0; k < e->leaf_count; k++) {
        const char *type = tuff_leaf_four_type(e, k, row->along);
        bool varies = tuff_leaf_varies(&e->leaves[k], 1);
        if (type && varies) tuff_text_add(&e->text, " %s q%u;", type, (unsigned)k);
        e->out->held += type && varies && type[0] == 'v';
    }
    add(row, " };\n");
    for (uint32_t k = 0; k < e->leaf_count; k++) {
        const char *type = tuff_leaf_four_type(e, k, row->along);
        if (type && !tuff_leaf_varies(&e->leaves[k], 1)) tuff_text_add(&e->text, "%s f%u;\n", type, (unsigned)k);
    }
    for (int held = 0; held < 2; held++) {
        if (held)
            tuff_text_add(&e->text, "Held tuff_load(%s, %s) {\n    Held h; h.nothing = 0u;\n    uint %s;\n", first, second,
                          other);
        else
            tuff_text_add(&e->text, "void tuff_fixed(%s) {\n    uint %s;\n", first,
                          row->along ? "r = 0u" : "o = q * 4u, r = 0u");
        for (uint32_t k = 0; k < e->leaf_count; k++) {
            if (tuff_leaf_varies(&e->leaves[k], 1) != held || !tuff_leaf_four_type(e, k, row->along)) continue;
            add(row, "    {\n");
            tuff_emit_four_leaf(e, &loads, k, row->along);
            tuff_text_add(&e->text, "    %s%u = q%u; }\n", held ? "h.q" : "f", (unsigned)k, (unsigned)k);
        }
        add(row, held ? "    return h;\n}\n" : "}\n");
    }
}

/* void tuff_at(uint o, uint r): the element's number. Stores of one element, or of one row's results. */
static void emit_stores(struct row *row)
{
    struct tuff_emitter *e = row->e;
    const struct tuff_shape *in = &e->g->values[e->g->values[row->group->kernel].in[0]].type.shape;
    struct tuff_text before = e->text, body;
    tuff_text_init(&e->text, e->g->context);
    tuff_emit_begin_function(e);
    struct tuff_coords at = tuff_emit_reduced(e, row->group->kernel);
    row->flat = tuff_coords_flat(e, &at, in);
    add(row, "    return ");
    tuff_index_text(e, &row->flat, &e->text);
    add(row, ";\n");
    body = e->text;
    e->text = before;
    add(row, "uint tuff_at(uint o, uint r) {\n");
    tuff_emit_end_function(e, &body);
    for (int line = 0; line < 2; line++) {
        const struct tuff_group *part = line ? &row->line : &row->wide;
        tuff_text_add(&e->text, "void tuff_put%s(uint i", line ? "_line" : "");
        for (uint32_t k = 0; k < part->root_count; k++)
            tuff_text_add(&e->text, ", %s r%ux", tuff_glsl_type(tuff_emit_dtype(e, part->roots[k])), (unsigned)k);
        add(row, ") {\n");
        e->group = part;
        tuff_emit_store_one(e);
        e->group = row->group;
        add(row, "}\n");
    }
}

static void call_put_line(struct row *row, uint32_t j)
{
    struct tuff_text *t = &row->e->text;
    if (row->tail && j) tuff_text_add(t, "    if (i + %uu <= last)", (unsigned)j);
    tuff_text_add(t, "    tuff_put_line(i + %uu", (unsigned)j);
    for (uint32_t k = 0; k < row->line.root_count; k++) tuff_text_add(t, ", r%u%s", (unsigned)k, letters[j]);
    add(row, ");\n");
}

/* Results of rows: of one, or of four side by side. */
static void emit_finish(struct row *row)
{
    struct tuff_emitter *e = row->e;
    struct tuff_text before = e->text, body;
    uint32_t passes = row->group->passes, count = row->along ? 1 : 4;
    bool tail = row->tail && !row->along;
    tuff_text_init(&e->text, e->g->context);
    tuff_emit_begin_function(e);
    e->leaf_count = 0;
    struct tuff_index flat = tuff_index_base(tuff_emit_base(e, "i", row->outputs));
    e->hoist = 1;
    for (uint32_t k = 0; k < row->line.root_count; k++) {
        struct tuff_coords at = tuff_coords_of_flat(e, &flat, &e->g->values[row->line.roots[k]].type.shape);
        tuff_text_add(&e->text, "    r%u = %s;\n", (unsigned)k, tuff_emit_value(e, row->line.roots[k], &at));
    }
    e->hoist = 0;
    body = e->text;
    e->text = before;
    tuff_emit_leaves(e, &line_loads);
    add(row, "void tuff_line(uint i");
    scalar_parameters(row, passes);
    tuff_emit_leaf_parameters(e, e->leaf_count);
    for (uint32_t k = 0; k < row->line.root_count; k++)
        tuff_text_add(&e->text, ", out %s r%u", tuff_glsl_type(tuff_emit_dtype(e, row->line.roots[k])), (unsigned)k);
    add(row, ") {\n");
    tuff_emit_end_function(e, &body);
    tuff_text_add(&e->text, "void tuff_finish(uint %s) {\n    uint i = %s;\n", row->along ? "o" : "q",
                  row->along ? "o" : "q * 4u");
    if (tail) tuff_text_add(&e->text, "    uint last = %s;\n", row->last);
    if (count == 4) tuff_emit_four_leaves(e, &line_loads, 0);
    for (uint32_t j = 0; j < count; j++) {
        for (uint32_t k = 0; k < row->line.root_count; k++)
            tuff_text_add(&e->text, "    %s r%u%s;", tuff_glsl_type(tuff_emit_dtype(e, row->line.roots[k])), (unsigned)k,
                          letters[j]);
        tuff_text_add(&e->text, "    tuff_line(%s", tuff_four_of_i[tail][j]);
        scalar_arguments(row, passes, j);
        for (uint32_t k = 0; k < e->leaf_count; k++)
            tuff_emit_leaf_argument(e, &line_loads, k, 0, count == 4 ? (int)j : -1, tuff_four_of_i[tail][j]);
        for (uint32_t k = 0; k < row->line.root_count; k++) tuff_text_add(&e->text, ", r%u%s", (unsigned)k, letters[j]);
        add(row, ");\n");
    }
    e->group = &row->line;
    bool quads = count == 4 && !tail && tuff_emit_four_aligned(e);
    if (quads) tuff_emit_store_four(e, false);
    e->group = row->group;
    for (uint32_t j = 0; j < count && !quads; j++) call_put_line(row, j);
    add(row, "}\n");
}

/* What the group stores, as elements of rows and as results of rows. */
static void divide_roots(struct row *row)
{
    const struct tuff_group *group = row->group;
    struct tuff_group *parts[2] = {&row->line, &row->wide};
    for (uint32_t i = 0; i < 2; i++) {
        *parts[i] = *group;
        parts[i]->root_count = 0;
        parts[i]->roots = tuff_arena_alloc(row->e->arena, (group->root_count + 1) * sizeof *group->roots);
        row->e->failed = row->e->failed || !parts[i]->roots;
    }
    for (uint32_t i = 0; i < group->root_count && !row->e->failed; i++) {
        struct tuff_group *part = parts[tuff_is_wide(row->e->g, group, group->roots[i])];
        part->roots[part->root_count++] = group->roots[i];
    }
}

void tuff_emit_row(struct tuff_emitter *e)
{
    const struct tuff_value *kernel = &e->g->values[e->group->kernel];
    const struct tuff_shape *in = &e->g->values[kernel->in[0]].type.shape;
    struct row row = {.e = e, .group = e->group, .along = tuff_reduces_inner(kernel, in)};
    row.outputs = tuff_shape_count(&kernel->type.shape);
    row.n = tuff_shape_count(in) / row.outputs;
    row.tail = (row.along ? row.n : row.outputs) % 4 != 0;
    e->asked = scalar_of;
    e->asker = (void *)(uintptr_t)e->group;
    e->leaf_count = 0;
    e->out->passes = e->group->passes;
    divide_roots(&row);
    if (e->failed) return;
    for (uint32_t p = 0; p < e->group->passes; p++) emit_body(&row, p);
    if (row.tail) row.last = tuff_emit_number(e, (uint32_t)((row.along ? row.n : row.outputs) - 1));
    emit_loads(&row);
    declare(&row);
    for (uint32_t p = 0; p < e->group->passes; p++) emit_element(&row, p);
    emit_stores(&row);
    for (uint32_t p = 0; p < e->group->passes; p++) {
        emit_sums(&row, p);
        emit_pass(&row, p);
    }
    emit_finish(&row);
    e->asked = NULL;
}
