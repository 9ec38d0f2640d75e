/* program.c - makes a program of a plan: checks it, compiles, makes pipelines, records.
 *
 * Owns struct tuff_program. A program is recorded once and replayed as it is. One thread at a time. */
#include "backend/program.h"

static tuff_status check_memory(struct tuff_device *device, const struct tuff_program_params *params,
                                struct tuff_error *error)
{
    for (uint32_t i = 0; i < params->plan->memory_count; i++) {
        uint64_t needed = params->plan->memories[i].bytes;
        if (!needed) continue;
        const struct tuff_buffer *buffer = params->memory ? params->memory[i] : NULL;
        if (!buffer || buffer->bytes < needed || buffer->device != device || buffer->external)
            return tuff_refuse(device->context, error,
                               "program: %s memory needs a buffer of %llu bytes on this device, which is not external",
                               tuff_memory_name(params->plan->memories[i].kind), (unsigned long long)needed);
    }
    return TUFF_OK;
}

static tuff_status check_binding(struct tuff_device *device, const struct tuff_plan *plan,
                                 const struct tuff_plan_launch *launch, const struct tuff_plan_binding *binding,
                                 struct tuff_error *error)
{
    const struct tuff_plan_slot *slot = &plan->slots[binding->slot];
    if (binding->bytes > device->caps.max_storage_range)
        return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED, "%s: binds %llu bytes of %s; %s binds at most %llu",
                         launch->label, (unsigned long long)binding->bytes, slot->name, device->caps.name,
                         (unsigned long long)device->caps.max_storage_range);
    uint64_t texels = binding->texels ? binding->bytes / TUFF_TEXEL_BYTES : 0;
    if (texels && !(device->caps.driver_effects & TUFF_DRIVER_READS_TEXELS)) /* its buffers are made without */
        return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED,
                         "%s: reads %s as texels, which is not done on %s; the plan is another device's", launch->label,
                         slot->name, device->caps.name);
    if (texels > device->caps.max_texels)
        return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED, "%s: reads %llu texels of %s; %s binds at most %u",
                         launch->label, (unsigned long long)texels, slot->name, device->caps.name, device->caps.max_texels);
    if (binding->texels && (slot->offset + binding->offset) % device->caps.texel_alignment)
        return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED,
                         "%s: reads %s as texels from %llu on; %s wants multiples of %u", launch->label, slot->name,
                         (unsigned long long)(slot->offset + binding->offset), device->caps.name,
                         device->caps.texel_alignment);
    if ((slot->offset + binding->offset) % device->caps.storage_alignment)
        return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED, "%s: binds %s at %llu; %s wants multiples of %u",
                         launch->label, slot->name, (unsigned long long)(slot->offset + binding->offset), device->caps.name,
                         device->caps.storage_alignment);
    return TUFF_OK;
}

/* Limits that concern launches; those of kernels are checked against their SPIR-V. */
static tuff_status check_launches(struct tuff_device *device, const struct tuff_plan *plan, struct tuff_error *error)
{
    static const char axes[] = "xyz";
    for (uint32_t i = 0; i < plan->launch_count; i++) {
        const struct tuff_plan_launch *launch = &plan->launches[i];
        for (int k = 0; k < 3; k++)
            if (launch->groups[k] > device->caps.max_workgroup_count[k])
                return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED,
                                 "%s: %u workgroups along %c; %s has at most %u", launch->label, launch->groups[k], axes[k],
                                 device->caps.name, device->caps.max_workgroup_count[k]);
        for (uint32_t k = 0; k < launch->binding_count; k++)
            TUFF_TRY(check_binding(device, plan, launch, &plan->bindings[launch->binding_first + k], error));
    }
    return TUFF_OK;
}

/* Parts cost a driver instructions, so only what is so long that a wrong guess would make it too long asks for them. */
static bool may_need_parts(const struct tuff_program *program, const struct tuff_cut_launch *pace)
{
    return pace->ns > tuff_submission_ns(program->device->context) / 8;
}

/* Whole uvec4. */
static uint32_t number_bytes(const struct tuff_plan_launch *launch) { return (launch->number_count + 3) / 4 * 16; }

/* Index of the want, which is added if there is no equal one; UINT32_MAX: out of memory. */
static uint32_t want_of(struct tuff_program *program, const struct tuff_plan *plan, const struct tuff_plan_launch *launch)
{
    struct tuff_pipeline_want want = {.kernel = launch->kernel,
                                      .binding_count = tuff_launch_buffers(plan, launch),
                                      .push_bytes = launch->push_count * 4,
                                      .texels = tuff_launch_texels(plan, launch),
                                      .number_bytes = number_bytes(launch)};
    const size_t key = offsetof(struct tuff_pipeline_want, parts); /* words alone */
    uint64_t hash = tuff_hash(0, &want, key);
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(&program->want_lookup, hash, &step)) != TUFF_LOOKUP_END)
        if (!memcmp(&program->wants[place], &want, key)) return place;
    if (!tuff_lookup_add(&program->want_lookup, &program->arena, hash, program->want_count)) return UINT32_MAX;
    program->wants[program->want_count] = want;
    return program->want_count++;
}

static tuff_status copy_launches(struct tuff_program *program, const struct tuff_plan *plan, struct tuff_error *error)
{
    struct tuff_arena *arena = &program->arena;
    program->wants = tuff_arena_alloc(arena, plan->launch_count * sizeof *program->wants);
    program->launches = tuff_arena_alloc(arena, plan->launch_count * sizeof *program->launches);
    uint32_t *words = tuff_arena_alloc(arena, plan->push_word_count * sizeof *words);
    if (!program->wants || !program->launches || !words) return tuff_fail_memory(program->device->context, error);
    if (plan->push_word_count) memcpy(words, plan->push_words, plan->push_word_count * sizeof *words);
    program->launch_count = plan->launch_count;
    for (uint32_t i = 0; i < plan->launch_count; i++) {
        const struct tuff_plan_launch *launch = &plan->launches[i];
        struct tuff_program_launch *copy = &program->launches[i];
        copy->label = tuff_arena_strdup(arena, launch->label);
        copy->kernel = tuff_arena_strdup(arena, plan->kernels[launch->kernel].file);
        if (!copy->label || !copy->kernel) return tuff_fail_memory(program->device->context, error);
        copy->flops = launch->flops;
        copy->bytes = tuff_launch_bytes(plan, launch);
        copy->push = words + launch->push_first;
        copy->push_count = launch->push_count;
        copy->barrier = launch->barrier;
        const struct tuff_plan_binding *counts = tuff_launch_counts(plan, launch);
        if (counts) {
            copy->counts_memory = plan->slots[counts->slot].memory + 1;
            copy->counts_offset = plan->slots[counts->slot].offset + counts->offset;
            program->asks_counts = true;
        }
        copy->want = want_of(program, plan, launch);
        if (copy->want == UINT32_MAX) return tuff_fail_memory(program->device->context, error);
    }
    return TUFF_OK;
}

/* The run, launch by launch. */
static tuff_status make_steps(struct tuff_program *program, const struct tuff_plan *plan, struct tuff_error *error)
{
    uint32_t count = (uint32_t)tuff_plan_run_length(plan);
    program->steps = tuff_arena_alloc(&program->arena, count * sizeof *program->steps);
    program->pace = tuff_arena_alloc(&program->arena, count * sizeof *program->pace);
    if (!program->steps || !program->pace) return tuff_fail_memory(program->device->context, error);
    tuff_cuts_believe(plan, &program->device->caps, program->pace);
    for (struct tuff_plan_cursor at = {0}; at.launch < plan->launch_count; tuff_plan_advance(plan, &at)) {
        const struct tuff_program_launch *launch = &program->launches[at.launch];
        program->wants[launch->want].parts |= may_need_parts(program, &program->pace[program->step_count]);
        program->counts.barriers += launch->barrier;
        program->prepare_count += at.launch < plan->prepare_count;
        program->steps[program->step_count++] = (struct tuff_program_step){at.launch, at.round};
    }
    for (uint32_t i = 0; i < program->step_count; i++)
        program->pace[i].splits = program->wants[program->launches[program->steps[i].launch].want].parts &&
                                  !program->launches[program->steps[i].launch].counts_memory;
    program->counts.launches = program->step_count;
    tuff_program_set_stale(program);
    return TUFF_OK;
}

/* The launches' numbers in one buffer, each at a multiple of TUFF_PLAN_ALIGNMENT: the largest minUniformBufferOffsetAlignment that
 * Vulkan allows. */
static tuff_status write_numbers(struct tuff_program *program, const struct tuff_plan *plan, struct tuff_error *error)
{
    struct tuff_device *device = program->device;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < plan->launch_count; i++) {
        program->launches[i].numbers = bytes;
        bytes += tuff_align(number_bytes(&plan->launches[i]), TUFF_PLAN_ALIGNMENT);
    }
    if (!bytes) return TUFF_OK;
    TUFF_TRY(tuff_buffer_create(device, bytes, false, "numbers", &program->numbers, error));
    char *content = tuff_alloc(device->context, (size_t)bytes);
    if (!content) return tuff_fail_memory(device->context, error);
    memset(content, 0, (size_t)bytes);
    for (uint32_t i = 0; i < plan->launch_count; i++) {
        const struct tuff_plan_launch *launch = &plan->launches[i];
        if (launch->number_count)
            memcpy(content + program->launches[i].numbers, plan->numbers + launch->number_first, launch->number_count * 4);
    }
    tuff_status status = tuff_buffer_write(program->numbers, 0, content, bytes, error);
    tuff_free(device->context, content);
    return status;
}

static tuff_status copy_stations(struct tuff_program *program, const struct tuff_plan *plan, struct tuff_error *error)
{
    struct tuff_plan_station *copy = tuff_arena_alloc(&program->arena, (plan->station_count + 1) * sizeof *copy);
    bool memory = copy != NULL;
    uint32_t step = 0; /* stations are in order, and none within a loop */
    for (uint32_t i = 0; i < plan->station_count && memory; i++) {
        copy[i] = plan->stations[i];
        copy[i].name = tuff_arena_strdup(&program->arena, plan->stations[i].name);
        memory = copy[i].name != NULL;
        while (step < program->step_count && program->steps[step].launch < copy[i].launch_count) step++;
        copy[i].launch_count = step;
    }
    program->stations = copy;
    program->station_count = plan->station_count;
    return memory ? TUFF_OK : tuff_fail_memory(program->device->context, error);
}

static tuff_status make_pipelines(struct tuff_program *program, const struct tuff_program_params *params,
                                  struct tuff_error *error)
{
    struct tuff_device *device = program->device;
    const struct tuff_plan *plan = params->plan;
    struct tuff_module *modules = tuff_alloc(device->context, plan->kernel_count * sizeof *modules);
    if (!modules) return tuff_fail_memory(device->context, error);
    tuff_status status = tuff_modules_compile(device, plan, params->compiler, &params->progress, modules, error);
    if (status == TUFF_OK)
        status = tuff_pipelines_acquire(device, plan, modules, program->wants, program->want_count, &params->progress,
                                        error);
    for (uint32_t i = 0; i < plan->kernel_count; i++) {
        program->counts.compiled += modules[i].compiled;
        program->counts.cache_hits += modules[i].spirv.words && !modules[i].compiled;
        if (status == TUFF_OK) /* after a failure some were never made */
            program->counts.spirv_hash = tuff_hash(program->counts.spirv_hash, modules[i].spirv.hash,
                                                   sizeof modules[i].spirv.hash);
    }
    for (uint32_t i = 0; status == TUFF_OK && i < program->want_count; i++) {
        bool seen = false;
        for (uint32_t k = 0; k < i; k++) seen = seen || program->wants[k].pipeline == program->wants[i].pipeline;
        program->counts.pipelines += !seen;
    }
    tuff_free(device->context, modules);
    return status;
}

static tuff_status keep_memory(struct tuff_program *program, const struct tuff_program_params *params,
                               struct tuff_error *error)
{
    const struct tuff_plan *plan = params->plan;
    program->memory = tuff_arena_alloc(&program->arena, (plan->memory_count + 1) * sizeof *program->memory);
    if (!program->memory) return tuff_fail_memory(program->device->context, error);
    program->memory_count = plan->memory_count;
    for (uint32_t i = 0; i < plan->memory_count; i++) {
        if (!plan->memories[i].bytes) continue; /* what the plan does not touch may be of another device */
        program->memory[i] = params->memory[i];
        tuff_buffer_retain(program->memory[i]);
    }
    return TUFF_OK;
}

tuff_status tuff_program_create(struct tuff_device *device, const struct tuff_program_params *params,
                                struct tuff_program **program, struct tuff_error *error)
{
    if (!device) return tuff_refuse(NULL, error, "tuff_program_create: device is NULL");
    TUFF_REQUIRE(device->context, error, params && params->struct_size >= sizeof *params && params->plan && program);
    TUFF_TRY(tuff_device_check(device, error));
    TUFF_TRY(tuff_plan_check(params->plan, device->context, error));
    TUFF_TRY(check_memory(device, params, error));
    TUFF_TRY(check_launches(device, params->plan, error));
    struct tuff_program *made = tuff_alloc(device->context, sizeof *made);
    if (!made) return tuff_fail_memory(device->context, error);
    made->device = device;
    tuff_device_retain(device);
    tuff_arena_init(&made->arena, device->context);
    made->profile = params->profile || device->context->options.debug & TUFF_DEBUG_TIMING;
    made->timed = params->timed;
    made->measures = TUFF_MEASURED_RUNS;
    tuff_status status = keep_memory(made, params, error);
    if (status == TUFF_OK) status = copy_launches(made, params->plan, error);
    if (status == TUFF_OK) status = make_steps(made, params->plan, error);
    if (status == TUFF_OK) status = copy_stations(made, params->plan, error);
    if (status == TUFF_OK) status = make_pipelines(made, params, error);
    if (status == TUFF_OK) status = write_numbers(made, params->plan, error);
    if (status == TUFF_OK) status = tuff_program_bind(made, params->plan, error);
    if (status == TUFF_OK) status = tuff_program_create_queries(made, error);
    if (status == TUFF_OK) status = tuff_program_record(made, &made->recording, error);
    made->counts.submissions = made->recording.cuts.submissions;
    if (status != TUFF_OK)
        tuff_program_destroy(made);
    else
        *program = made;
    return status;
}

void tuff_program_destroy(struct tuff_program *program)
{
    if (!program) return;
    struct tuff_device *device = program->device;
    if (tuff_context_inherited(device->context)) return;
    if (program->ticket) (void)!tuff_device_wait(device, program->ticket, UINT64_MAX, NULL);
    tuff_recording_finish(&program->recording, device);
    for (uint32_t i = 0; i < program->view_count; i++)
        device->vk.vkDestroyBufferView(device->handle, program->views[i], NULL);
    if (program->descriptors) device->vk.vkDestroyDescriptorPool(device->handle, program->descriptors, NULL);
    if (program->queries) device->vk.vkDestroyQueryPool(device->handle, program->queries, NULL);
    for (uint32_t i = 0; i < program->want_count; i++) tuff_pipelines_release(device, program->wants[i].pipeline);
    for (uint32_t i = 0; i < program->memory_count; i++)
        if (program->memory[i]) tuff_buffer_release(program->memory[i]);
    tuff_buffer_release(program->numbers);
    tuff_arena_finish(&program->arena);
    tuff_free(device->context, program);
    tuff_device_release(device);
}

struct tuff_program_counts tuff_program_counts(const struct tuff_program *program) { return program->counts; }
