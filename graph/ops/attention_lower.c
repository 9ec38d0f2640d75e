/* attention_lower.c - chooses the blocks of attention.comp and attention_grad.comp by device class. */
#include "graph/ops/attention.h"
#include "graph/ops/families.h"

/* A row of families.def. */
struct choice {
    struct tuff_family_row row;
    bool backward;
    uint32_t depth, br, bc, tx, ty, roll;
    bool more; /* forward PREFETCH, backward APART */
};
#define TUFF_FLASH_CHOICE(of, backward, depth, br, bc, tx, ty, roll, more, evidence, source)                                \
    {{TUFF_DEVICE_CLASS_##of, TUFF_FAMILY_FLASH, TUFF_EVIDENCE_##evidence, source},                                         \
     backward,                                                                                                              \
     depth,                                                                                                                 \
     br,                                                                                                                    \
     bc,                                                                                                                    \
     tx,                                                                                                                    \
     ty,                                                                                                                    \
     roll,                                                                                                                  \
     more},
enum { FORWARD, BACKWARD, ONE_PLACE = 0, PREFETCH = 1, APART = 1 };
static const struct choice choices[] = {
#include "graph/ops/families.def"
};

enum { UNIT = 32 }; /* depths of tiles are multiples: four of each lane, and of the rounds that are unrolled */
static uint32_t tile_of(uint32_t width) { return (width + UNIT - 1) / UNIT * UNIT; }

static uint64_t shared_bytes(const struct choice *c, uint32_t d, uint32_t e)
{
    uint32_t deep = d > e ? d : e, all = c->more ? d + e : deep;
    if (!c->backward) return 4 * (uint64_t)(d * c->br + deep * c->bc + c->bc * c->br);
    return 4 * ((uint64_t)(d + e) * c->br + (uint64_t)(all + c->br) * (c->bc + 4));
}

static const struct choice *choose(const struct tuff_caps *caps, bool backward, uint32_t d, uint32_t e)
{
    for (size_t i = 0; i < TUFF_COUNT(choices); i++) {
        const struct choice *c = &choices[i];
        const uint32_t size = c->tx * c->ty, lanes = caps->subgroup_size;
        bool shuffles = caps->subgroup_basic && caps->subgroup_shuffle && lanes >= c->tx && size % lanes == 0;
        if (tuff_family_fits(caps, &c->row) && c->backward == backward && d <= c->depth && e <= c->depth &&
            (backward || shuffles) && size <= caps->max_workgroup_invocations && size <= caps->max_workgroup_size[0] &&
            shared_bytes(c, d, e) <= caps->max_shared_bytes)
            return c;
    }
    return NULL;
}

const struct tuff_family_row *tuff_attention_row(const struct tuff_caps *caps, uint32_t width)
{
    const struct choice *c = choose(caps, false, tile_of(width), tile_of(width));
    return c ? &c->row : NULL;
}
const struct tuff_family_row *tuff_attention_grad_row(const struct tuff_caps *caps, uint32_t width)
{
    const struct choice *c = choose(caps, true, tile_of(width), tile_of(width));
    return c ? &c->row : NULL;
}

struct strides {
    uint32_t at[4];
};
static struct strides mask_strides(const struct tuff_lower *lower, uint32_t mask)
{
    struct strides s = {{0}};
    uint32_t step = 1;
    for (uint32_t i = 4; i-- > 0 && mask;) {
        uint32_t dim = lower->in[mask]->shape.dim[i];
        s.at[i] = dim == 1 ? 0 : step;
        step *= dim;
    }
    return s;
}

/* Rows of a z, and as many z as there are. */
struct rows {
    uint32_t z, rows, per; /* z of a batch */
};

tuff_status tuff_attention_lower(const struct tuff_lower *lower, enum tuff_attention_pass pass,
                                 const struct tuff_attention_extras *x, struct tuff_kernel_call *call)
{
    const struct tuff_attention_attrs *a = lower->value->attrs;
    const struct tuff_attention_sizes z = tuff_attention_sizes(
        &lower->in[TUFF_ATTENTION_Q]->shape, &lower->in[TUFF_ATTENTION_K]->shape, &lower->in[TUFF_ATTENTION_V]->shape);
    const struct tuff_caps *caps = lower->caps;
    const bool forward = pass == TUFF_ATTENTION_FORWARD, keys = pass == TUFF_ATTENTION_KEYS;
    const uint32_t d = tile_of(z.d), e = tile_of(z.e), deep = d > e ? d : e;
    const struct choice *c = choose(caps, !forward, d, e);
    const uint32_t buffers = lower->value->in_count + (pass == TUFF_ATTENTION_QUERIES ? 1 : 2);
    if (!c || buffers > caps->max_storage_buffers || (!forward && x->count))
        return tuff_fail(NULL, lower->error, TUFF_ERR_UNSUPPORTED, "%s: no kernel of it fits this device",
                         lower->value->op->name);
    /* few rows: the heads that share keys are rows of one z */
    const bool packed = forward && z.t < c->br && z.group > 1;
    struct rows r = {z.b * z.h, z.t, z.h};
    if (packed) r = (struct rows){z.b * z.hk, z.t * z.group, z.hk};
    if (keys) r = (struct rows){z.b * z.hk, z.s, z.hk};
    const uint32_t tiles = tuff_ceil_div(r.rows, c->br), columns = keys ? z.t : z.s, share = packed ? 1 : z.group;
    const uint64_t blocks = (uint64_t)tuff_ceil_div(columns, c->bc) * (keys ? share : 1);
    const uint64_t rounds = tuff_ceil_div(d, c->roll) + (forward ? c->bc / c->roll : tuff_ceil_div(e, c->roll) + c->bc / 2);
    TUFF_TRY(tuff_lower_rounds(lower, blocks * (rounds + 1)));
    const struct strides mask = mask_strides(lower, x->mask);
    const bool full = d == z.d && e == z.e;
    call->flops = (uint64_t)tuff_op_work(lower->value,
                                         (const struct tuff_type[]){*lower->in[0], *lower->in[1], *lower->in[2]});
    call->file = forward ? "attention" : "attention_grad";
    if (!forward) tuff_call_define(call, "KEYS", keys);
    tuff_call_define(call, "MASKED", x->mask != 0);
    if (forward) tuff_call_define(call, "COUNTED", x->count != 0);
    if (forward)
        TUFF_CALL(call, attention, .WORKGROUP = c->tx * c->ty, .TX = c->tx, .BR = c->br, .BC = c->bc, .D = d, .E = e,
                  .TILE = deep, .ROLL = c->roll, .PREFETCH = c->more, .CAUSAL = a->causal != 0, .PACKED = packed,
                  .D_QUADS = z.d % 4 == 0, .E_QUADS = z.e % 4 == 0, .FULL = full, .group_count = r.z * tiles, .tiles = tiles,
                  .rows = r.rows, .keys = z.s, .d = z.d, .e = z.e, .share = share, .zs = r.per,
                  .heads = packed ? z.group : 1, .period = z.t, .mask_batch = mask.at[0], .mask_head = mask.at[1],
                  .mask_row = mask.at[2], .mask_column = mask.at[3],
                  .count_step = x->count && tuff_shape_count(&lower->in[x->count]->shape) > 1, .scale = (float)a->scale);
    else
        TUFF_CALL(call, attention_grad, .WORKGROUP = c->tx * c->ty, .TX = c->tx, .BR = c->br, .BC = c->bc, .D = d, .E = e,
                  .TILE = c->more ? d + e : deep, .ROLL = c->roll, .APART = c->more, .CAUSAL = a->causal != 0,
                  .D_QUADS = z.d % 4 == 0, .E_QUADS = z.e % 4 == 0, .FULL = full, .group_count = r.z * tiles, .tiles = tiles,
                  .rows = r.rows, .columns = columns, .d = z.d, .e = z.e, .share = z.group, .zs = r.per,
                  .heads = keys ? z.group : 1, .mask_batch = mask.at[0], .mask_head = mask.at[1], .mask_row = mask.at[2],
                  .mask_column = mask.at[3], .scale = (float)a->scale);
    tuff_call_grid(call, caps, (uint64_t)r.z * tiles);
    return TUFF_OK;
}
