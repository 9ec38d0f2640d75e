/* session_vulkan.c - inputs and outputs of a session as the app's own: a compute shader of the app renders the picture that a run reads,
 * another one takes what it gives, many rounds in flight, and semaphores of both sides are waited for on the device. All bits are
 * those of the way through the host. */
#include "tests/import_help.h"

#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

enum { SIDE = 24, CHANNELS = 3, FEATURES = 4, ROUNDS = 20, SETS = 2 };
enum { PICTURE = CHANNELS * SIDE * SIDE, RESULT = FEATURES * SIDE * SIDE };

/* The picture of a round: multiples of 2^-8, which come out the same everywhere. */
static float picture_at(uint32_t round, uint32_t i)
{
    return (float)((i * 2654435761u + round * 40503u) >> 24) * 0.00390625f;
}

static const char source[] = "#version 450\n"
                             "layout(local_size_x = 64) in;\n"
                             "layout(push_constant) uniform Push { uint round, count; };\n"
                             "layout(std430, binding = 0) buffer Picture { float picture[]; };\n"
                             "layout(std430, binding = 1) readonly buffer Result { uint result[]; };\n"
                             "layout(std430, binding = 2) buffer Taken { uint taken[]; };\n"
                             "void main() {\n"
                             "    uint i = gl_GlobalInvocationID.x;\n"
                             "    if (i >= count) return;\n"
                             "#ifdef RENDER\n"
                             "    picture[i] = float((i * 2654435761u + round * 40503u) >> 24) * 0.00390625;\n"
                             "#else\n"
                             "    taken[round * count + i] = result[i];\n"
                             "#endif\n"
                             "}\n";

struct exchange {
    struct backend_test *test;
    struct import_app *app;
    struct tuff_graph *graph;
    struct tuff_session *session;
    struct tuff_executable *run;
    tuff_val x, scale;
    struct tuff_buffer *taken; /* what the app's second shader stores, of all rounds */
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline render, take;
    VkDescriptorPool descriptors;
    VkDescriptorSet sets[SETS];
    VkCommandPool pool;
    bool timeline;
    VkSemaphore rendered[ROUNDS], computed[ROUNDS]; /* timeline: the first of each alone */
};

/* ---- the app's side ---- */

static VkSemaphore make_semaphore(struct exchange *e)
{
    VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                      .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = e->timeline ? &type : NULL};
    VkSemaphore made = VK_NULL_HANDLE;
    VkResult result = e->app->vk.vkCreateSemaphore(e->app->device, &info, NULL, &made);
    backend_check(e->test, result == VK_SUCCESS, "vkCreateSemaphore: %d", (int)result);
    return made;
}

static VkPipeline make_pipeline(struct exchange *e, const char *preamble)
{
    struct VolkDeviceTable *vk = &e->app->vk;
    const struct tuff_compiler *compiler = tuff_glslang();
    struct tuff_error error = {0};
    uint32_t *spirv = NULL;
    size_t words = 0;
    tuff_status status = compiler->compile(compiler->user, e->test->context, "app.comp", source, preamble, &spirv, &words,
                                           &error);
    if (!backend_status(e->test, "the app's shader", TUFF_OK, status, &error)) return VK_NULL_HANDLE;
    VkShaderModuleCreateInfo code = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = words * 4, .pCode = spirv};
    VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                  .pName = "main"},
                                        .layout = e->layout};
    VkPipeline made = VK_NULL_HANDLE;
    VkResult result = vk->vkCreateShaderModule(e->app->device, &code, NULL, &info.stage.module);
    if (result == VK_SUCCESS) {
        result = vk->vkCreateComputePipelines(e->app->device, VK_NULL_HANDLE, 1, &info, NULL, &made);
        vk->vkDestroyShaderModule(e->app->device, info.stage.module, NULL);
    }
    tuff_free(e->test->context, spirv);
    backend_check(e->test, result == VK_SUCCESS, "the app's pipeline: %d", (int)result);
    return made;
}

static void make_layouts(struct exchange *e)
{
    struct VolkDeviceTable *vk = &e->app->vk;
    VkDescriptorSetLayoutBinding bindings[3];
    for (uint32_t i = 0; i < 3; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT,
                                                     NULL};
    VkDescriptorSetLayoutCreateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = 3, .pBindings = bindings};
    VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, 8};
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                         .setLayoutCount = 1,
                                         .pSetLayouts = &e->set_layout,
                                         .pushConstantRangeCount = 1,
                                         .pPushConstantRanges = &push};
    VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 3 * SETS};
    VkDescriptorPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = SETS, .poolSizeCount = 1, .pPoolSizes = &size};
    bool made = vk->vkCreateDescriptorSetLayout(e->app->device, &set, NULL, &e->set_layout) == VK_SUCCESS &&
                vk->vkCreatePipelineLayout(e->app->device, &layout, NULL, &e->layout) == VK_SUCCESS &&
                vk->vkCreateDescriptorPool(e->app->device, &pool, NULL, &e->descriptors) == VK_SUCCESS;
    backend_check(e->test, made, "the app's layouts: failed");
}

/* The app's shaders bind what the executable tells, for the set of inputs that the next run reads. */
static void bind_ranges(struct exchange *e, uint32_t set)
{
    struct tuff_vulkan_range range[3] = {0};
    struct tuff_error error = {0};
    backend_status(e->test, "input", TUFF_OK, tuff_executable_input_buffer(e->run, "x", &range[0], &error), &error);
    backend_status(e->test, "output", TUFF_OK, tuff_executable_output_buffer(e->run, "output0", &range[1], &error), &error);
    range[2].buffer = tuff_vulkan_buffer(e->taken, &range[2].bytes);
    backend_check(e->test, range[0].bytes == PICTURE * 4 && range[1].bytes == RESULT * 4 && range[0].offset % 256 == 0,
                  "ranges: expected %d and %d bytes, got %llu and %llu at %llu", PICTURE * 4, RESULT * 4,
                  (unsigned long long)range[0].bytes, (unsigned long long)range[1].bytes,
                  (unsigned long long)range[0].offset);
    VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                        .descriptorPool = e->descriptors,
                                        .descriptorSetCount = 1,
                                        .pSetLayouts = &e->set_layout};
    VkResult result = e->app->vk.vkAllocateDescriptorSets(e->app->device, &info, &e->sets[set]);
    if (!backend_check(e->test, result == VK_SUCCESS, "the app's descriptors: %d", (int)result)) return;
    for (uint32_t i = 0; i < 3; i++) {
        VkDescriptorBufferInfo buffer = {range[i].buffer, range[i].offset, range[i].bytes};
        VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                      .dstSet = e->sets[set],
                                      .dstBinding = i,
                                      .descriptorCount = 1,
                                      .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                      .pBufferInfo = &buffer};
        e->app->vk.vkUpdateDescriptorSets(e->app->device, 1, &write, 0, NULL);
    }
}

/* One of the app's shaders for a round on the app's own queue: behind `wait`, before `signal` (NULL: none), values of timelines. */
static void app_runs(struct exchange *e, VkPipeline pipeline, uint32_t round, VkSemaphore wait, uint64_t wait_value,
                     VkSemaphore signal, uint64_t signal_value, VkFence fence)
{
    struct VolkDeviceTable *vk = &e->app->vk;
    const uint32_t push[2] = {round, pipeline == e->render ? PICTURE : RESULT};
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
    VkCommandBuffer commands = import_app_begin(e->app, e->pool);
    VkTimelineSemaphoreSubmitInfo values = {.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                            .waitSemaphoreValueCount = wait != VK_NULL_HANDLE,
                                            .pWaitSemaphoreValues = &wait_value,
                                            .signalSemaphoreValueCount = signal != VK_NULL_HANDLE,
                                            .pSignalSemaphoreValues = &signal_value};
    VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                         .pNext = e->timeline ? &values : NULL,
                         .waitSemaphoreCount = values.waitSemaphoreValueCount,
                         .pWaitSemaphores = &wait,
                         .pWaitDstStageMask = &stage,
                         .commandBufferCount = 1,
                         .pCommandBuffers = &commands,
                         .signalSemaphoreCount = values.signalSemaphoreValueCount,
                         .pSignalSemaphores = &signal};
    if (!backend_check(e->test, commands != NULL, "the app's commands: failed")) return;
    vk->vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vk->vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, e->layout, 0, 1, &e->sets[round % SETS], 0, NULL);
    vk->vkCmdPushConstants(commands, e->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push, push);
    vk->vkCmdDispatch(commands, (push[1] + 63) / 64, 1, 1);
    import_app_barrier(e->app, commands, VK_ACCESS_SHADER_WRITE_BIT, VK_ACCESS_HOST_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT);
    VkResult result = vk->vkEndCommandBuffer(commands);
    e->app->params.lock_queue(e->app, e->app->params.queue_family, 0);
    if (result == VK_SUCCESS) result = vk->vkQueueSubmit(e->app->own_queue, 1, &info, fence);
    e->app->params.unlock_queue(e->app, e->app->params.queue_family, 0);
    backend_check(e->test, result == VK_SUCCESS, "the app's submission: %d", (int)result);
}

/* ---- the exchange ---- */

static bool start(struct exchange *e)
{
    struct tuff_error error = {0};
    if (tuff_graph_create(e->test->context, &e->graph, &error) != TUFF_OK) return false;
    e->x = tuff_input(e->graph, "x", TUFF_F32, TUFF_SHAPE(1, CHANNELS, SIDE, SIDE));
    e->scale = tuff_input(e->graph, "scale", TUFF_F32, TUFF_SHAPE(1));
    const struct tuff_layer_conv2d_params conv = {.channels = FEATURES, .kernel = {3, 3}, .same = true};
    tuff_val y = tuff_mul(e->graph, tuff_relu(e->graph, tuff_layer_conv2d(e->graph, e->x, "conv", conv)), e->scale);
    const struct tuff_session_params seeded = {.struct_size = sizeof seeded, .seed = 3};
    const struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = &y, .output_count = 1, .input_sets = SETS};
    tuff_status status = tuff_session_create(e->test->device, e->graph, &seeded, &e->session, &error);
    if (status == TUFF_OK) status = tuff_session_compile(e->session, &params, &e->run, &error);
    if (status == TUFF_OK)
        status = tuff_buffer_create(e->test->device, (ROUNDS + 1) * RESULT * 4, true, "taken", &e->taken, &error);
    if (!backend_status(e->test, "session", TUFF_OK, status, &error)) return false;
    e->timeline = tuff_vulkan_timeline(e->test->device) != VK_NULL_HANDLE;
    for (int i = 0; i < (e->timeline ? 1 : ROUNDS); i++) {
        e->rendered[i] = make_semaphore(e);
        e->computed[i] = make_semaphore(e);
    }
    e->pool = import_app_pool(e->app);
    make_layouts(e);
    e->render = make_pipeline(e, "#define RENDER\n");
    e->take = make_pipeline(e, "");
    return e->render && e->take && e->pool;
}

static void finish(struct exchange *e)
{
    struct VolkDeviceTable *vk = &e->app->vk;
    tuff_executable_destroy(e->run);
    tuff_session_destroy(e->session);
    tuff_graph_destroy(e->graph);
    tuff_buffer_release(e->taken);
    for (int i = 0; i < ROUNDS; i++) {
        vk->vkDestroySemaphore(e->app->device, e->rendered[i], NULL);
        vk->vkDestroySemaphore(e->app->device, e->computed[i], NULL);
    }
    vk->vkDestroyPipeline(e->app->device, e->render, NULL);
    vk->vkDestroyPipeline(e->app->device, e->take, NULL);
    vk->vkDestroyPipelineLayout(e->app->device, e->layout, NULL);
    vk->vkDestroyDescriptorSetLayout(e->app->device, e->set_layout, NULL);
    vk->vkDestroyDescriptorPool(e->app->device, e->descriptors, NULL);
    vk->vkDestroyCommandPool(e->app->device, e->pool, NULL);
}

/* The app's queue is in order, and takes the result of a round before it renders the next: so what Tuff waits for also says that its last
 * output is taken, and what the app waits for, that an input is free for its next round but one. */
static void one_round(struct exchange *e, uint32_t round)
{
    struct tuff_device *device = e->test->device;
    struct tuff_error error = {0};
    uint32_t n = e->timeline ? 0 : round;
    uint64_t value = e->timeline ? round + 1 : 0, ticket = 0;
    bool tickets = e->timeline && round % 2; /* Tuff's own semaphore serves as well as one of the app's */
    app_runs(e, e->render, round, VK_NULL_HANDLE, 0, e->rendered[n], value, VK_NULL_HANDLE);
    backend_status(e->test, "wait", TUFF_OK, tuff_vulkan_wait(device, e->rendered[n], value, NULL, &error), &error);
    backend_status(e->test, "submit", TUFF_OK, tuff_executable_submit(e->run, &ticket, &error), &error);
    if (!tickets)
        backend_status(e->test, "signal", TUFF_OK, tuff_vulkan_signal(device, e->computed[n], value, NULL, &error), &error);
    app_runs(e, e->take, round, tickets ? tuff_vulkan_timeline(device) : e->computed[n], tickets ? ticket : value,
             VK_NULL_HANDLE, 0, VK_NULL_HANDLE);
}

static void write_scale(struct exchange *e, uint32_t round)
{
    const float scale = (float)(1 + round % SETS);
    struct tuff_error error = {0};
    backend_status(e->test, "scale", TUFF_OK, tuff_executable_write(e->run, e->scale, &scale, sizeof scale, &error), &error);
}

/* Through the host, which writes the same pictures and reads. */
static void compare(struct exchange *e)
{
    static float x[PICTURE], y[RESULT], taken[(ROUNDS + 1) * RESULT];
    struct tuff_error error = {0};
    backend_status(e->test, "taken", TUFF_OK, tuff_buffer_read(e->taken, 0, taken, sizeof taken, &error), &error);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t nonzero = 0, wrong = 0;
        for (uint32_t i = 0; i < PICTURE; i++) x[i] = picture_at(round, i);
        write_scale(e, round);
        backend_status(e->test, "write", TUFF_OK, tuff_executable_write(e->run, e->x, x, sizeof x, &error), &error);
        backend_status(e->test, "run", TUFF_OK, tuff_executable_run(e->run, &error), &error);
        backend_status(e->test, "read", TUFF_OK, tuff_executable_read(e->run, 0, y, sizeof y, &error), &error);
        for (uint32_t i = 0; i < RESULT; i++) {
            nonzero += y[i] != 0;
            wrong += memcmp(&y[i], &taken[round * RESULT + i], sizeof y[i]) != 0;
        }
        backend_check(e->test, nonzero > RESULT / 8 && !wrong, "round %u: %u of %d elements differ, %u are not 0", round,
                      wrong, RESULT, nonzero);
    }
    const float *again = &taken[ROUNDS * RESULT]; /* the gate's: that set's last picture */
    backend_check(e->test, !e->timeline || !memcmp(again, again - SETS * RESULT, RESULT * sizeof *again),
                  "behind the gate: other numbers than those of the same picture");
}

static void refused(struct exchange *e, const char *what, tuff_status status, const struct tuff_error *error,
                    const char *sentence)
{
    backend_check(e->test, status == TUFF_ERR_USAGE && strstr(error->message, sentence),
                  "%s: expected USAGE, '%s', got %s, '%s'", what, sentence, tuff_status_name(status),
                  status ? error->message : "");
}

static void check_errors(struct exchange *e)
{
    struct tuff_vulkan_range range;
    struct tuff_error error = {0};
    e->test->quiet = true;
    refused(e, "never asked for", tuff_executable_run(e->run, &error), &error,
            "input 'x' f32 [1, 3, 24, 24] was never written");
    refused(e, "no input", tuff_executable_input_buffer(e->run, "y", &range, &error), &error,
            "no 'y' to write: no input that its outputs need has this name");
    refused(e, "a parameter", tuff_executable_input_buffer(e->run, "conv.weight", &range, &error), &error,
            "no 'conv.weight'");
    refused(e, "an input read", tuff_executable_output_buffer(e->run, "x", &range, &error), &error,
            "no 'x' to read: no output of it has this name");
    refused(e, "NULL", tuff_executable_input_buffer(e->run, "x", NULL, &error), &error, "range");
    refused(e, "no semaphore", tuff_vulkan_wait(e->test->device, VK_NULL_HANDLE, 1, NULL, &error), &error, "VK_NULL_HANDLE");
    refused(e, "no semaphore", tuff_vulkan_signal(e->test->device, VK_NULL_HANDLE, 1, NULL, &error), &error,
            "VK_NULL_HANDLE");
    e->test->quiet = false;
}

/* Nobody waits on the host: a run stands behind a value that nothing has been submitted to signal, and the app's shader behind the run. */
static void check_gate(struct exchange *e)
{
    struct VolkDeviceTable *vk = &e->app->vk;
    struct tuff_device *device = e->test->device;
    struct tuff_error error = {0};
    uint64_t ticket = 0;
    VkFence fence = VK_NULL_HANDLE;
    VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkSemaphore gate = make_semaphore(e);
    VkSemaphoreSignalInfo open = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO, .semaphore = gate, .value = 5};
    PFN_vkSignalSemaphore signal = vk->vkSignalSemaphore ? vk->vkSignalSemaphore : vk->vkSignalSemaphoreKHR;
    backend_check(e->test, vk->vkCreateFence(e->app->device, &info, NULL, &fence) == VK_SUCCESS, "fence: failed");
    backend_status(e->test, "gate", TUFF_OK, tuff_vulkan_wait(device, gate, 5, NULL, &error), &error);
    backend_status(e->test, "submit", TUFF_OK, tuff_executable_submit(e->run, &ticket, &error), &error);
    app_runs(e, e->take, ROUNDS, tuff_vulkan_timeline(device), ticket, VK_NULL_HANDLE, 0, fence);
    backend_check(e->test, !tuff_device_done(device, ticket) && vk->vkGetFenceStatus(e->app->device, fence) == VK_NOT_READY,
                  "before the gate: expected that nothing ran");
    e->test->quiet = true;
    backend_status(e->test, "before the gate", TUFF_ERR_TIMEOUT, tuff_device_wait(device, ticket, 1000, &error), &error);
    e->test->quiet = false;
    backend_check(e->test, signal(e->app->device, &open) == VK_SUCCESS, "vkSignalSemaphore: failed");
    backend_status(e->test, "behind the gate", TUFF_OK, tuff_device_wait(device, ticket, UINT64_MAX, &error), &error);
    backend_check(e->test, vk->vkWaitForFences(e->app->device, 1, &fence, VK_TRUE, UINT64_MAX) == VK_SUCCESS,
                  "the app's fence");
    vk->vkDestroyFence(e->app->device, fence, NULL);
    vk->vkDestroySemaphore(e->app->device, gate, NULL);
}

static void exchange(struct exchange *e)
{
    struct tuff_error error = {0};
    write_scale(e, 0);
    check_errors(e);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if (round && round < SETS) write_scale(e, round);
        if (round < SETS) bind_ranges(e, round);
        one_round(e, round);
    }
    if (e->timeline) check_gate(e);
    backend_check(e->test, e->app->vk.vkQueueWaitIdle(e->app->own_queue) == VK_SUCCESS, "the app's queue: failed");
    compare(e);
    backend_status(e->test, "NULL", TUFF_ERR_USAGE, tuff_vulkan_wait(NULL, e->rendered[0], 1, NULL, &error), &error);
}

/* On a device of the app's own, with all that it has or within limits. Returns main's status. */
static int exchange_within(const char *limits)
{
    struct tuff_options options = {.struct_size = sizeof options, .limits = limits};
    struct backend_test test;
    struct import_app app;
    struct tuff_error error = {0};
    int status = backend_test_begin(&test, &options);
    if (status) return status;
    tuff_device_release(test.device);
    test.device = NULL;
    if (backend_check(&test, import_app_create(&app, test.context, true, &error), "the app's device: %s", error.message) &&
        backend_status(&test, "import", TUFF_OK, tuff_device_import(test.context, &app.params, &test.device, &error),
                       &error)) {
        struct exchange e = {.test = &test, .app = &app};
        if (start(&e)) exchange(&e);
        backend_check(&test, !limits || !e.timeline, "expected no timeline within %s", limits ? limits : "");
        printf("%s semaphores, %s queue\n", e.timeline ? "timeline" : "binary",
               app.own_queue == app.queue ? "one" : "the app's own");
        finish(&e);
        tuff_device_release(test.device);
        test.device = NULL;
    }
    import_app_destroy(&app, &test);
    return backend_test_end(&test, limits ? limits : "session_vulkan");
}

int main(void)
{
    if (!tuff_glslang()) {
        printf("skipped: the app's shader needs a shader compiler\n");
        return 77;
    }
    int whole = exchange_within(NULL), fences = exchange_within("no-timeline");
    return whole ? whole : fences;
}
