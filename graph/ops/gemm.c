/* gemm.c - chooses kernel family and tile of a matrix product by device class and shape (families.def). */
#include "graph/ops/gemm.h"
#include "graph/tune.h"

struct choice {
    struct tuff_family_row row;
    uint32_t layouts, tm, tn, tx, ty, depth, groups;
};
enum {
    NN = TUFF_GEMM_NN,
    NT = TUFF_GEMM_NT,
    TN = TUFF_GEMM_TN,
    TT = TUFF_GEMM_TT,
    MATMUL = NN | NT | TN | TT,
    WORDS = TUFF_GEMM_WORDS,
    BYTES = TUFF_GEMM_BYTES,
    CHUNKS = TUFF_GEMM_CHUNKS,
    FAST = TUFF_GEMM_FAST,
    SLOW = TUFF_GEMM_SLOW
};
#define TUFF_GEMM_CHOICE(...) TUFF_GEMM_CHOICE_(__VA_ARGS__)
#define TUFF_GEMM_CHOICE_(of, layouts, family, tm, tn, tx, ty, depth, groups, evidence, source)                             \
    {{TUFF_DEVICE_CLASS_##of, TUFF_FAMILY_##family, TUFF_EVIDENCE_##evidence, source},                                      \
     layouts,                                                                                                               \
     tm,                                                                                                                    \
     tn,                                                                                                                    \
     tx,                                                                                                                    \
     ty,                                                                                                                    \
     depth,                                                                                                                 \
     groups},
static const struct choice choices[] = {
#include "graph/ops/families.def"
};

/* Smallest power of two >= value, at most limit (a power of two). */
static uint32_t power_of_two(uint64_t value, uint32_t limit)
{
    uint32_t p = 1;
    while (p < value && p < limit) p *= 2;
    return p;
}

/* Software devices load lane by lane, so that what a load costs is the number of elements. */
uint32_t tuff_shuffle_lanes(const struct tuff_caps *caps)
{
    bool fits = caps->subgroup_shuffle && caps->subgroup_basic && (caps->subgroup_size == 4 || caps->subgroup_size == 8);
    fits = fits && !tuff_family_off(caps, TUFF_FAMILY_SHUFFLE);
    return tuff_class_of(caps) == TUFF_DEVICE_CLASS_SOFTWARE && fits ? caps->subgroup_size : 0;
}

bool tuff_compiles_fast(const struct tuff_caps *caps) { return caps->driver_effects & TUFF_DRIVER_COMPILES_FAST; }

/* A row's tile on a device. */
struct tile {
    const struct choice *of;
    uint32_t size, tm, tn;  /* invocations; rows and columns of one */
    uint32_t rows, columns; /* outputs of a workgroup */
};

static struct tile tile_of(const struct tuff_caps *caps, const struct choice *c)
{
    uint32_t lanes = caps->subgroup_size ? caps->subgroup_size : 32;
    while (lanes > caps->max_workgroup_invocations) lanes /= 2;
    if (c->row.family == TUFF_FAMILY_MATVEC) return (struct tile){c, c->tx * c->ty, 4, 4, 4 * c->ty, 4 * c->ty};
    if (c->row.family == TUFF_FAMILY_COOPMAT)
        return (struct tile){c,     lanes * c->tx * c->ty,          c->tm,
                             c->tn, c->ty * c->tm * caps->matrix_m, c->tx * c->tn * caps->matrix_n};
    if (c->row.family == TUFF_FAMILY_TILE || c->row.family == TUFF_FAMILY_TILE16) lanes = c->tx;
    return (struct tile){c, lanes * c->ty, c->tm, c->tn, c->ty * c->tm, lanes * c->tn};
}

/* Row and column groups: the row's for large works. The best of those measured on lavapipe 22.3.6 and 25.0.7 with AVX2 and AVX-512 at
 * 256^3 to 1024^3 and for 1x1 convolutions: larger tiles load less (4x2 12 to 25 % faster than 4x1 from 2e8 on), and take LLVM longer (1.6 s for 0.7). */
static struct tile shuffle_tile(const struct tuff_caps *caps, const struct choice *c, const struct tuff_gemm *gemm,
                                bool any_size)
{
    const double many = 2e8, few = 4e6, flops = 2.0 * (double)gemm->m * (double)gemm->n * (double)gemm->k * (double)gemm->z;
    const uint32_t lanes = caps->subgroup_size, most = flops < few && !any_size ? (c->tm + 1) / 2 : c->tm;
    uint32_t tm = power_of_two(tuff_ceil_div(gemm->m, lanes), most), tn = flops < many || gemm->n <= 4 * lanes ? 1 : c->tn;
    while (!(any_size && gemm->n > 1) && tn * tm > 1 &&
           tuff_ceil_div(gemm->m, tm * lanes) * tuff_ceil_div(gemm->n, tn * 4 * lanes) * gemm->z < TUFF_LEAST_GROUPS)
        *(tn > 1 ? &tn : &tm) /= 2;
    return (struct tile){c, lanes, tm, tn, tm * lanes, tn * 4 * lanes};
}

/* A tuning file's tile instead of the standard one, where it is not larger than the work. */
static void tune_shuffle(const struct tuff_lower *lower, const struct tuff_gemm *gemm, struct tile *t)
{
    static const uint32_t sizes[][2] = {{1, 1}, {2, 1}, {4, 1}, {8, 1}, {1, 2}, {2, 2}, {4, 2}};
    struct tuff_way ways[TUFF_COUNT(sizes)];
    uint32_t lanes = lower->caps->subgroup_size, count = 0, standard = TUFF_COUNT(sizes);
    if (t->of->row.family != TUFF_FAMILY_SHUFFLE) return;
    for (uint32_t k = 0; k < TUFF_COUNT(sizes); k++) {
        if ((sizes[k][0] > 1 && sizes[k][0] * lanes >= 2 * gemm->m) || (sizes[k][1] > 1 && gemm->n <= 4 * lanes)) continue;
        if (sizes[k][0] == t->tm && sizes[k][1] == t->tn) standard = count;
        ways[count++] = (struct tuff_way){TUFF_FAMILY_SHUFFLE, {sizes[k][0], sizes[k][1]}};
    }
    if (standard >= count) return;
    const struct tuff_way *way = &ways[tuff_pick(lower, ways, count, standard)];
    *t = (struct tile){
        t->of, lanes, way->constants[0], way->constants[1], way->constants[0] * lanes, way->constants[1] * 4 * lanes};
}

enum { MOST_FEW = 4 };
/* Is a the matrix of a product with few columns, and not b that of one with few rows? */
static bool of_a(const struct tuff_gemm *gemm) { return gemm->m > MOST_FEW && gemm->n <= MOST_FEW; }

/* COOPMAT: tiles of halves in shared memory, whose place a row of matrices of each subgroup takes at the end. */
static bool takes_matrices(const struct tuff_caps *caps, const struct tile *t)
{
    const struct choice *c = t->of;
    const uint32_t sums = t->columns * c->ty * caps->matrix_m * 4, round = t->size * 8;
    const bool sure = caps->subgroup_size_control || caps->subgroup_size_min == caps->subgroup_size_max;
    if (!caps->cooperative_matrix || !caps->matrix_m || !caps->f16_arithmetic || !sure || !caps->subgroup_basic)
        return false;
    return c->depth % caps->matrix_k == 0 && caps->matrix_k % 8 == 0 && t->rows * c->depth % round == 0 &&
           t->columns * c->depth % round == 0 && t->columns % (4 * c->tx) == 0 &&
           2 * c->depth * (t->rows + t->columns) <= caps->max_shared_bytes && sums <= caps->max_shared_bytes;
}

/* Has the device what the row asks for? */
static bool takes(const struct tuff_caps *caps, const struct choice *c, uint32_t layout, bool bytes)
{
    const struct tile t = tile_of(caps, c);
    if (!(c->layouts & layout)) return false;
    if (c == &choices[TUFF_COUNT(choices) - 1]) return true;
    if (!tuff_family_fits(caps, &c->row) || t.size > caps->max_workgroup_invocations) return false;
    switch (c->row.family) {
    case TUFF_FAMILY_SHUFFLE: return tuff_shuffle_lanes(caps) && !bytes;
    case TUFF_FAMILY_COOPMAT: return layout & TUFF_GEMM_HALVES && takes_matrices(caps, &t);
    case TUFF_FAMILY_TILE16:
        return layout & TUFF_GEMM_HALVES && layout & TUFF_GEMM_HALF_SUMS && caps->f16_arithmetic &&
               c->depth * (t.rows + t.columns + 16) * 2 <= caps->max_shared_bytes;
    case TUFF_FAMILY_TILE: return c->depth * (t.rows + t.columns + 8) * 4 <= caps->max_shared_bytes;
    case TUFF_FAMILY_MATVEC: return c->tx == 1 || c->tx * c->ty * 4 * 16 <= caps->max_shared_bytes;
    case TUFF_FAMILY_BCAST: return caps->subgroup_size_control && caps->subgroup_shuffle;
    default: return c->ty == 1 || (caps->subgroup_size_control && caps->subgroup_basic);
    }
}

/* Is the work large enough for these tiles? */
static bool fills(const struct tile *t, const struct tuff_gemm *gemm)
{
    uint64_t tiles_m = tuff_ceil_div(gemm->m, t->rows), tiles_n = tuff_ceil_div(gemm->n, t->columns);
    return !t->of->groups || (tiles_m * tiles_n * gemm->z >= t->of->groups &&
                              tiles_m * t->rows * tiles_n * t->columns <= 2 * gemm->m * gemm->n);
}

static struct tile choose(const struct tuff_caps *caps, const struct tuff_gemm *gemm, bool any_size)
{
    /* MATVEC: the matrix is b, or a where b is few columns */
    bool few = gemm->m <= MOST_FEW || gemm->n <= MOST_FEW, fast = of_a(gemm) ? gemm->a_k_fast : gemm->b_k_fast;
    uint32_t layout = gemm->op != TUFF_GEMM_MATMUL ? WORDS
                      : gemm->bytes                ? BYTES
                      : gemm->a_k_fast             ? gemm->b_k_fast ? NT : NN
                      : gemm->b_k_fast             ? TT
                                                   : TN;
    if (layout & MATMUL && gemm->halves) layout |= TUFF_GEMM_HALVES | (gemm->half_sums ? TUFF_GEMM_HALF_SUMS : 0);
    if (layout & MATMUL && few) layout |= fast ? FAST : SLOW;
    for (const struct choice *c = choices;; c++) {
        if (!takes(caps, c, layout, gemm->bytes)) continue;
        const struct tile t = c->row.family == TUFF_FAMILY_SHUFFLE ? shuffle_tile(caps, c, gemm, any_size)
                                                                   : tile_of(caps, c);
        if (fills(&t, gemm)) return t;
    }
}

const struct tuff_family_row *tuff_gemm_row(const struct tuff_caps *caps, uint32_t layout)
{
    const struct choice *c = choices;
    while (!takes(caps, c, layout, false)) c++;
    return &c->row;
}

static const struct {
    struct tuff_family_row row;
    uint32_t groups, terms;
} splits[] = {
#define TUFF_SPLIT_CHOICE(of, family, groups, terms, evidence, source)                                                      \
    {{TUFF_DEVICE_CLASS_##of, TUFF_FAMILY_##family, TUFF_EVIDENCE_##evidence, source}, groups, terms},
#include "graph/ops/families.def"
};

uint32_t tuff_gemm_splits(const struct tuff_caps *caps, uint64_t m, uint64_t n, uint64_t k, uint64_t z)
{
    uint64_t tiles = tuff_ceil_div(m, 64) * tuff_ceil_div(n, 64) * z;
    if (tuff_class_of(caps) == TUFF_DEVICE_CLASS_SOFTWARE) return 1;
    for (size_t i = 0; i < TUFF_COUNT(splits); i++) {
        if (!tuff_family_fits(caps, &splits[i].row)) continue;
        uint64_t most = k / splits[i].terms, count = splits[i].groups / tiles;
        if (count > most) count = most;
        if (count < 2) return 1;
        return (uint32_t)tuff_ceil_div(k, tuff_gemm_part(k, count)); /* the last one is not empty */
    }
    return 1;
}

static const char *note_of(const struct tuff_caps *caps, const struct tuff_gemm *gemm, const struct tile *t)
{
    bool software = tuff_class_of(caps) == TUFF_DEVICE_CLASS_SOFTWARE, uni = t->of->row.family == TUFF_FAMILY_UNI;
    if (uni && t->of->row.of == TUFF_DEVICE_CLASS_ANY)
        return "no tiles in shared memory: workgroups of this device are too small";
    if (uni && software && !gemm->bytes)
        return "no exchange between lanes: this device has no subgroup shuffle of 4 or 8 lanes";
    if (gemm->op != TUFF_GEMM_MATMUL && !gemm->bytes && tuff_shuffle_lanes(caps))
        return "a general kernel: the direct ones take windows up to 7 x 7 that span few pixels";
    return NULL;
}

/* The file with its constants. */
static void call_family(const struct tile *t, const struct tuff_gemm *gemm, uint32_t matrix_k, struct tuff_kernel_call *call)
{
    const struct choice *c = t->of;
    enum tuff_family family = c->row.family;
    bool matrix = gemm->op == TUFF_GEMM_MATMUL, k_even = gemm->k % 4 == 0;
    bool tail = family == TUFF_FAMILY_MATVEC || gemm->counted || gemm->k % c->depth || gemm->k_split % c->depth ||
                (family == TUFF_FAMILY_UNI && !gemm->a_k_fast && gemm->m < c->tm);
    TUFF_CALL(call, gemm_quads, .A_VEC = matrix && (gemm->a_k_fast ? k_even : gemm->m % 4 == 0),
              .B_VEC = matrix && (gemm->b_k_fast ? k_even : gemm->n % 4 == 0), .C_VEC = gemm->c_vec, .K_TAIL = tail);
    if (family == TUFF_FAMILY_SHUFFLE) {
        call->file = "gemm_shuffle";
        TUFF_CALL(call, gemm_shuffle, .LANES = t->size, .MG = t->tm, .NG = t->tn, .KU = c->depth);
    } else if (family == TUFF_FAMILY_TILE) {
        call->file = "gemm_tile";
        TUFF_CALL(call, gemm_tile, .SIZE = t->size, .TX = c->tx, .TM = t->tm, .TN = t->tn, .BK = c->depth);
    } else if (family == TUFF_FAMILY_TILE16) {
        call->file = "gemm_tile16";
        TUFF_CALL(call, gemm_tile16, .SIZE = t->size, .TX = c->tx, .TM = t->tm, .TN = t->tn, .BK = c->depth,
                  .CHUNKS = (c->layouts & CHUNKS) != 0);
    } else if (family == TUFF_FAMILY_COOPMAT) {
        call->file = "gemm_coopmat";
        tuff_call_define(call, "MATRIX_M", (int)(t->rows / c->ty / t->tm));
        tuff_call_define(call, "MATRIX_N", (int)(t->columns / c->tx / t->tn));
        tuff_call_define(call, "MATRIX_K", (int)matrix_k);
        tuff_call_define(call, "CM", (int)t->tm);
        tuff_call_define(call, "CN", (int)t->tn);
        TUFF_CALL(call, gemm_coopmat, .SIZE = t->size, .LANES = t->size / (c->tx * c->ty), .WN = c->tx, .BK = c->depth);
    } else if (family == TUFF_FAMILY_MATVEC) {
        call->file = "gemm_matvec";
        TUFF_CALL(call, gemm_matvec, .SIZE = t->size, .LANES = c->tx, .COUNT = (uint32_t)(of_a(gemm) ? gemm->n : gemm->m),
                  .OF_A = of_a(gemm), .KU = c->depth);
    } else {
        call->file = family == TUFF_FAMILY_BCAST ? "gemm_bcast" : "gemm_uni";
        if (family == TUFF_FAMILY_UNI && c->ty > 1) tuff_call_define(call, "SUBGROUPS", 1);
        TUFF_CALL(call, gemm_uni, .SIZE = t->size, .LANES = t->size / c->ty, .TM = t->tm, .TN = t->tn, .KU = c->depth);
    }
}

tuff_status tuff_gemm_lower(const struct tuff_lower *lower, const struct tuff_gemm *gemm, struct tuff_kernel_call *call)
{
    struct tile t = choose(lower->caps, gemm, lower->any_size);
    tune_shuffle(lower, gemm, &t);
    uint64_t tiles_m = tuff_ceil_div(gemm->m, t.rows), tiles_n = tuff_ceil_div(gemm->n, t.columns);
    uint64_t groups = tiles_m * tiles_n * gemm->z; /* MATVEC: few rows or columns are one tile */
    if (gemm->m > INT32_MAX || gemm->n > INT32_MAX || gemm->k > INT32_MAX || groups > UINT32_MAX)
        return tuff_fail(NULL, lower->error, TUFF_ERR_UNSUPPORTED,
                         "%s: a product of %llu x %llu x %llu, %llu times, passes 2^31", lower->value->op->name,
                         (unsigned long long)gemm->m, (unsigned long long)gemm->n, (unsigned long long)gemm->k,
                         (unsigned long long)gemm->z);
    uint64_t k_loop = gemm->k_split ? gemm->k_split : gemm->k;
    bool by_one = t.of->row.family == TUFF_FAMILY_UNI && gemm->op != TUFF_GEMM_MATMUL && !gemm->bytes;
    TUFF_TRY(tuff_lower_rounds(lower, by_one ? k_loop : tuff_ceil_div(k_loop, 4)));
    call->flops = 2 * gemm->m * gemm->n * gemm->k * gemm->z;
    call->note = note_of(lower->caps, gemm, &t);
    if (gemm->bytes) tuff_call_define(call, "BYTES", 1);
    tuff_call_define(call, "GEMM_OP", (int)gemm->op);
    call_family(&t, gemm, lower->caps->matrix_k, call);
    TUFF_CALL(call, gemm, .m_count = (uint32_t)gemm->m, .n_count = (uint32_t)gemm->n, .k_count = (uint32_t)gemm->k,
              .tiles_m = (uint32_t)tiles_m, .tiles_n = (uint32_t)tiles_n, .group_count = (uint32_t)groups);
    tuff_call_grid(call, lower->caps, groups);
    return TUFF_OK;
}
