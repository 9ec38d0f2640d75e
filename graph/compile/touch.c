/* touch.c - an upper bound, for figures alone, of what a launch reads: a slice, a gather or a broadcast needs no more elements of its operand
 * than it has results, while a kernel needs its operands whole. requires: storage. */
#include "graph/compile/compile.h"

struct walk {
    struct tuff_work *w;
    const struct tuff_group *group;
    struct tuff_touch *touch;
};

static uint64_t count_of(const struct tuff_work *w, tuff_val v) { return tuff_shape_count(&val(w, v)->type.shape); }

static bool in_group(const struct tuff_group *group, tuff_val v)
{
    for (uint32_t i = 0; i < group->root_count; i++)
        if (group->roots[i] == v) return true;
    for (uint32_t i = 0; i < group->stage_count; i++)
        if (group->stages[i].value == v) return true;
    return v == group->kernel;
}

/* Does the group load v from memory, rather than compute it? */
static bool is_loaded(const struct walk *walk, tuff_val v)
{
    uint64_t offset;
    if (!walk->w->values[v].place.root) return false;
    while (!in_group(walk->group, v) && tuff_is_alias(walk->w->g, v, &offset)) v = val(walk->w, v)->in[0];
    return !in_group(walk->group, v);
}

/* Lists what computing v goes through, operands before what they feed. */
static void list(struct walk *walk, tuff_val v)
{
    struct tuff_touch *touch = walk->touch;
    const struct tuff_value *value = val(walk->w, v);
    if (touch->values[v].seen) return;
    touch->values[v].seen = true;
    touch->values[v].need = 0;
    bool loaded = is_loaded(walk, v);
    for (uint32_t i = 0; i < value->in_count && !loaded; i++)
        if (value->in[i]) list(walk, value->in[i]);
    touch->order[touch->count++] = v;
}

/* Hands v's need down to its operands, or to the memory that it is loaded from. */
static void hand_down(struct walk *walk, tuff_val v)
{
    struct tuff_touch *touch = walk->touch;
    const struct tuff_value *value = val(walk->w, v);
    if (in_group(walk->group, v) || touch->values[v].need > count_of(walk->w, v))
        touch->values[v].need = count_of(walk->w, v);
    if (is_loaded(walk, v)) {
        touch->values[walk->w->values[v].place.root].bytes += tuff_dtype_size(value->type.dtype, touch->values[v].need);
        return;
    }
    for (uint32_t i = 0; i < value->in_count; i++)
        if (value->in[i])
            touch->values[value->in[i]].need += value->op->class == TUFF_CLASS_KERNEL ? count_of(walk->w, value->in[i])
                                                                                      : touch->values[v].need;
}

tuff_status tuff_touch_start(struct tuff_work *w, struct tuff_touch *touch)
{
    *touch = (struct tuff_touch){.values = tuff_arena_alloc(w->arena, (w->g->count + 1) * sizeof *touch->values),
                                 .order = tuff_arena_alloc(w->arena, (w->g->count + 1) * sizeof *touch->order)};
    return touch->values && touch->order ? TUFF_OK : tuff_fail_memory(w->context, w->error);
}

void tuff_touch_group(struct tuff_work *w, const struct tuff_group *group, struct tuff_touch *touch)
{
    struct walk walk = {w, group, touch};
    for (uint32_t i = 0; i < touch->count; i++) { /* what the last group left */
        touch->values[touch->order[i]].seen = false;
        touch->values[w->values[touch->order[i]].place.root].bytes = 0;
    }
    touch->count = 0;
    if (group->kernel) list(&walk, group->kernel);
    for (uint32_t i = 1; i < group->stage_count; i++) list(&walk, group->stages[i].value);
    for (uint32_t i = 0; i < group->root_count; i++) list(&walk, group->roots[i]);
    for (uint32_t i = touch->count; i-- > 0;) hand_down(&walk, touch->order[i]);
}
