/* recurrent.c - recurrent layers, as loops of one step. */
#include "graph/op.h"

static bool has_shape(struct tuff_graph *g, tuff_val v, struct tuff_shape shape)
{
    struct tuff_shape s = tuff_type_of(g, v).shape;
    return tuff_shape_equal(&s, &shape);
}

static bool check_lstm(struct tuff_graph *g, tuff_val x, const struct tuff_lstm_params *p)
{
    struct tuff_shape s = tuff_type_of(g, x).shape, w = tuff_type_of(g, p->w_hh).shape;
    const tuff_val in[] = {x, p->w_ih, p->w_hh, p->bias, p->h_0, p->c_0};
    if (!tuff_graph_takes(g, "lstm", in, 3)) return false;
    for (uint32_t i = 3; i < TUFF_COUNT(in); i++)
        if (in[i] && !tuff_graph_takes_one(g, "lstm", in[i], i)) return false;
    uint32_t h = w.rank == 2 ? w.dim[1] : 0;
    bool fits = s.rank == 3 && h && has_shape(g, p->w_hh, TUFF_SHAPE(4 * h, h)) &&
                has_shape(g, p->w_ih, TUFF_SHAPE(4 * h, s.dim[2])) &&
                (!p->bias || has_shape(g, p->bias, TUFF_SHAPE(4 * h))) &&
                (!p->h_0 || has_shape(g, p->h_0, TUFF_SHAPE(s.dim[1], h))) &&
                (!p->c_0 || has_shape(g, p->c_0, TUFF_SHAPE(s.dim[1], h)));
    for (uint32_t i = 0; fits && i < TUFF_COUNT(in); i++) fits = !in[i] || tuff_type_of(g, in[i]).dtype == TUFF_F32;
    if (!fits)
        tuff_graph_refuse(
            g, TUFF_ERR_SHAPE, "lstm", in, TUFF_COUNT(in),
            "it takes f32 x [t, n, e], w_ih [4 h, e], w_hh [4 h, h], and where given bias [4 h], h_0 and c_0 [n, h]");
    return fits;
}

static tuff_val gate(struct tuff_graph *g, tuff_val gates, uint32_t k, uint32_t n, uint32_t h)
{
    return tuff_slice(g, gates, (const uint32_t[]){0, k * h}, (const int32_t[]){1, 1}, (const uint32_t[]){n, h});
}

/* One step: h' and c' into out. */
static struct tuff_graph *lstm_body(struct tuff_graph *g, uint32_t n, uint32_t h, tuff_val out[2])
{
    struct tuff_graph *body = NULL;
    struct tuff_error error;
    if (tuff_graph_create(g->context, &body, &error) != TUFF_OK) {
        tuff_graph_fail(g, TUFF_ERR_MEMORY, "out of host memory");
        return NULL;
    }
    tuff_val before = tuff_input(body, "h", TUFF_F32, TUFF_SHAPE(n, h)),
             c = tuff_input(body, "c", TUFF_F32, TUFF_SHAPE(n, h));
    tuff_val x = tuff_input(body, "x", TUFF_F32, TUFF_SHAPE(n, 4 * h));
    tuff_val w = tuff_input(body, "w_hh", TUFF_F32, TUFF_SHAPE(4 * h, h));
    tuff_val gates = tuff_add(body, tuff_matmul(body, before, w, (struct tuff_matmul_params){.transpose_b = true}), x);
    tuff_val i = tuff_sigmoid(body, gate(body, gates, 0, n, h)), f = tuff_sigmoid(body, gate(body, gates, 1, n, h));
    tuff_val t = tuff_tanh(body, gate(body, gates, 2, n, h)), o = tuff_sigmoid(body, gate(body, gates, 3, n, h));
    out[1] = tuff_add(body, tuff_mul(body, f, c), tuff_mul(body, i, t));
    out[0] = tuff_mul(body, o, tuff_tanh(body, out[1]));
    return body;
}

struct tuff_lstm tuff_lstm(struct tuff_graph *g, tuff_val x, const struct tuff_lstm_params *p)
{
    struct tuff_lstm r = {0};
    if (!p || p->struct_size < sizeof *p) {
        tuff_graph_fail(g, TUFF_ERR_USAGE,
                        p ? "lstm: struct_size of its params is not set: .struct_size = sizeof params"
                          : "lstm: its params are missing (NULL)");
        return r;
    }
    if (!check_lstm(g, x, p)) return r;
    struct tuff_shape s = tuff_type_of(g, x).shape;
    uint32_t t = s.dim[0], n = s.dim[1], h = tuff_type_of(g, p->w_hh).shape.dim[1];
    tuff_val rows = tuff_reshape(g, x, TUFF_SHAPE(t * n, s.dim[2])), out[2];
    rows = tuff_matmul(g, rows, p->w_ih, (struct tuff_matmul_params){.transpose_b = true});
    if (p->bias) rows = tuff_add(g, rows, p->bias);
    rows = tuff_reshape(g, rows, TUFF_SHAPE(t, n, 4 * h));
    tuff_val zeros = tuff_full(g, TUFF_F32, TUFF_SHAPE(n, h), 0);
    struct tuff_graph *body = lstm_body(g, n, h, out);
    struct tuff_scan_params scan = {.struct_size = sizeof scan,
                                    .body = &body,
                                    .outputs = out,
                                    .output_count = 2,
                                    .carries = (tuff_val[]){p->h_0 ? p->h_0 : zeros, p->c_0 ? p->c_0 : zeros},
                                    .carry_count = 2,
                                    .sequences = &rows,
                                    .sequence_count = 1,
                                    .invariants = &p->w_hh,
                                    .invariant_count = 1,
                                    .reverse = p->reverse};
    tuff_val loop = tuff_scan(g, &scan);
    r.h = tuff_scan_all(g, loop, 0);
    r.h_n = tuff_scan_last(g, loop, 0);
    r.c_n = tuff_scan_last(g, loop, 1);
    return r;
}
