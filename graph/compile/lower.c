/* lower.c - from groups to a plan that passes tuff_plan_check: a kernel and a launch for each, barriers. requires: storage. */
#include "graph/check.h"
#include "graph/ops/gemm.h"
#include "graph/ops/reduce.h"

enum { POINTWISE_WORKGROUP = 64, SOFTWARE_WORKGROUP = 256, SOFTWARE_GROUPS = 32 };

struct lowering {
    struct tuff_work *w;
    struct tuff_plan *plan;
    struct tuff_touch touch;
};

/* A processor's workgroup costs about 0.2 us, as 20 to 100 of its invocations do; groups enough for many cores are kept. */
static uint32_t pointwise_workgroup(const struct tuff_caps *caps, uint64_t blocks, bool any_size)
{
    bool large = tuff_is_software(caps) && caps->max_workgroup_invocations >= SOFTWARE_WORKGROUP &&
                 (any_size || blocks >= SOFTWARE_WORKGROUP * SOFTWARE_GROUPS);
    return large ? SOFTWARE_WORKGROUP : POINTWISE_WORKGROUP;
}

/* Elements first .. first + count - 1, of launches of at most `largest`. */
static void describe_pointwise(struct tuff_kernel_call *call, const struct tuff_compile_params *params, uint64_t first,
                               uint64_t count, uint64_t largest, const struct tuff_emitted *emitted)
{
    uint64_t blocks = (count + emitted->width - 1) / emitted->width;
    uint32_t workgroup = pointwise_workgroup(params->caps, largest / emitted->width, params->any_size);
    call->spec_count = call->push_count = 0;
    if (emitted->hooks[0])
        TUFF_CALL(call, pointwise, .SIZE = workgroup, .blocks = (uint32_t)blocks, .first = (uint32_t)first);
    else
        TUFF_CALL(call, plain, .SIZE = workgroup, .blocks = (uint32_t)blocks);
    tuff_call_grid(call, params->caps, (blocks + workgroup - 1) / workgroup);
}

/* Elements of a launch at most. */
static uint64_t largest_of(const struct tuff_emitted *emitted, uint64_t count)
{
    return emitted->chunk && emitted->chunk < count ? emitted->chunk : count;
}

static tuff_status describe(struct lowering *l, const struct tuff_group *group, const struct tuff_emitted *emitted,
                            struct tuff_kernel_call *call)
{
    struct tuff_work *w = l->w;
    const struct tuff_caps *caps = w->params->caps;
    if (group->kernel) {
        const struct tuff_value *value = val(w, group->kernel);
        struct tuff_lower lower = {.caps = caps,
                                   .value = value,
                                   .error = w->error,
                                   .half_sums = w->params->half_sums,
                                   .any_size = w->params->any_size,
                                   .tuner = w->params->tuner,
                                   .launch = l->plan->launch_count};
        for (uint32_t i = 0; i < value->in_count && i < TUFF_COUNT(lower.in); i++)
            if (value->in[i]) {
                lower.in[i] = &val(w, value->in[i])->type;
                lower.constant[i] = val(w, value->in[i])->op->kind == TUFF_KIND_CONSTANT ? val(w, value->in[i]) : NULL;
            }
        const struct tuff_row_work row = {emitted->passes, group->stage_count, emitted->held};
        TUFF_TRY(tuff_is_row(group) ? tuff_row_lower(&lower, &row, call) : value->op->lower(&lower, call));
        return tuff_call_check(call, value->op, w->error);
    }
    if (!call->file) call->file = "pointwise";
    uint64_t count = tuff_shape_count(&val(w, group->space)->type.shape);
    describe_pointwise(call, w->params, 0, count, largest_of(emitted, count), emitted);
    return TUFF_OK;
}

static const char *label_of(struct lowering *l, const struct tuff_group *group)
{
    const struct tuff_value *kernel = group->kernel ? val(l->w, group->kernel) : NULL;
    tuff_val named = group->root_count ? group->roots[group->root_count - 1] : group->kernel;
    const struct tuff_value *last = val(l->w, named);
    const char *name = last->name ? last->name : (kernel && kernel->name ? kernel->name : NULL);
    if (name) return tuff_arena_printf(&l->plan->arena, "%s %s", kernel ? kernel->op->name : last->op->name, name);
    return tuff_arena_printf(&l->plan->arena, "%s %%%u", kernel ? kernel->op->name : last->op->name, named);
}

/* What the launch of an update writes: the state is bound as a whole. 0: all that it binds. */
static uint64_t written_of(const struct lowering *l, const struct tuff_group *group)
{
    struct tuff_type types[8] = {{.dtype = TUFF_F32}};
    const struct tuff_value *value = group->kernel ? val(l->w, group->kernel) : NULL;
    if (!value || !(value->op->traits & TUFF_UPDATES)) return 0;
    for (uint32_t i = 0; i < value->in_count && i < TUFF_COUNT(types); i++)
        if (value->in[i]) types[i] = val(l->w, value->in[i])->type;
    return tuff_op_bytes(value, types, value->in_count);
}

/* A launch over the elements from `first` on. */
static tuff_status add_part(struct lowering *l, const struct tuff_group *group, const struct tuff_emitted *emitted,
                            const struct tuff_kernel_call *call, const struct tuff_plan_launch *launch, uint64_t first)
{
    struct tuff_plan_binding bindings[TUFF_MAX_BINDINGS + 1];
    uint32_t count = 0;
    uint64_t written = written_of(l, group);
    for (uint32_t i = 0; i < emitted->binding_count; i++) {
        const struct tuff_emit_binding *b = &emitted->bindings[i];
        uint64_t skip = b->chunked ? tuff_dtype_size(b->dtype, first) : 0, left = b->bytes - skip;
        uint64_t touched = b->access & TUFF_READ ? tuff_align(l->touch.values[b->root].bytes, 4) : written;
        uint64_t window = b->chunked        ? tuff_dtype_size(b->dtype, emitted->chunk) + b->head
                          : b->windows == 1 ? left
                                            : emitted->window_bytes;
        if (TUFF_NEVER(l->w->values[b->root].slot == UINT32_MAX))
            return tuff_fail(l->w->context, l->w->error, TUFF_ERR_UNSUPPORTED, "%s: a value without memory", launch->label);
        for (uint32_t k = 0; k < b->windows; k++, skip += window, left -= window) {
            window = tuff_align(window,
                                b->texels ? TUFF_TEXEL_BYTES : sizeof(uint32_t)); /* elements may be halves or bytes */
            if (left < window) window = left;
            if (window > l->w->params->caps->max_storage_range)
                return tuff_fail(l->w->context, l->w->error, TUFF_ERR_DEVICE_MEMORY,
                                 "%s: a binding of %llu bytes, but this device binds at most %llu", launch->label,
                                 (unsigned long long)window, (unsigned long long)l->w->params->caps->max_storage_range);
            uint64_t few = touched < window ? touched : 0;
            bindings[count++] = (struct tuff_plan_binding){.slot = l->w->values[b->root].slot,
                                                           .access = b->access,
                                                           .offset = b->offset + skip,
                                                           .bytes = window,
                                                           .few = few,
                                                           .texels = b->texels};
        }
    }
    tuff_val counts = group->kernel ? tuff_counts_of(val(l->w, group->kernel)) : 0;
    if (counts) {
        const struct tuff_place *place = &l->w->values[counts].place;
        bindings[count++] = (struct tuff_plan_binding){.slot = l->w->values[place->root].slot,
                                                       .access = TUFF_READ | TUFF_COUNTS,
                                                       .offset = place->offset * sizeof(int32_t),
                                                       .bytes = 3 * sizeof(int32_t)};
    }
    uint32_t at = tuff_plan_add_launch(l->plan, launch, bindings, count, call->push, call->push_count);
    if (at == UINT32_MAX || !tuff_plan_add_numbers(l->plan, emitted->numbers, emitted->number_count))
        return tuff_fail_memory(l->w->context, l->w->error);
    return TUFF_OK;
}

static tuff_status add_launch(struct lowering *l, const struct tuff_group *group, const struct tuff_emitted *emitted,
                              const struct tuff_kernel_call *call)
{
    struct tuff_work *w = l->w;
    uint32_t spec_count = call->spec_count + emitted->spec_count;
    struct tuff_plan_spec *specs = tuff_arena_alloc(w->arena, (spec_count + 1) * sizeof *specs);
    if (!specs) return tuff_fail_memory(w->context, w->error);
    memcpy(specs, call->spec, call->spec_count * sizeof *specs);
    if (emitted->spec_count) memcpy(specs + call->spec_count, emitted->specs, emitted->spec_count * sizeof *specs);
    struct tuff_plan_kernel kernel = {.file = call->file, .defines = call->defines, .hooks = emitted->hooks};
    struct tuff_plan_launch launch = {.label = label_of(l, group),
                                      .groups = {call->groups[0], call->groups[1], call->groups[2]},
                                      .flops = call->flops,
                                      .product = group->kernel && tuff_op_is_product(val(w, group->kernel)->op),
                                      .note = call->note,
                                      .kernel = tuff_plan_add_kernel(l->plan, &kernel, specs, spec_count)};
    if (launch.kernel == UINT32_MAX || !launch.label) return tuff_fail_memory(w->context, w->error);
    for (uint32_t i = 0; i < emitted->binding_count && !launch.note; i++)
        if (emitted->bindings[i].chunked || emitted->bindings[i].windows > 1)
            launch.note = "split: a tensor is larger than what this device binds at once";
    uint64_t count = tuff_shape_count(&val(w, group->space)->type.shape);
    if (!emitted->chunk) return add_part(l, group, emitted, call, &launch, 0);
    for (uint64_t first = 0; first < count; first += emitted->chunk) {
        struct tuff_kernel_call part = *call;
        uint64_t elements = count - first < emitted->chunk ? count - first : emitted->chunk;
        describe_pointwise(&part, w->params, first, elements, largest_of(emitted, count), emitted);
        memcpy(launch.groups, part.groups, sizeof launch.groups);
        TUFF_TRY(add_part(l, group, emitted, &part, &launch, first));
    }
    return TUFF_OK;
}

/* Any binding fits: none is larger than max_storage_range, and slots are aligned. */
static bool reads_texels(const struct tuff_caps *caps)
{
    return caps->driver_effects & TUFF_DRIVER_READS_TEXELS && caps->texel_alignment &&
           TUFF_PLAN_ALIGNMENT % caps->texel_alignment == 0 &&
           caps->max_storage_range / TUFF_TEXEL_BYTES <= caps->max_texels;
}

static tuff_status lower_group(struct lowering *l, const struct tuff_group *group)
{
    struct tuff_work *w = l->w;
    const struct tuff_emit_options options = {.max_range = w->params->caps->max_storage_range,
                                              .texels = reads_texels(w->params->caps),
                                              .quads = tuff_shuffle_lanes(w->params->caps) != 0,
                                              .narrow = tuff_is_software(w->params->caps)};
    struct tuff_emitted emitted;
    struct tuff_kernel_call call = {.file = NULL};
    if (!group->stores) return TUFF_OK;
    if (group->loop) return tuff_lower_loop(w, group);
    if (w->params->plain)
        TUFF_TRY(tuff_plain_group(w->g, w->values, group, &options, w->arena, &emitted, &call, w->error));
    else
        TUFF_TRY(tuff_emit_group(w->g, w->values, group, &options, w->arena, &emitted, w->error));
    TUFF_TRY(describe(l, group, &emitted, &call));
    if (!call.note) call.note = group->why;
    tuff_touch_group(w, group, &l->touch);
    const uint32_t first = l->plan->launch_count;
    TUFF_TRY(add_launch(l, group, &emitted, &call));
    return w->params->check ? tuff_check_group(w->params->check, w, group, first) : TUFF_OK;
}

tuff_status tuff_pass_lower(struct tuff_work *w, struct tuff_compiled *out)
{
    struct lowering l = {.w = w, .plan = &out->plan};
    out->output_slots = tuff_arena_alloc(&out->plan.arena, (w->params->output_count + 1) * sizeof *out->output_slots);
    if (!out->output_slots) return tuff_fail_memory(w->context, w->error);
    TUFF_TRY(tuff_touch_start(w, &l.touch));
    for (uint32_t i = 0, station = 0; i <= w->group_count; i++) {
        for (; station < w->params->station_count && w->stations[station].group_count == i; station++)
            if (!tuff_plan_add_station(&out->plan, w->params->stations[station].name, out->plan.launch_count))
                return tuff_fail_memory(w->context, w->error);
        if (i == w->prepare_count) out->plan.prepare_count = out->plan.launch_count;
        if (i < w->group_count) TUFF_TRY(lower_group(&l, &w->groups[w->sequence[i]]));
    }
    for (uint32_t i = 0; i < w->params->output_count; i++)
        out->output_slots[i] = tuff_op_writes_leaf(val(w, w->outputs[i])->op) ? UINT32_MAX : w->values[w->outputs[i]].slot;
    tuff_plan_place_barriers(&out->plan);
    for (uint32_t i = 1; i < out->plan.launch_count && (w->params->debug & TUFF_DEBUG_SERIAL); i++)
        out->plan.launches[i].barrier = true;
    return tuff_plan_check(&out->plan, w->context, w->error);
}
