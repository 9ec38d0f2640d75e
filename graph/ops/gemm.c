/* gemm.c - chooses kernel family and tile of a matrix product by device class. */
#include "graph/ops/gemm.h"

struct tile {
    enum tuff_family family;
    uint32_t tx, ty, tm, tn, bk; /* invocations along n and m, outputs of one, depth; SHUFFLE: tx lanes, tm x tn groups */
    uint32_t rows, columns;      /* outputs of a workgroup */
};
static const char *const files[] = {
    [TUFF_FAMILY_TILE] = "gemm_tile", [TUFF_FAMILY_UNI] = "gemm_reg", [TUFF_FAMILY_SHUFFLE] = "gemm_shuffle"};

struct choice {
    struct tuff_family_row row;
    uint32_t layouts, tm, tn, tx, ty, depth, groups;
};
enum { ANY_LAYOUT = TUFF_GEMM_NN | TUFF_GEMM_NT | TUFF_GEMM_TN | TUFF_GEMM_TT };
#define TUFF_GEMM_CHOICE(of, layouts, family, tm, tn, tx, ty, depth, groups, evidence, source)                              \
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

static uint64_t ceil_div(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

/* Register tile, no shared memory: software devices, and GPUs whose shared memory is main memory (backend/drivers.c) or small. 4x4 outputs stay in registers everywhere. */
static struct tile reg_tile(const struct tuff_caps *caps)
{
    uint32_t lanes = caps->subgroup_size ? caps->subgroup_size : 32;
    while (lanes > caps->max_workgroup_invocations) lanes /= 2;
    return (struct tile){TUFF_FAMILY_UNI, lanes, 1, 4, 4, 1, 4, 4 * lanes};
}

/* Software devices load lane by lane, so that what a load costs is the number of elements. */
uint32_t tuff_shuffle_lanes(const struct tuff_caps *caps)
{
    bool fits = caps->subgroup_shuffle && caps->subgroup_basic && (caps->subgroup_size == 4 || caps->subgroup_size == 8);
    fits = fits && !tuff_family_off(caps, TUFF_FAMILY_SHUFFLE);
    return tuff_class_of(caps) == TUFF_DEVICE_CLASS_SOFTWARE && fits ? caps->subgroup_size : 0;
}

bool tuff_compiles_fast(const struct tuff_caps *caps) { return caps->driver_effects & TUFF_DRIVER_COMPILES_FAST; }

/* Row and column groups by work, the best of those measured on lavapipe 22.3.6 and 25.0.7 with AVX2 and AVX-512 at 256^3 to 1024^3
 * and for 1x1 convolutions: larger tiles load less, and pay where the work hides what they take to compile (11 to 22 ms). */
static const struct {
    double flops; /* from this many on */
    uint32_t tm, tn;
} shuffle_tiles[] = {
    {2e8, 4, 2},
    {4e6, 4, 1},
    {0, 2, 1},
};

static struct tile shuffle_tile(const struct tuff_caps *caps, const struct tuff_gemm *gemm, bool any_size)
{
    uint32_t lanes = caps->subgroup_size, i = 0, most = TUFF_COUNT(shuffle_tiles) - (any_size ? 2 : 1);
    double flops = 2.0 * (double)gemm->m * (double)gemm->n * (double)gemm->k * (double)gemm->z;
    while (i < most && flops < shuffle_tiles[i].flops) i++;
    uint32_t tm = power_of_two(ceil_div(gemm->m, lanes), shuffle_tiles[i].tm), tn = shuffle_tiles[i].tn;
    if (gemm->n <= 4 * lanes) tn = 1;
    while (!(any_size && gemm->n > 1) && tn * tm > 1 &&
           ceil_div(gemm->m, tm * lanes) * ceil_div(gemm->n, tn * 4 * lanes) * gemm->z < TUFF_LEAST_GROUPS)
        *(tn > 1 ? &tn : &tm) /= 2;
    return (struct tile){TUFF_FAMILY_SHUFFLE, lanes, 1, tm, tn, 4, tm * lanes, tn * 4 * lanes};
}

/* Up to 64 x 64 outputs and 16 deep (8.3 KiB), less of small matrices; 128 invocations are the least that every device has. */
static struct tile shared_tile(const struct tuff_gemm *gemm)
{
    struct tile t = {TUFF_FAMILY_TILE, 16, 8, 8, 4, 16, 0, 0};
    if (ceil_div(gemm->m, 64) * ceil_div(gemm->n, 64) * gemm->z < 64) t.tm = t.tn = 4;
    uint32_t tm = power_of_two(ceil_div(gemm->m, t.ty), t.tm), tn = power_of_two(ceil_div(gemm->n, t.tx), t.tn);
    t.tm = tm;
    t.tn = tn;
    t.rows = t.ty * tm;
    t.columns = t.tx * tn;
    return t;
}

static bool small_workgroups(const struct tuff_caps *caps)
{
    return caps->max_workgroup_invocations < 128 || caps->max_shared_bytes < 16384;
}

static bool fits(const struct tuff_caps *caps, const struct choice *choice, bool bytes)
{
    bool last = choice == &choices[TUFF_COUNT(choices) - 1];
    switch (choice->row.family) {
    case TUFF_FAMILY_SHUFFLE:
        if (bytes || !tuff_shuffle_lanes(caps)) return false;
        break;
    case TUFF_FAMILY_TILE:
        if (small_workgroups(caps)) return false;
        break;
    default: break;
    }
    return last || tuff_family_fits(caps, &choice->row);
}

static const struct choice *choose(const struct tuff_caps *caps, uint32_t layout, bool bytes)
{
    const struct choice *choice = choices;
    while (!(choice->layouts & layout) || !fits(caps, choice, bytes)) choice++;
    return choice;
}

const struct tuff_family_row *tuff_gemm_row(const struct tuff_caps *caps, uint32_t layout)
{
    return &choose(caps, layout, false)->row;
}

static struct tile tile_of(const struct tuff_lower *lower, const struct tuff_gemm *gemm)
{
    uint32_t layout = gemm->a_k_fast   ? gemm->b_k_fast ? TUFF_GEMM_NT : TUFF_GEMM_NN
                      : gemm->b_k_fast ? TUFF_GEMM_TT
                                       : TUFF_GEMM_TN;
    switch (choose(lower->caps, layout, gemm->bytes)->row.family) {
    case TUFF_FAMILY_SHUFFLE: return shuffle_tile(lower->caps, gemm, lower->any_size);
    case TUFF_FAMILY_TILE: return shared_tile(gemm);
    default: return reg_tile(lower->caps);
    }
}

tuff_status tuff_gemm_lower(const struct tuff_lower *lower, const struct tuff_gemm *gemm, struct tuff_kernel_call *call)
{
    struct tile t = tile_of(lower, gemm);
    uint64_t tiles_m = ceil_div(gemm->m, t.rows), tiles_n = ceil_div(gemm->n, t.columns);
    uint64_t groups = tiles_m * tiles_n * gemm->z;
    if (gemm->m > INT32_MAX || gemm->n > INT32_MAX || gemm->k > INT32_MAX || groups > UINT32_MAX)
        return tuff_fail(NULL, lower->error, TUFF_ERR_UNSUPPORTED,
                         "%s: a product of %llu x %llu x %llu, %llu times, passes 2^31", lower->value->op->name,
                         (unsigned long long)gemm->m, (unsigned long long)gemm->n, (unsigned long long)gemm->k,
                         (unsigned long long)gemm->z);
    uint64_t k_loop = gemm->k_split ? gemm->k_split : gemm->k;
    TUFF_TRY(tuff_lower_rounds(lower, t.family == TUFF_FAMILY_SHUFFLE || gemm->bytes ? ceil_div(k_loop, 4) : k_loop));
    call->file = files[t.family];
    call->flops = 2 * gemm->m * gemm->n * gemm->k * gemm->z;
    if (t.family == TUFF_FAMILY_UNI && tuff_class_of(lower->caps) != TUFF_DEVICE_CLASS_SOFTWARE &&
        small_workgroups(lower->caps))
        call->note = "no tiles in shared memory: workgroups of this device are too small";
    else if (t.family == TUFF_FAMILY_UNI && tuff_class_of(lower->caps) == TUFF_DEVICE_CLASS_SOFTWARE && !gemm->bytes)
        call->note = "no exchange between lanes: this device has no subgroup shuffle of 4 or 8 lanes";
    else if (gemm->op != TUFF_GEMM_MATMUL && !gemm->bytes && tuff_shuffle_lanes(lower->caps))
        call->note = "a general kernel: the direct ones take windows up to 7 x 7 that span few pixels";
    if (gemm->bytes) tuff_call_define(call, "BYTES", 1);
    tuff_call_define(call, "GEMM_OP", (int)gemm->op);
    if (t.family == TUFF_FAMILY_UNI) {
        TUFF_CALL(call, gemm_reg, .WORKGROUP = t.tx);
    } else if (t.family == TUFF_FAMILY_TILE) {
        TUFF_CALL(call, gemm_tile, .TX = t.tx, .TY = t.ty, .TM = t.tm, .TN = t.tn, .BK = t.bk, .A_K_FAST = gemm->a_k_fast,
                  .B_K_FAST = gemm->b_k_fast);
    } else if (t.family == TUFF_FAMILY_SHUFFLE) {
        bool plain = gemm->op == TUFF_GEMM_MATMUL, k_even = gemm->k % 4 == 0;
        bool a_vec = plain && (gemm->a_k_fast ? k_even : gemm->m % 4 == 0),
             b_vec = plain && (gemm->b_k_fast ? k_even : gemm->n % 4 == 0);
        TUFF_CALL(call, gemm_shuffle, .LANES = t.tx, .MG = t.tm, .NG = t.tn, .A_VEC = a_vec, .B_VEC = b_vec,
                  .C_VEC = gemm->c_vec, .K_TAIL = gemm->k_tail);
    }
    TUFF_CALL(call, gemm, .m_count = (uint32_t)gemm->m, .n_count = (uint32_t)gemm->n, .k_count = (uint32_t)gemm->k,
              .tiles_m = (uint32_t)tiles_m, .tiles_n = (uint32_t)tiles_n, .group_count = (uint32_t)groups);
    tuff_call_grid(call, lower->caps, groups);
    return TUFF_OK;
}
