/* gemm.c - chooses kernel family and tile of a matrix product by device class. */
#include "graph/ops/gemm.h"

#define VENDOR_ARM 0x13b5u
#define VENDOR_BROADCOM 0x14e4u

struct tile {
    const char *file;
    uint32_t tx, ty, tm, tn, bk; /* invocations along n and m, outputs of one, depth */
};

/* Smallest power of two >= value, at most limit (a power of two). */
static uint32_t power_of_two(uint64_t value, uint32_t limit)
{
    uint32_t p = 1;
    while (p < value && p < limit) p *= 2;
    return p;
}

static uint64_t ceil_div(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

/* Register tile, no shared memory: software devices, and GPUs whose shared memory is main memory (Arm's guide 101574,
 * section 7.3.2) or small. 4x4 outputs stay in registers everywhere. */
static struct tile reg_tile(const struct tuff_caps *caps)
{
    uint32_t lanes = caps->subgroup_size ? caps->subgroup_size : 32;
    while (lanes > caps->max_workgroup_invocations) lanes /= 2;
    return (struct tile){"gemm_reg", lanes, 1, 4, 4, 1};
}

/* Shared tile of up to 64 x 64 outputs and 16 deep (8.3 KiB), smaller for small matrices so that there are workgroups
 * enough. 128 invocations are the least that every device has. */
static struct tile shared_tile(const struct tuff_gemm *gemm)
{
    struct tile t = {"gemm_tile", 16, 8, 8, 4, 16};
    if (ceil_div(gemm->m, 64) * ceil_div(gemm->n, 64) * gemm->z < 64) t.tm = t.tn = 4;
    uint32_t tm = power_of_two(ceil_div(gemm->m, t.ty), t.tm), tn = power_of_two(ceil_div(gemm->n, t.tx), t.tn);
    t.tm = tm;
    t.tn = tn;
    return t;
}

static struct tile choose(const struct tuff_caps *caps, const struct tuff_gemm *gemm)
{
    bool software = caps->kind == TUFF_DEVICE_SOFTWARE;
    bool slow_shared = caps->vendor_id == VENDOR_ARM || caps->vendor_id == VENDOR_BROADCOM;
    if (software || slow_shared || caps->max_workgroup_invocations < 128 || caps->max_shared_bytes < 16384) return reg_tile(caps);
    return shared_tile(gemm);
}

tuff_status tuff_gemm_lower(const struct tuff_lower *lower, const struct tuff_gemm *gemm, struct tuff_kernel_call *call,
                            struct tuff_error *error)
{
    struct tile t = choose(lower->caps, gemm);
    uint64_t tiles_m = ceil_div(gemm->m, (uint64_t)t.ty * t.tm), tiles_n = ceil_div(gemm->n, (uint64_t)t.tx * t.tn);
    uint64_t groups = tiles_m * tiles_n * gemm->z;
    if (gemm->m > INT32_MAX || gemm->n > INT32_MAX || gemm->k > INT32_MAX || groups > UINT32_MAX)
        return tuff_fail(NULL, error, TUFF_ERR_UNSUPPORTED, "%s: a product of %llu x %llu x %llu, %llu times, passes 2^31",
                         lower->value->op->name, (unsigned long long)gemm->m, (unsigned long long)gemm->n,
                         (unsigned long long)gemm->k, (unsigned long long)gemm->z);
    call->file = t.file;
    call->flops = 2 * gemm->m * gemm->n * gemm->k * gemm->z;
    tuff_call_define(call, "GEMM_OP", (int)gemm->op);
    tuff_call_spec(call, 6, t.tx);
    if (t.bk > 1) { /* gemm_tile */
        tuff_call_spec(call, 7, t.ty);
        tuff_call_spec(call, 8, t.tm);
        tuff_call_spec(call, 9, t.tn);
        tuff_call_spec(call, 10, t.bk);
        tuff_call_spec(call, 11, gemm->a_k_fast);
        tuff_call_spec(call, 12, gemm->b_k_fast);
    }
    tuff_call_push(call, (uint32_t)gemm->m);
    tuff_call_push(call, (uint32_t)gemm->n);
    tuff_call_push(call, (uint32_t)gemm->k);
    tuff_call_push(call, (uint32_t)tiles_m);
    tuff_call_push(call, (uint32_t)tiles_n);
    tuff_call_push(call, (uint32_t)groups);
    tuff_call_grid(call, lower->caps, groups);
    return TUFF_OK;
}
