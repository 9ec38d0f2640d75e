/* rows.c - which values a row group takes. Its launch (row.comp) goes over each row, the elements that its reductions reduce to one,
 * in rounds: what a round computes of an element may follow from memory and from results of earlier rounds of this row.
 *
 * A reduction joins that walks over the same rows, and what has an element for each of theirs; the hook text of either is written
 * once for trial, with places instead of names, to see where it reads. Below all passes, as groups.c, which asks it. */
#include "graph/compile/compile.h"
#include "graph/ops/families.h"
#include "graph/ops/reduce.h"

/* A launch of one row is one workgroup's. */
enum { LONGEST_ROW = 1 << 17, LONGEST_ONE = 1 << 13, LONGEST_COLUMN = 256 };

struct trial {
    struct tuff_work *w;
    const struct tuff_group *group;
    tuff_val joins;
    uint32_t at, pass;
    bool elsewhere; /* it reads a result of another row, or of another place */
};

static const char *asked(struct tuff_emitter *e, tuff_val v, const struct tuff_coords *at)
{
    struct trial *trial = e->asker;
    for (uint32_t k = 0; k < trial->group->stage_count; k++) {
        if (trial->group->stages[k].value != v) continue;
        struct tuff_index flat = tuff_coords_flat(e, at, tuff_emit_shape(e, v));
        if (!tuff_index_is_flat(&flat) || flat.constant) trial->elsewhere = true;
        if (trial->pass <= trial->group->stages[k].pass) trial->pass = trial->group->stages[k].pass + 1;
        return "0";
    }
    if (v == trial->joins || !tuff_in_memory(trial->w, v)) return NULL;
    tuff_val memory = tuff_memory_of(trial->w, v);
    if (trial->w->values[memory].group != trial->at) return "0"; /* a load, from wherever */
    if (tuff_strip_same(trial->w, v) == memory) return NULL;     /* computed again */
    trial->elsewhere = true;
    return "0";
}

/* Is what v reads of the group of its own row? */
static bool reads_own_row(struct trial *trial, tuff_val v)
{
    struct tuff_work *w = trial->w;
    struct tuff_arena arena = {.context = w->context};
    struct tuff_emitted out = {.width = 1};
    const struct tuff_emit_options options = {.max_range = w->params->caps->max_storage_range};
    struct tuff_emitter e = {.g = w->g,
                             .values = w->values,
                             .group = trial->group,
                             .options = &options,
                             .arena = &arena,
                             .out = &out,
                             .asked = asked,
                             .asker = trial};
    tuff_text_init(&e.text, w->context);
    tuff_emit_base(&e, "", 1); /* so that base 0 is there when memory is not */
    e.base_count = 0;
    if (!e.failed) tuff_emit_of_row(&e, trial->group, v);
    w->starved = w->starved || e.failed || e.text.failed;
    bool good = !w->starved && !trial->elsewhere;
    tuff_text_finish(&e.text);
    tuff_arena_finish(&arena);
    return good;
}

static bool is_row(const struct tuff_work *w, tuff_val v)
{
    uint64_t all = tuff_shape_count(&val(w, val(w, v)->in[0])->type.shape),
             n = all / tuff_shape_count(&val(w, v)->type.shape);
    return !tuff_family_off(w->params->caps, TUFF_FAMILY_ROW) && n > 1 && n <= LONGEST_ROW && all <= UINT32_MAX;
}

bool tuff_row_alone(const struct tuff_work *w, tuff_val v)
{
    enum tuff_reduce_kind kind = tuff_reduce_kind(val(w, v)->op);
    return is_row(w, v) && (kind == TUFF_BY_SUM || kind == TUFF_BY_PROD) && tuff_is_float(val(w, v)->type.dtype);
}

bool tuff_row_takes(struct tuff_work *w, const struct tuff_group *group, uint32_t at, tuff_val v, uint32_t *pass)
{
    const struct tuff_value *kernel = val(w, group->kernel), *value = val(w, v);
    const struct tuff_shape *in = &val(w, kernel->in[0])->type.shape;
    uint64_t outputs = tuff_shape_count(&kernel->type.shape), all = tuff_shape_count(in), n = all / outputs;
    struct trial trial = {.w = w, .group = group, .joins = v, .at = at};
    if (w->values[v].fixed != w->values[group->kernel].fixed || !is_row(w, group->kernel)) return false;
    if (value->op->reduces) {
        if (group->stage_count == TUFF_ROW_STAGES) return false;
        if (!tuff_reduces_alike(kernel, in, value, &val(w, value->in[0])->type.shape)) return false;
    } else if (tuff_shape_count(&value->type.shape) != all || (outputs == 1 && n > LONGEST_ONE)) {
        return false;
    } else if (tuff_is_software(w->params->caps) &&
               (!tuff_reduces_by_quads(kernel, in) || (!tuff_reduces_inner(kernel, in) && n > LONGEST_COLUMN))) {
        return false; /* a pointwise launch goes by quads through all runs as one, and through pages in order */
    }
    bool own = reads_own_row(&trial, v);
    *pass = trial.pass;
    return own && trial.pass < TUFF_ROW_PASSES;
}
