/* matmul.c - batched matrix product with broadcast batch axes; each operand transposed or not. */
#include "graph/ops/bytes.h"
#include "graph/ops/gemm.h"
#include "graph/ops/runs.h"
#include "graph/ops/view.h"

#include <stddef.h>

enum { A, B, COUNT }; /* operands; the count may be left out */
struct attrs {
    int32_t transpose_a, transpose_b;
    uint32_t splits; /* not 0, in a compiler's copy alone: of k; the result has their sums along an axis before the others */
};
static const struct tuff_attr attr_table[] = {
    {"transpose_a", "", TUFF_ATTR_I32, 1, offsetof(struct attrs, transpose_a)},
    {"transpose_b", "", TUFF_ATTR_I32, 1, offsetof(struct attrs, transpose_b)},
    {"splits", "", TUFF_ATTR_I32, 1, offsetof(struct attrs, splits)},
};

#define MAX_BATCH (TUFF_MAX_RANK - 2)

/* Sizes of the product, and the batch axes of the result with each operand's stride in matrices (0 where broadcast). */
struct sizes {
    uint64_t m, n, k;
    uint32_t rank; /* of the batch */
    uint32_t size[MAX_BATCH];
    uint64_t a_stride[MAX_BATCH], b_stride[MAX_BATCH];
    uint64_t splits, k_split; /* k of each but the last, whole rounds of every kernel where there are several */
};

/* False where the operands do not fit. */
static bool measure(const struct tuff_shape *a, const struct tuff_shape *b, const struct attrs *attrs, struct sizes *s)
{
    if (a->rank < 2 || b->rank < 2) return false;
    uint32_t ar = a->rank - 2, br = b->rank - 2;
    s->m = a->dim[attrs->transpose_a ? ar + 1 : ar];
    s->k = a->dim[attrs->transpose_a ? ar : ar + 1];
    s->n = b->dim[attrs->transpose_b ? br : br + 1];
    s->rank = ar > br ? ar : br;
    s->splits = attrs->splits ? attrs->splits : 1;
    s->k_split = attrs->splits ? tuff_gemm_part(s->k, s->splits) : s->k;
    if (b->dim[attrs->transpose_b ? br + 1 : br] != s->k) return false;
    uint64_t a_step = 1, b_step = 1;
    for (uint32_t i = 1; i <= s->rank; i++) {
        uint32_t ad = i <= ar ? a->dim[ar - i] : 1, bd = i <= br ? b->dim[br - i] : 1, at = s->rank - i;
        if (ad != bd && ad != 1 && bd != 1) return false;
        s->size[at] = ad > bd ? ad : bd;
        s->a_stride[at] = ad == 1 ? 0 : a_step;
        s->b_stride[at] = bd == 1 ? 0 : b_step;
        a_step *= ad;
        b_step *= bd;
    }
    return true;
}

static bool takes(enum tuff_dtype dtype) { return tuff_is_float(dtype) || tuff_is_blocks(dtype); }
static bool take(const struct tuff_type *a, const struct tuff_type *b)
{
    return (takes(a->dtype) && takes(b->dtype)) || (a->dtype == TUFF_I8 && b->dtype == TUFF_I8);
}

/* The length that is summed over: the columns of the first, the rows of the second. */
static uint32_t inner(const struct tuff_shape *shape, bool transposed, bool first)
{
    return shape->dim[shape->rank - (first != transposed ? 1 : 2)];
}

static bool fits_transposed(const struct tuff_shape *a, const struct tuff_shape *b, const struct attrs *attrs)
{
    return inner(a, attrs->transpose_a, true) == inner(b, !attrs->transpose_b, false);
}

static tuff_status infer(const struct tuff_infer *infer, struct tuff_shape *out)
{
    const struct tuff_type *a = infer->in[0], *b = infer->in[1];
    const struct attrs *attrs = infer->attrs;
    struct sizes s;
    bool fits = measure(&a->shape, &b->shape, attrs, &s);
    if (infer->in_count > COUNT && (infer->in[COUNT]->dtype != TUFF_I32 || tuff_shape_count(&infer->in[COUNT]->shape) != 1))
        return tuff_infer_refuse(infer, "the count, operand 3, must be an i32 of one element");
    if (!take(a, b)) return tuff_infer_refuse(infer, "each must be of floats, or each i8: cast them");
    if (a->dtype == TUFF_I8 && infer->in_count > COUNT)
        return tuff_infer_refuse(infer, "a count, operand 3, goes with floats");
    if (a->shape.rank < 2 || b->shape.rank < 2)
        return tuff_infer_refuse(infer,
                                 "each must be a matrix, of two axes or more: tuff_reshape a vector to [1, n] or [n, 1]");
    if (!fits && inner(&a->shape, attrs->transpose_a, true) != inner(&b->shape, attrs->transpose_b, false))
        return tuff_infer_refuse(infer, "the inner sizes %u and %u%s differ%s", inner(&a->shape, attrs->transpose_a, true),
                                 inner(&b->shape, attrs->transpose_b, false),
                                 attrs->transpose_a || attrs->transpose_b ? " (after transposing)" : "",
                                 !fits_transposed(&a->shape, &b->shape, attrs) ? ""
                                 : attrs->transpose_b                          ? "; without transpose_b they fit"
                                                                               : "; with transpose_b they fit");
    if (attrs->splits && !infer->graph->caps) return tuff_infer_refuse(infer, "splits are a compiler's, not a graph's");
    if (!fits) return tuff_infer_refuse(infer, "the axes before the last two must be equal, or 1");
    const uint32_t first = attrs->splits ? 1 : 0, rank = first + s.rank + 2;
    if (rank > TUFF_MAX_RANK || (attrs->splits && s.k_split * (s.splits - 1) >= s.k))
        return tuff_infer_refuse(infer, "so many splits of the inner size do not go");
    *out = (struct tuff_shape){.rank = rank, .dim = {(uint32_t)s.splits}};
    memcpy(out->dim + first, s.size, s.rank * sizeof s.size[0]);
    out->dim[rank - 2] = (uint32_t)s.m;
    out->dim[rank - 1] = (uint32_t)s.n;
    return TUFF_OK;
}

/* a with zeros for the columns of A that the sum leaves out. */
static tuff_val counted(struct tuff_graph *g, tuff_val a, tuff_val count, bool transposed)
{
    struct tuff_shape shape = tuff_type_of(g, a).shape;
    uint32_t axis = shape.rank - (transposed ? 2 : 1);
    struct tuff_shape line = {.rank = shape.rank};
    for (uint32_t i = 0; i < shape.rank; i++) line.dim[i] = i == axis ? shape.dim[i] : 1;
    tuff_val end = tuff_reshape(g, count, TUFF_SHAPE(1)), inside = tuff_less(g, tuff_iota(g, line, (int)axis), end);
    return tuff_select(g, inside, a, tuff_cast(g, tuff_scalar(g, 0), tuff_type_of(g, a).dtype));
}

/* c = A B with A = a or its transpose:  dA = gy B^T, dB = A^T gy;  a's own gradient is dA or its transpose. */
static void grad(struct tuff_graph *g, tuff_val y, tuff_val gy, tuff_val *gin)
{
    tuff_val a = tuff_value_of(g, y)->in[0], b = tuff_value_of(g, y)->in[1];
    struct attrs t = *(const struct attrs *)tuff_value_of(g, y)->attrs;
    tuff_val count = tuff_value_of(g, y)->in_count > COUNT ? tuff_value_of(g, y)->in[COUNT] : 0;
    if (count) a = counted(g, a, count, t.transpose_a);
    tuff_val ga = t.transpose_a ? tuff_matmul(g, b, gy, (struct tuff_matmul_params){t.transpose_b, true, 0})
                                : tuff_matmul(g, gy, b, (struct tuff_matmul_params){false, !t.transpose_b, 0});
    tuff_val gb = t.transpose_b ? tuff_matmul(g, gy, a, (struct tuff_matmul_params){true, t.transpose_a, 0})
                                : tuff_matmul(g, a, gy, (struct tuff_matmul_params){!t.transpose_a, false, 0});
    if (count) ga = counted(g, ga, count, t.transpose_a);
    gin[0] = tuff_sum_to(g, ga, tuff_type_of(g, a).shape);
    gin[1] = tuff_sum_to(g, gb, tuff_type_of(g, b).shape);
}

/* Joins neighbouring batch axes that step evenly through both operands. */
static void collapse(struct sizes *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->rank; i++) {
        if (s->size[i] == 1) continue;
        uint32_t last = kept - 1;
        if (kept && s->a_stride[last] == s->a_stride[i] * s->size[i] && s->b_stride[last] == s->b_stride[i] * s->size[i]) {
            s->size[last] *= s->size[i];
        } else {
            last = kept++;
            s->size[last] = s->size[i];
        }
        s->a_stride[last] = s->a_stride[i];
        s->b_stride[last] = s->b_stride[i];
    }
    s->rank = kept;
}

static tuff_status lower(const struct tuff_lower *lower, struct tuff_kernel_call *call)
{
    const struct attrs *attrs = lower->value->attrs;
    struct sizes s;
    if (TUFF_NEVER(!measure(&lower->in[0]->shape, &lower->in[1]->shape, attrs, &s))) return TUFF_ERR_SHAPE;
    collapse(&s);
    if (s.rank == 1 && !s.b_stride[0] && !attrs->transpose_a) { /* one b for all: the batch is more rows */
        s.m *= s.size[0];
        s.rank = 0;
    }
    struct tuff_gemm gemm = {.op = TUFF_GEMM_MATMUL,
                             .m = s.m,
                             .n = s.n,
                             .k = s.k,
                             .z = 1,
                             .a_k_fast = !attrs->transpose_a,
                             .b_k_fast = attrs->transpose_b,
                             .c_vec = s.n % 4 == 0,
                             .halves = lower->in[A]->dtype == TUFF_F16 && lower->in[B]->dtype == TUFF_F16,
                             .half_sums = lower->half_sums,
                             .bytes = lower->value->type.dtype == TUFF_I32,
                             .counted = lower->value->in_count > COUNT};
    if (lower->value->in_count > COUNT) tuff_call_define(call, "COUNTED", 1);
    for (uint32_t i = 0; i < s.rank; i++) gemm.z *= s.size[i];
    const uint64_t batch = gemm.z;
    if (attrs->splits) {
        gemm.z *= s.splits;
        gemm.k_split = s.k_split;
    }
    TUFF_TRY(tuff_gemm_lower(lower, &gemm, call));
    struct tuff_kernel_gemm_matmul fields = {.TRANSPOSE_A = attrs->transpose_a != 0,
                                             .TRANSPOSE_B = attrs->transpose_b != 0,
                                             .batch_rank = s.rank,
                                             .a_last = (uint32_t)tuff_shape_count(&lower->in[0]->shape) - 1,
                                             .b_last = (uint32_t)tuff_shape_count(&lower->in[1]->shape) - 1,
                                             .batch = (uint32_t)batch,
                                             .k_split = (uint32_t)s.k_split};
    for (uint32_t i = 0; i < MAX_BATCH; i++) {
        fields.batch_size[i] = i < s.rank ? s.size[i] : 1;
        fields.a_stride[i] = i < s.rank ? (uint32_t)s.a_stride[i] : 0;
        fields.b_stride[i] = i < s.rank ? (uint32_t)s.b_stride[i] : 0;
    }
    tuff_call_part(call, &tuff_part_gemm_matmul, &fields);
    call->flops = 2 * s.m * s.n * s.k * batch;
    return TUFF_OK;
}

/* Adds the products of the terms k = first .. to the columns j .. of c, BLOCK of each: so much of b stays in a cache. */
enum { BLOCK = 128 };
static void ref_block(const struct sizes *s, const struct attrs *attrs, const double *a, const double *b, uint64_t first,
                      uint64_t end, uint64_t j, double *c)
{
    uint64_t terms = end - first < BLOCK ? end - first : BLOCK, columns = s->n - j < BLOCK ? s->n - j : BLOCK;
    double row[BLOCK];
    for (uint64_t i = 0; i < s->m; i++) {
        double *out = c + i * s->n + j;
        for (uint64_t k = 0; k < terms; k++) row[k] = a[attrs->transpose_a ? (first + k) * s->m + i : i * s->k + first + k];
        if (attrs->transpose_b)
            for (uint64_t n = 0; n < columns; n++) out[n] += tuff_run_dot(b + (j + n) * s->k + first, 1, row, terms);
        else
            for (uint64_t k = 0; k < terms; k++) tuff_run_add(out, b + (first + k) * s->n + j, 1, row[k], columns);
    }
}

static void ref(const struct tuff_ref *ref)
{
    const struct attrs *attrs = ref->value->attrs;
    struct sizes s;
    if (!measure(&ref->in_types[0].shape, &ref->in_types[1].shape, attrs, &s)) return;
    uint64_t matrices = tuff_shape_count(&ref->value->type.shape) / (s.m * s.n * s.splits), end = s.k;
    if (ref->value->in_count > COUNT && ref->in[COUNT][0] < (double)s.k)
        end = ref->in[COUNT][0] > 0 ? (uint64_t)ref->in[COUNT][0] : 0;
    for (uint64_t zs = 0; zs < matrices * s.splits; zs++) {
        uint64_t z = zs % matrices, rest = z, a_at = 0, b_at = 0, begin = zs / matrices * s.k_split,
                 last = begin + s.k_split < end ? begin + s.k_split : end;
        for (uint32_t d = s.rank; d-- > 0; rest /= s.size[d]) {
            a_at += rest % s.size[d] * s.a_stride[d];
            b_at += rest % s.size[d] * s.b_stride[d];
        }
        const double *a = ref->in[0] + a_at * s.m * s.k, *b = ref->in[1] + b_at * s.k * s.n;
        for (uint64_t first = begin; first < last; first += BLOCK)
            for (uint64_t j = 0; j < s.n; j += BLOCK) ref_block(&s, attrs, a, b, first, last, j, ref->out + zs * s.m * s.n);
    }
}

static double terms(const struct tuff_value *value, const struct tuff_type *in_types)
{
    const struct attrs *attrs = value->attrs;
    const uint32_t k = inner(&in_types[0].shape, attrs->transpose_a, true);
    return (double)(attrs->splits ? tuff_gemm_part(k, attrs->splits) : k);
}

static double work(const struct tuff_value *value, const struct tuff_type *in_types)
{
    const struct attrs *attrs = value->attrs;
    const double k = inner(&in_types[0].shape, attrs->transpose_a, true);
    return 2 * k * (double)tuff_shape_count(&value->type.shape) / (attrs->splits ? attrs->splits : 1);
}

static bool columns(const struct tuff_value *value, const struct tuff_type *in_types, uint32_t axes[2])
{
    axes[0] = in_types[1].shape.rank - (((const struct attrs *)value->attrs)->transpose_b ? 2 : 1);
    axes[1] = value->type.shape.rank - 1;
    return true;
}

tuff_val tuff_matmul(struct tuff_graph *g, tuff_val a, tuff_val b, struct tuff_matmul_params params)
{
    struct attrs attrs = {params.transpose_a, params.transpose_b, 0};
    return tuff_graph_add(g, &tuff_op_matmul, (tuff_val[]){a, b, params.count}, params.count ? 3 : 2, &attrs);
}

/* The kernels read either operand in either order. */
static tuff_val simpler(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    const struct attrs *attrs = value->attrs;
    bool a = tuff_is_transpose(g, in[0]), b = tuff_is_transpose(g, in[1]);
    struct tuff_matmul_params params = {(attrs->transpose_a != 0) != a, (attrs->transpose_b != 0) != b,
                                        value->in_count > COUNT ? in[COUNT] : 0};
    if ((!a && !b) || attrs->splits) return 0;
    return tuff_matmul(g, a ? tuff_value_of(g, in[0])->in[0] : in[0], b ? tuff_value_of(g, in[1])->in[0] : in[1], params);
}

/* Few and long sums by parts, whose sums are added by a launch of its own. */
static tuff_val split(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    struct attrs attrs = *(const struct attrs *)value->attrs;
    const struct tuff_shape a = tuff_type_of(g, in[0]).shape, b = tuff_type_of(g, in[1]).shape;
    struct sizes s;
    if (attrs.splits || value->in_count > COUNT || value->type.shape.rank == TUFF_MAX_RANK) return 0;
    if (TUFF_NEVER(!measure(&a, &b, &attrs, &s))) return 0;
    attrs.splits = tuff_gemm_splits(g->caps, s.m, s.n, s.k, tuff_shape_count(&value->type.shape) / (s.m * s.n));
    if (attrs.splits < 2) return 0;
    return tuff_sum(g, tuff_graph_add(g, &tuff_op_matmul, in, 2, &attrs), 1u << 0, TUFF_DROP_AXES);
}

static tuff_val expand(struct tuff_graph *g, const struct tuff_value *value, const tuff_val *in)
{
    const struct attrs *attrs = value->attrs;
    const struct tuff_type a = tuff_type_of(g, in[0]), b = tuff_type_of(g, in[1]);
    if (value->type.dtype != TUFF_I32) return split(g, value, in);
    if ((a.dtype == TUFF_I8 && tuff_dots(g->caps)) || attrs->splits) return 0;
    const struct tuff_byte_sums sums = {
        .axis = {a.shape.rank - (attrs->transpose_a ? 2 : 1), b.shape.rank - (attrs->transpose_b ? 1 : 2)},
        .groups = {1, 1},
        .length = inner(&a.shape, attrs->transpose_a, true),
        .taps = 1};
    return tuff_byte_product(g, value, in, &sums);
}

const struct tuff_op tuff_op_matmul = {
    .name = "matmul",
    .takes_blocks = 3,
    .traits = TUFF_HALF_SUMS,
    .onnx = "MatMul",
    TUFF_LAUNCH(lower),
    TUFF_OPERANDS(2, 3),
    TUFF_ATTRS(attr_table, struct attrs),
    .infer = infer,
    .result = TUFF_RESULT_WIDE,
    .integers = TUFF_INTEGERS_BYTES,
    .grad = grad,
    .expand = expand,
    .simpler = simpler,
    .ref = ref,
    .columns = columns,
    .work = work,
    TUFF_SUMS(terms),
};
