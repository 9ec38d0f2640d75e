/* conv_tab.c - convolutions and their gradients on GPUs: families and tiles by class of device (families.def), and what their kernels,
 * conv_tab.comp and conv_wtab.comp, are given. Any window, stride, dilation and group. */
#include "graph/ops/conv2d.h"
#include "graph/ops/gemm.h"

enum { FORWARD = TUFF_CONV_FORWARD, INPUT = TUFF_CONV_INPUT, WEIGHT = TUFF_CONV_WEIGHT, BYTES = TUFF_CONV_BYTES };
struct choice {
    struct tuff_family_row row;
    uint32_t works, tm, tn, tx, ty, depth, groups;
};
#define TUFF_CONV_CHOICE(of, works, family, tm, tn, tx, ty, depth, groups, evidence, source)                                \
    {{TUFF_DEVICE_CLASS_##of, TUFF_FAMILY_##family, TUFF_EVIDENCE_##evidence, source}, works, tm, tn, tx, ty, depth, groups},
static const struct choice choices[] = {
#include "graph/ops/families.def"
};
/* Invocations share the loads of a tile without rest: four numbers of a each, one of b, blocks of four rows and columns. (CONV_TAB_BCAST: as
 * lanes are, fits.) */
#define TUFF_CONV_CHOICE(of, works, family, tm, tn, tx, ty, depth, groups, evidence, source)                                \
    static_assert((tx) == 0 ||                                                                                              \
                      ((tm) * (depth) % (4 * (tx)) == 0 && (tn) * (depth) % (ty) == 0 && (tx) * (ty) % (4 * (depth)) == 0), \
                  #of ", " #works ": a workgroup does not load whole tiles");
#include "graph/ops/families.def"

/* A product of m channels by n columns, z times. */
struct product {
    uint32_t work;
    uint64_t m, n, z;
};
struct tile {
    enum tuff_family family;
    uint32_t tx, tm, tn, depth, threads;
    uint64_t tiles_m, tiles_n, groups;
};

/* FLAGS of conv_tab.comp and conv_wtab.comp. */
enum { GRAD = 1, BITS = 2, A_VEC = 4, K_TAIL = 8, C_VEC = 16 };
enum { GY_VEC = 1, P_TAIL = 2 };

static uint32_t common(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Tiles of the row, where it fits: no more than half of a tile's rows are empty, but for the last rows of the table. */
static bool fits(const struct tuff_caps *caps, bool any_size, const struct choice *c, const struct product *p,
                 struct tile *t)
{
    if (c->row.family == TUFF_FAMILY_SHUFFLE) return tuff_shuffle_lanes(caps) != 0; /* of conv2d_lower.c */
    uint32_t lanes = caps->subgroup_size ? caps->subgroup_size : 1;
    bool bcast = c->row.family == TUFF_FAMILY_CONV_TAB_BCAST;
    uint32_t tx = bcast ? lanes : c->tx, bm = c->ty * c->tm, bn = tx * c->tn;
    uint32_t entries = p->work == WEIGHT ? bn : c->depth * (p->work == BYTES ? 4 : bcast ? 2 : 1);
    uint32_t shared = 4 * c->depth * ((bcast ? 0 : bm + 4) + bn + 4) + 16 * entries;
    *t = (struct tile){c->row.family,           tx, c->tm, c->tn, c->depth, tx * c->ty, tuff_ceil_div(p->m, bm),
                       tuff_ceil_div(p->n, bn), 0};
    t->groups = t->tiles_m * t->tiles_n * p->z;
    return t->threads <= caps->max_workgroup_invocations && t->threads <= caps->max_workgroup_size[0] &&
           shared <= caps->max_shared_bytes && (c->groups == 0 || (p->m * 2 > bm && (any_size || t->groups >= c->groups))) &&
           (!bcast || (caps->subgroup_size_control && caps->subgroup_shuffle && c->tm * c->depth / 4 % lanes == 0));
}

/* The first row of this kind of work that fits; that of all devices serves where its family is switched off, too. */
static const struct choice *find(const struct tuff_caps *caps, bool any_size, const struct product *p, struct tile *t)
{
    for (size_t i = 0; i < TUFF_COUNT(choices); i++) {
        const struct choice *c = &choices[i];
        bool there = c->row.of == TUFF_DEVICE_CLASS_ANY || tuff_family_fits(caps, &c->row);
        if (c->works & p->work && there && fits(caps, any_size, c, p, t)) return c;
    }
    return NULL;
}

bool tuff_conv_by_table(const struct tuff_caps *caps, uint32_t work)
{
    enum tuff_family family = work == WEIGHT ? TUFF_FAMILY_CONV_WTAB : TUFF_FAMILY_CONV_TAB;
    bool general = tuff_class_of(caps) == TUFF_DEVICE_CLASS_SOFTWARE || tuff_family_off(caps, family);
    return !general || (!tuff_shuffle_lanes(caps) && tuff_family_off(caps, TUFF_FAMILY_UNI));
}

const struct tuff_family_row *tuff_conv_row(const struct tuff_caps *caps, uint32_t work)
{
    const struct product large = {work, 1 << 12, 1 << 20, 1};
    struct tile t;
    if (!tuff_shuffle_lanes(caps) && !tuff_conv_by_table(caps, work)) return tuff_gemm_row(caps, TUFF_GEMM_WORDS);
    const struct choice *c = find(caps, false, &large, &t);
    return c ? &c->row : NULL;
}

static tuff_status choose(const struct tuff_lower *lower, const struct product *p, struct tile *t)
{
    const struct choice *c = find(lower->caps, lower->any_size, p, t);
    if (c && p->m <= INT32_MAX && p->n <= INT32_MAX && t->groups <= UINT32_MAX) return TUFF_OK;
    return tuff_fail(NULL, lower->error, TUFF_ERR_UNSUPPORTED, "%s: %llu channels by %llu positions, %llu times, pass 2^31",
                     lower->value->op->name, (unsigned long long)p->m, (unsigned long long)p->n, (unsigned long long)p->z);
}

/* Kernels count rows of a picture and of a window up to here. */
static tuff_status check_sizes(const struct tuff_lower *lower, const struct tuff_conv_sizes *s)
{
    const uint64_t most = 1u << 29;
    if (s->h < most && s->oh < most && (uint64_t)s->kh * s->dh < most && s->top < most) return TUFF_OK;
    return tuff_fail(NULL, lower->error, TUFF_ERR_UNSUPPORTED, "%s: pictures or windows of more than 2^29 rows",
                     lower->value->op->name);
}

tuff_status tuff_conv_tab_lower(const struct tuff_lower *lower, const struct tuff_conv_sizes *s, bool grad,
                                struct tuff_kernel_call *call)
{
    bool bytes = lower->value->type.dtype == TUFF_I32;
    uint32_t m = grad ? s->ci : s->co, channels = grad ? s->co : s->ci, rh = grad ? s->h : s->oh, rw = grad ? s->w : s->ow;
    uint64_t classes = grad ? (uint64_t)(s->sh < rh ? s->sh : rh) * (s->sw < rw ? s->sw : rw) : 1;
    uint64_t rows = grad ? tuff_ceil_div(s->h, s->sh) : s->oh, columns = grad ? tuff_ceil_div(s->w, s->sw) : s->ow;
    uint32_t each_y = grad ? s->sh / common(s->sh, s->dh) : 1, each_x = grad ? s->sw / common(s->sw, s->dw) : 1;
    uint64_t taps = tuff_ceil_div(s->kh, each_y) * tuff_ceil_div(s->kw, each_x), k = (uint64_t)channels * s->kh * s->kw;
    struct product p = {bytes ? BYTES : grad ? INPUT : FORWARD, m, s->n * rows * columns, s->groups * classes};
    struct tile t;
    TUFF_TRY(check_sizes(lower, s));
    TUFF_TRY(choose(lower, &p, &t));
    uint32_t block = t.depth * (bytes ? 4 : 1);
    bool together = !lower->any_size && (uint64_t)rh * rw % 4 == 0 && (!grad || (s->sh == 1 && s->sw == 1));
    uint32_t flags = (grad ? GRAD : 0) | (taps <= 31 ? BITS : 0) | (!grad && !bytes && k % 4 == 0 ? A_VEC : 0) |
                     ((grad ? channels : k) % block ? K_TAIL : 0) | (together ? C_VEC : 0);
    TUFF_TRY(tuff_lower_rounds(lower, channels * taps / block + 1 + s->kh + s->kw));
    call->file = t.family == TUFF_FAMILY_CONV_TAB_BCAST ? "conv_tab_bcast" : "conv_tab";
    call->flops = 2 * (uint64_t)s->n * s->co * s->oh * s->ow * s->ci * s->kh * s->kw * s->groups;
    if (t.family == TUFF_FAMILY_CONV_TAB) tuff_call_define(call, "BYTES", bytes);
    TUFF_CALL(call, conv_tab, .THREADS = t.threads, .TX = t.tx, .TM = t.tm, .TN = t.tn, .BK = t.depth, .FLAGS = flags);
    TUFF_CALL(call, conv, .m_count = m, .s_channels = channels, .groups = s->groups, .pictures = s->n,
              .sh = grad ? s->oh : s->h, .sw = grad ? s->ow : s->w, .rh = rh, .rw = rw, .kh = s->kh, .kw = s->kw,
              .stride_y = s->sh, .stride_x = s->sw, .dilation_y = s->dh, .dilation_x = s->dw, .top = s->top, .left = s->left,
              .each_y = each_y, .each_x = each_x, .tiles_m = (uint32_t)t.tiles_m, .tiles_n = (uint32_t)t.tiles_n,
              .group_count = (uint32_t)t.groups);
    tuff_call_grid(call, lower->caps, t.groups);
    return TUFF_OK;
}

tuff_status tuff_conv_wtab_lower(const struct tuff_lower *lower, const struct tuff_conv_sizes *s, uint32_t splits,
                                 uint32_t split_pictures, struct tuff_kernel_call *call)
{
    uint64_t columns = (uint64_t)s->ci * s->kh * s->kw, plane = (uint64_t)s->oh * s->ow;
    struct product p = {WEIGHT, s->co, columns, (uint64_t)s->groups * splits};
    struct tile t;
    TUFF_TRY(check_sizes(lower, s));
    TUFF_TRY(choose(lower, &p, &t));
    bool tail = lower->any_size || plane * split_pictures % t.depth || s->n % split_pictures,
         quads = !lower->any_size && plane % 4 == 0;
    TUFF_TRY(tuff_lower_rounds(lower, plane * split_pictures / t.depth + 1));
    call->file = "conv_wtab";
    call->flops = 2 * (uint64_t)s->n * plane * s->co * s->groups * columns;
    TUFF_CALL(call, conv_wtab, .THREADS = t.threads, .TX = t.tx, .TM = t.tm, .TN = t.tn, .BK = t.depth,
              .FLAGS = (quads ? GY_VEC : 0) | (tail ? P_TAIL : 0), .m_count = s->co, .columns = (uint32_t)columns,
              .groups = s->groups, .ci = s->ci, .h = s->h, .w = s->w, .oh = s->oh, .ow = s->ow, .kh = s->kh, .kw = s->kw,
              .stride_y = s->sh, .stride_x = s->sw, .dilation_y = s->dh, .dilation_x = s->dw, .top = s->top, .left = s->left,
              .pictures = s->n, .split_pictures = split_pictures, .tiles_m = (uint32_t)t.tiles_m,
              .tiles_n = (uint32_t)t.tiles_n, .group_count = (uint32_t)t.groups);
    tuff_call_grid(call, lower->caps, t.groups);
    return TUFF_OK;
}
