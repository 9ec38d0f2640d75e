/* record.c - writes a plan into descriptor sets and command buffers. Loops without decisions: plan and cuts have made them.
 *
 * One command buffer per submission. Each begins with a dependency on everything submitted before, so that runs, copies and
 * the app's own work on the queue stay in order; each ends by showing its writes to copies and to the host. */
#include "backend/program.h"

/* How many descriptor sets a launch has that runs so many times: rounds that bind the same share one. */
static uint32_t sets_of(const struct tuff_plan *plan, const struct tuff_plan_launch *launch, uint32_t rounds)
{
    uint32_t count = 1;
    for (uint32_t i = 0; i < tuff_launch_buffers(plan, launch); i++) {
        const struct tuff_plan_binding *binding = &plan->bindings[launch->binding_first + i];
        uint32_t places = binding->ring && binding->ring < rounds ? binding->ring : rounds;
        if (!binding->step || places == count) continue;
        count = count == 1 ? places : rounds; /* rings of several lengths: as many as there are rounds */
    }
    return count;
}

struct descriptor_counts {
    uint32_t storage, texels, numbers;
};

/* Gives every launch its sets. */
static tuff_status count_descriptors(struct tuff_program *program, const struct tuff_plan *plan,
                                     struct descriptor_counts *counts, struct tuff_error *error)
{
    uint64_t storage = 0, texels = 0, sets = 0;
    for (uint32_t i = 0; i < plan->launch_count; i++) {
        const struct tuff_plan_launch *launch = &plan->launches[i];
        uint32_t own = 0, count = sets_of(plan, launch, tuff_plan_rounds(plan, i));
        for (uint32_t k = 0; k < tuff_launch_buffers(plan, launch); k++)
            own += plan->bindings[launch->binding_first + k].texels != TUFF_TEXELS_NONE;
        program->launches[i].set_first = (uint32_t)sets;
        program->launches[i].set_count = count;
        sets += count;
        texels += (uint64_t)own * count;
        storage += (uint64_t)(tuff_launch_buffers(plan, launch) - own) * count;
        counts->numbers += launch->number_count ? count : 0;
    }
    if (storage + texels + sets > UINT32_MAX)
        return tuff_fail(program->device->context, error, TUFF_ERR_UNSUPPORTED, "program: too many descriptors");
    counts->storage = (uint32_t)storage;
    counts->texels = (uint32_t)texels;
    program->set_count = (uint32_t)sets;
    return TUFF_OK;
}

static tuff_status create_descriptor_pool(struct tuff_program *program, const struct descriptor_counts *counts,
                                          struct tuff_error *error)
{
    struct tuff_device *device = program->device;
    const VkDescriptorPoolSize all[] = {
        {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, counts->storage ? counts->storage : 1},
        {VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, counts->texels},
        {VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, counts->numbers},
    };
    VkDescriptorPoolSize sizes[TUFF_COUNT(all)];
    uint32_t size_count = 0;
    for (uint32_t i = 0; i < TUFF_COUNT(all); i++)
        if (all[i].descriptorCount) sizes[size_count++] = all[i];
    VkDescriptorPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                       .maxSets = program->set_count,
                                       .poolSizeCount = size_count,
                                       .pPoolSizes = sizes};
    return TUFF_VK_CREATE(device, error, DescriptorPool, &info, &program->descriptors);
}

/* What vkUpdateDescriptorSets is given: one entry a descriptor in each array. */
struct descriptor_writes {
    VkDescriptorBufferInfo *buffers;
    VkWriteDescriptorSet *writes;
    uint32_t count;
};

/* llvmpipe looks at bits 8 to 15 of a view's size as at the levels of a picture, and compiles a kernel once more where they are 0
 * (Mesa 22.3.6, lp_sampler_static_texture_state). Such a view has the next 256 bytes as well, where there are some; validation
 * would take them for read. */
static uint64_t view_bytes(const struct tuff_device *device, const struct tuff_buffer *memory,
                           const VkDescriptorBufferInfo *range)
{
    uint64_t bytes = range->range, more = bytes + 256;
    bool fits = more <= memory->bytes - range->offset && more / TUFF_TEXEL_BYTES <= device->caps.max_texels;
    bool validated = device->context->options.debug & TUFF_DEBUG_VALIDATE;
    return (bytes >> 8 & 255) == 0 && fits && !validated ? more : bytes;
}

static tuff_status create_view(struct tuff_program *program, const struct tuff_plan_binding *binding,
                               const VkDescriptorBufferInfo *range, const struct tuff_buffer *memory,
                               struct tuff_error *error)
{
    static const VkFormat formats[TUFF_TEXELS_COUNT] = {VK_FORMAT_UNDEFINED, VK_FORMAT_R32G32B32A32_SFLOAT,
                                                        VK_FORMAT_R32G32B32A32_SINT, VK_FORMAT_R32G32B32A32_UINT};
    struct tuff_device *device = program->device;
    VkBufferViewCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                   .buffer = range->buffer,
                                   .format = formats[binding->texels],
                                   .offset = range->offset,
                                   .range = view_bytes(device, memory, range)};
    TUFF_TRY(TUFF_VK_CREATE(device, error, BufferView, &info, &program->views[program->view_count]));
    program->view_count++;
    return TUFF_OK;
}

/* Adds a descriptor of the set; the kind of buffer is the caller's. */
static VkWriteDescriptorSet *add_write(VkDescriptorSet set, uint32_t binding, const VkDescriptorBufferInfo *range,
                                       struct descriptor_writes *out)
{
    uint32_t at = out->count++;
    out->buffers[at] = *range;
    out->writes[at] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                             .dstSet = set,
                                             .dstBinding = binding,
                                             .descriptorCount = 1,
                                             .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                             .pBufferInfo = &out->buffers[at]};
    return &out->writes[at];
}

/* The set of launch `index` in this round and those that bind the same. */
static tuff_status write_set(struct tuff_program *program, const struct tuff_plan *plan, uint32_t index, uint32_t round,
                             struct descriptor_writes *out, struct tuff_error *error)
{
    const struct tuff_plan_launch *launch = &plan->launches[index];
    VkDescriptorSet set = program->sets[program->launches[index].set_first + round];
    for (uint32_t i = 0; i < tuff_launch_buffers(plan, launch); i++) {
        const struct tuff_plan_binding *binding = &plan->bindings[launch->binding_first + i];
        const struct tuff_plan_slot *slot = &plan->slots[binding->slot];
        VkDescriptorBufferInfo range = {program->memory[slot->memory]->handle,
                                        slot->offset + tuff_binding_offset(binding, round), binding->bytes};
        VkWriteDescriptorSet *write = add_write(set, i, &range, out);
        if (!binding->texels) continue;
        TUFF_TRY(create_view(program, binding, &range, program->memory[slot->memory], error));
        write->descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
        write->pTexelBufferView = &program->views[program->view_count - 1];
    }
    if (launch->number_count) {
        uint32_t bytes = program->wants[program->launches[index].want].number_bytes;
        VkDescriptorBufferInfo range = {program->numbers->handle, program->launches[index].numbers, bytes};
        add_write(set, TUFF_PLAN_NUMBERS_BINDING, &range, out)->descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER;
    }
    return TUFF_OK;
}

static tuff_status allocate_sets(struct tuff_program *program, VkDescriptorSetLayout *layouts, struct tuff_error *error)
{
    struct tuff_device *device = program->device;
    for (uint32_t i = 0; i < program->launch_count; i++)
        for (uint32_t k = 0; k < program->launches[i].set_count; k++)
            layouts[program->launches[i].set_first + k] = program->wants[program->launches[i].want].pipeline->set_layout;
    VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                        .descriptorPool = program->descriptors,
                                        .descriptorSetCount = program->set_count,
                                        .pSetLayouts = layouts};
    /* No debug names: Mesa 22.3 never frees those of descriptor sets; the label of the launch tells as much. */
    VkResult result = device->vk.vkAllocateDescriptorSets(device->handle, &info, program->sets);
    return tuff_device_status(device, error, result, "vkAllocateDescriptorSets");
}

static tuff_status write_sets(struct tuff_program *program, const struct tuff_plan *plan, struct descriptor_writes *out,
                              struct tuff_error *error)
{
    for (uint32_t i = 0; i < plan->launch_count; i++)
        for (uint32_t k = 0; k < program->launches[i].set_count; k++) TUFF_TRY(write_set(program, plan, i, k, out, error));
    if (out->count) program->device->vk.vkUpdateDescriptorSets(program->device->handle, out->count, out->writes, 0, NULL);
    return TUFF_OK;
}

tuff_status tuff_program_bind(struct tuff_program *program, const struct tuff_plan *plan, struct tuff_error *error)
{
    struct tuff_context *context = program->device->context;
    struct descriptor_counts counts = {0};
    if (!plan->launch_count) return TUFF_OK;
    TUFF_TRY(count_descriptors(program, plan, &counts, error));
    TUFF_TRY(create_descriptor_pool(program, &counts, error));
    VkDescriptorSetLayout *layouts = tuff_alloc(context, program->set_count * sizeof(VkDescriptorSetLayout));
    size_t most = (size_t)counts.storage + counts.texels + counts.numbers;
    struct descriptor_writes out = {.buffers = tuff_alloc(context, most * sizeof *out.buffers),
                                    .writes = tuff_alloc(context, most * sizeof *out.writes)};
    program->views = tuff_arena_alloc(&program->arena, counts.texels * sizeof *program->views);
    program->sets = tuff_arena_alloc(&program->arena, program->set_count * sizeof *program->sets);
    tuff_status status = TUFF_OK;
    if (!layouts || !program->sets || !out.writes || !out.buffers || !program->views)
        status = tuff_fail_memory(context, error);
    else
        status = allocate_sets(program, layouts, error);
    if (status == TUFF_OK) status = write_sets(program, plan, &out, error);
    tuff_free(context, out.writes);
    tuff_free(context, out.buffers);
    tuff_free(context, layouts);
    return status;
}

static void begin_label(struct tuff_device *device, VkCommandBuffer commands, const char *label)
{
    VkDebugUtilsLabelEXT info = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT, .pLabelName = label};
    if (device->instance->CmdBeginDebugUtilsLabelEXT) device->instance->CmdBeginDebugUtilsLabelEXT(commands, &info);
}

static void end_label(struct tuff_device *device, VkCommandBuffer commands)
{
    if (device->instance->CmdEndDebugUtilsLabelEXT) device->instance->CmdEndDebugUtilsLabelEXT(commands);
}

/* At the bottom of the pipe: latches when all that stands before is done, also after a barrier. */
static void write_timestamp(struct tuff_program *program, VkCommandBuffer commands, bool wanted, uint32_t query)
{
    if (program->queries && wanted)
        program->device->vk.vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, program->queries, query);
}

static void record_piece(struct tuff_program *program, const struct tuff_piece *piece, VkCommandBuffer commands,
                         VkPipeline *bound)
{
    struct tuff_device *device = program->device;
    const struct tuff_program_step *step = &program->steps[piece->launch];
    const struct tuff_program_launch *launch = &program->launches[step->launch];
    const VkDescriptorSet *set = &program->sets[launch->set_first + step->round % launch->set_count];
    const struct tuff_pipeline *pipeline = program->wants[launch->want].pipeline;
    const uint32_t *base = piece->base, *groups = piece->groups;
    begin_label(device, commands, launch->label);
    write_timestamp(program, commands, program->profile && piece->first, TUFF_LAUNCH_QUERY(piece->launch));
    if (*bound != pipeline->handle) device->vk.vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
    *bound = pipeline->handle;
    device->vk.vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->layout, 0, 1, set, 0, NULL);
    if (launch->push_count)
        device->vk.vkCmdPushConstants(commands, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, launch->push_count * 4,
                                      launch->push);
    if (launch->counts_memory)
        device->vk.vkCmdDispatchIndirect(commands, program->memory[launch->counts_memory - 1]->handle,
                                         launch->counts_offset);
    else if (piece->first && piece->last)
        device->vk.vkCmdDispatch(commands, groups[0], groups[1], groups[2]);
    else
        device->vk.vkCmdDispatchBase(commands, base[0], base[1], base[2], groups[0], groups[1], groups[2]);
    write_timestamp(program, commands, program->profile && piece->last, TUFF_LAUNCH_QUERY(piece->launch) + 1);
    end_label(device, commands);
}

static uint32_t query_count(const struct tuff_program *program)
{
    return TUFF_LAUNCH_QUERY(program->profile ? program->step_count : 0);
}

/* The first piece that every run has. */
static uint32_t main_piece(const struct tuff_program *program, const struct tuff_cuts *cuts)
{
    uint32_t piece = 0;
    while (piece < cuts->count && cuts->pieces[piece].launch < program->prepare_count) piece++;
    return piece < cuts->count ? piece : 0;
}

/* Those of the prepare section where that begins, the others behind it. */
static void reset_queries(struct tuff_program *program, const struct tuff_cuts *cuts, uint32_t first,
                          VkCommandBuffer commands)
{
    uint32_t from = main_piece(program, cuts), of_prepare = from ? program->prepare_count : 0;
    PFN_vkCmdResetQueryPool reset = program->device->vk.vkCmdResetQueryPool;
    if (!program->queries || (first != 0 && first != from)) return;
    if (first == from) reset(commands, program->queries, TUFF_RUN_QUERY, TUFF_LAUNCH_QUERY(0));
    if (!program->profile || !program->step_count) return;
    if (first == from)
        reset(commands, program->queries, TUFF_LAUNCH_QUERY(of_prepare),
              query_count(program) - TUFF_LAUNCH_QUERY(of_prepare));
    else
        reset(commands, program->queries, TUFF_LAUNCH_QUERY(0), 2 * of_prepare);
}

/* Pieces [first, end) as one submission. */
static tuff_status record_submission(struct tuff_program *program, const struct tuff_cuts *cuts, VkCommandBuffer commands,
                                     uint32_t first, uint32_t end, struct tuff_error *error)
{
    struct tuff_device *device = program->device;
    const VkAccessFlags shader = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                                 (program->asks_counts ? VK_ACCESS_INDIRECT_COMMAND_READ_BIT : 0);
    const VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT |
                                        (program->asks_counts ? VK_PIPELINE_STAGE_DRAW_INDIRECT_BIT : 0);
    VkPipeline bound = VK_NULL_HANDLE;
    /* Runs may overlap on the host: the next is submitted while this one executes. */
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                      .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT};
    VkResult result = device->vk.vkBeginCommandBuffer(commands, &begin);
    TUFF_TRY(tuff_device_status(device, error, result, "vkBeginCommandBuffer"));
    tuff_barrier(device, commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                 VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT, stages, shader | VK_ACCESS_UNIFORM_READ_BIT);
    reset_queries(program, cuts, first, commands);
    write_timestamp(program, commands, program->timed && first == main_piece(program, cuts), TUFF_RUN_QUERY);
    for (uint32_t i = first; i < end; i++) {
        const struct tuff_piece *piece = &cuts->pieces[i];
        if (program->launches[program->steps[piece->launch].launch].barrier && piece->first && i > first)
            tuff_barrier(device, commands, stages, VK_ACCESS_SHADER_WRITE_BIT, stages, shader);
        record_piece(program, piece, commands, &bound);
    }
    write_timestamp(program, commands, program->timed && end == cuts->count, TUFF_RUN_QUERY + 1);
    /* After the last one, and where a run stops at a station. */
    tuff_barrier(device, commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT,
                 VK_PIPELINE_STAGE_TRANSFER_BIT | VK_PIPELINE_STAGE_HOST_BIT,
                 VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_HOST_READ_BIT);
    return tuff_device_status(device, error, device->vk.vkEndCommandBuffer(commands), "vkEndCommandBuffer");
}

tuff_status tuff_program_create_queries(struct tuff_program *program, struct tuff_error *error)
{
    struct tuff_device *device = program->device;
    VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                  .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                  .queryCount = query_count(program)};
    bool wanted = program->timed || (program->profile && program->step_count);
    if (!wanted || device->caps.timestamp_period_ns <= 0) return TUFF_OK;
    return TUFF_VK_CREATE(device, error, QueryPool, &info, &program->queries);
}

static tuff_status record_all(struct tuff_program *program, struct tuff_recording *recording, struct tuff_error *error)
{
    const struct tuff_cuts *cuts = &recording->cuts;
    recording->commands = tuff_alloc(program->device->context, cuts->submissions * sizeof *recording->commands);
    if (!recording->commands) return tuff_fail_memory(program->device->context, error);
    TUFF_TRY(tuff_commands_create(program->device, 0, cuts->submissions, &recording->pool, recording->commands, error));
    for (uint32_t submission = 0, first = 0; submission < cuts->submissions; submission++) {
        uint32_t end = first;
        while (end < cuts->count && !cuts->pieces[end++].ends) continue;
        tuff_device_name_object(program->device, VK_OBJECT_TYPE_COMMAND_BUFFER, TUFF_HANDLE(recording->commands[submission]),
                                "tuff program");
        TUFF_TRY(record_submission(program, cuts, recording->commands[submission], first, end, error));
        first = end;
    }
    return TUFF_OK;
}

tuff_status tuff_program_record(struct tuff_program *program, struct tuff_recording *recording, struct tuff_error *error)
{
    struct tuff_recording made = {0};
    struct tuff_context *context = program->device->context;
    TUFF_TRY(tuff_cuts_make(program->pace, program->step_count, tuff_submission_ns(context), context, &made.cuts, error));
    tuff_status status = record_all(program, &made, error);
    if (status == TUFF_OK)
        *recording = made;
    else
        tuff_recording_finish(&made, program->device);
    return status;
}

void tuff_recording_finish(struct tuff_recording *recording, struct tuff_device *device)
{
    if (recording->pool) device->vk.vkDestroyCommandPool(device->handle, recording->pool, NULL);
    tuff_free(device->context, recording->commands);
    tuff_cuts_finish(&recording->cuts, device->context);
    *recording = (struct tuff_recording){0};
}
