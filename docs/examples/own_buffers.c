/* An app's own buffers: a compute shader of the app draws a disc straight into a network's input, the network finds its edge, and the app
 * copies the result on its own queue. Semaphores order the two on the device; the host waits once, at the end. Links the Vulkan loader. */
#include <stdio.h>
#include <stdlib.h>
#include <tuff/tuff.h>
#include <tuff/vulkan.h>
#include <vulkan/vulkan.h>
#define TRY(call) if (call) return fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message), 1
#define VK(call) if ((call) != VK_SUCCESS) return fprintf(stderr, "%s failed\n", #call), 1

enum { SIDE = 24, FRAMES = 8 };

static const char shader[] = "#version 450\n"
    "layout(local_size_x = 8, local_size_y = 8) in;\n"
    "layout(push_constant) uniform Push { float x; };\n"
    "layout(std430, binding = 0) writeonly buffer Picture { float picture[24][24]; };\n"
    "void main() {\n"
    "    uvec2 at = gl_GlobalInvocationID.xy;\n"
    "    picture[at.y][at.x] = distance(vec2(at), vec2(x, 11.5)) < 7.0 ? 1.0 : 0.0;\n"
    "}\n";

/* The app's device. The shader is compiled here; an app ships SPIR-V. */
struct app {
    VkInstance instance;
    VkPhysicalDevice gpu;
    VkDevice device;
    VkQueue queue;
    uint32_t family;
    VkPhysicalDeviceVulkan12Features timelines; /* what it enables */
    VkPhysicalDeviceFeatures2 features;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    VkDescriptorPool descriptors;
    VkCommandPool pool;
    VkSemaphore drawn; /* frame + 1: its picture is there */
};

static int open_app(struct app *a)
{
    const float priority = 1;
    uint32_t one = 1, count = 16;
    VkQueueFamilyProperties families[16];
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_2};
    VkInstanceCreateInfo instance = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
    a->timelines = (VkPhysicalDeviceVulkan12Features){.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .timelineSemaphore = VK_TRUE};
    a->features = (VkPhysicalDeviceFeatures2){.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &a->timelines};
    if (vkCreateInstance(&instance, NULL, &a->instance) != VK_SUCCESS || vkEnumeratePhysicalDevices(a->instance, &one, &a->gpu) < 0 || !one)
        return printf("TUFF_ERR_NO_DEVICE: no Vulkan device\n"), 1;
    vkGetPhysicalDeviceQueueFamilyProperties(a->gpu, &count, families);
    while (a->family + 1 < count && !(families[a->family].queueFlags & VK_QUEUE_COMPUTE_BIT)) a->family++;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueFamilyIndex = a->family, .queueCount = 1, .pQueuePriorities = &priority};
    VkDeviceCreateInfo device = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, .pNext = &a->features, .queueCreateInfoCount = 1, .pQueueCreateInfos = &queue};
    if (vkCreateDevice(a->gpu, &device, NULL, &a->device) != VK_SUCCESS)
        return printf("TUFF_ERR_NO_DEVICE: the device has no timeline semaphores\n"), 1;
    vkGetDeviceQueue(a->device, a->family, 0, &a->queue);
    return 0;
}

static int make_pipeline(struct app *a, struct tuff_context *context)
{
    const struct tuff_compiler *compiler = tuff_glslang();
    struct tuff_error error = {0};
    uint32_t *spirv = NULL;
    size_t words = 0;
    if (!compiler) return printf("need a shader compiler\n"), 1;
    TRY(compiler->compile(compiler->user, context, "disc.comp", shader, "", &spirv, &words, &error));
    VkDescriptorSetLayoutBinding binding = {0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    VkDescriptorSetLayoutCreateInfo set = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = 1, .pBindings = &binding};
    VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(float)};
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO, .setLayoutCount = 1, .pSetLayouts = &a->set_layout,
                                         .pushConstantRangeCount = 1, .pPushConstantRanges = &push};
    VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = words * 4, .pCode = spirv};
    VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1};
    VkDescriptorPoolCreateInfo descriptors = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = 1, .poolSizeCount = 1, .pPoolSizes = &size};
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, .queueFamilyIndex = a->family};
    VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO, .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    VkSemaphoreCreateInfo semaphore = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    VK(vkCreateDescriptorSetLayout(a->device, &set, NULL, &a->set_layout));
    VK(vkCreatePipelineLayout(a->device, &layout, NULL, &a->layout));
    VkComputePipelineCreateInfo pipeline = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO, .layout = a->layout,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO, .stage = VK_SHADER_STAGE_COMPUTE_BIT, .pName = "main"}};
    VK(vkCreateShaderModule(a->device, &code, NULL, &pipeline.stage.module));
    VK(vkCreateComputePipelines(a->device, VK_NULL_HANDLE, 1, &pipeline, NULL, &a->pipeline));
    vkDestroyShaderModule(a->device, pipeline.stage.module, NULL);
    free(spirv); /* of the context's allocator, which is malloc unless one was given */
    VK(vkCreateDescriptorPool(a->device, &descriptors, NULL, &a->descriptors));
    VK(vkCreateCommandPool(a->device, &pool, NULL, &a->pool));
    VK(vkCreateSemaphore(a->device, &semaphore, NULL, &a->drawn));
    return 0;
}

static void close_app(struct app *a)
{
    vkDestroySemaphore(a->device, a->drawn, NULL);
    vkDestroyCommandPool(a->device, a->pool, NULL);
    vkDestroyDescriptorPool(a->device, a->descriptors, NULL);
    vkDestroyPipeline(a->device, a->pipeline, NULL);
    vkDestroyPipelineLayout(a->device, a->layout, NULL);
    vkDestroyDescriptorSetLayout(a->device, a->set_layout, NULL);
    vkDestroyDevice(a->device, NULL);
    vkDestroyInstance(a->instance, NULL);
}

/* y = x where one of the four neighbours is 0, else 0 */
static int make_network(struct tuff_device *device, struct tuff_graph **graph, struct tuff_session **session, struct tuff_executable **run)
{
    static const float cross[9] = {0, 1, 0, 1, 0, 1, 0, 1, 0};
    const struct tuff_type kernel = {TUFF_F32, TUFF_SHAPE(1, 1, 3, 3)};
    struct tuff_error error = {0};
    TRY(tuff_graph_create(tuff_device_context(device), graph, &error));
    tuff_val x = tuff_input(*graph, "x", TUFF_F32, TUFF_SHAPE(1, 1, SIDE, SIDE)), four = tuff_scalar(*graph, 4);
    tuff_val around = tuff_conv2d(*graph, x, tuff_constant(*graph, kernel, cross), 0, (struct tuff_conv2d_params){.pad = {1, 1, 1, 1}});
    tuff_val y = tuff_mul(*graph, x, tuff_minimum(*graph, tuff_scalar(*graph, 1), tuff_sub(*graph, four, around)));
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = &y, .output_count = 1};
    TRY(tuff_session_create(device, *graph, NULL, session, &error));
    TRY(tuff_session_compile(*session, &params, run, &error));
    return 0;
}

static int begin(struct app *a, VkCommandBuffer *commands)
{
    VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, .commandPool = a->pool, .commandBufferCount = 1};
    VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VK(vkAllocateCommandBuffers(a->device, &allocate, commands));
    VK(vkBeginCommandBuffer(*commands, &info));
    return 0;
}

/* Behind one value of a timeline, before another. NULL: none. */
static int submit(struct app *a, VkCommandBuffer commands, VkSemaphore wait, uint64_t waited, VkSemaphore signal, uint64_t signalled)
{
    const VkPipelineStageFlags all = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    VkTimelineSemaphoreSubmitInfo values = {.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                            .waitSemaphoreValueCount = wait != VK_NULL_HANDLE, .pWaitSemaphoreValues = &waited,
                                            .signalSemaphoreValueCount = signal != VK_NULL_HANDLE, .pSignalSemaphoreValues = &signalled};
    VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .pNext = &values, .commandBufferCount = 1, .pCommandBuffers = &commands,
                         .waitSemaphoreCount = values.waitSemaphoreValueCount, .pWaitSemaphores = &wait, .pWaitDstStageMask = &all,
                         .signalSemaphoreCount = values.signalSemaphoreValueCount, .pSignalSemaphores = &signal};
    VK(vkEndCommandBuffer(commands));
    VK(vkQueueSubmit(a->queue, 1, &info, VK_NULL_HANDLE));
    return 0;
}

/* The queue comes to this behind the last frame's copy, which waited for the run that read the last picture. */
static int draw(struct app *a, VkDescriptorSet picture, uint32_t frame)
{
    VkCommandBuffer commands;
    const float x = 8 + (float)frame;
    if (begin(a, &commands)) return 1;
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, a->pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, a->layout, 0, 1, &picture, 0, NULL);
    vkCmdPushConstants(commands, a->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof x, &x);
    vkCmdDispatch(commands, SIDE / 8, SIDE / 8, 1);
    return submit(a, commands, VK_NULL_HANDLE, 0, a->drawn, frame + 1);
}

static int copy(struct app *a, struct tuff_vulkan_range y, VkBuffer to, uint32_t frame, VkSemaphore timeline, uint64_t ticket)
{
    VkCommandBuffer commands;
    const VkBufferCopy region = {y.offset, frame * y.bytes, y.bytes};
    VkMemoryBarrier shown = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                             .dstAccessMask = VK_ACCESS_HOST_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT};
    if (begin(a, &commands)) return 1;
    vkCmdCopyBuffer(commands, y.buffer, to, 1, &region);
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1, &shown,
                         0, NULL, 0, NULL);
    return submit(a, commands, timeline, ticket, VK_NULL_HANDLE, 0);
}

static int run_frames(struct app *a, struct tuff_device *device, struct tuff_executable *run, struct tuff_buffer *seen)
{
    struct tuff_vulkan_range x, y;
    struct tuff_error error = {0};
    VkDescriptorSet picture;
    TRY(tuff_executable_input_buffer(run, "x", &x, &error)); /* from now on the app writes it */
    TRY(tuff_executable_output_buffer(run, "output0", &y, &error));
    VkDescriptorSetAllocateInfo set = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO, .descriptorPool = a->descriptors,
                                       .descriptorSetCount = 1, .pSetLayouts = &a->set_layout};
    VK(vkAllocateDescriptorSets(a->device, &set, &picture));
    VkDescriptorBufferInfo bound = {x.buffer, x.offset, x.bytes};
    VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, .dstSet = picture, .descriptorCount = 1,
                                  .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .pBufferInfo = &bound};
    vkUpdateDescriptorSets(a->device, 1, &write, 0, NULL);
    for (uint32_t frame = 0; frame < FRAMES; frame++) {
        uint64_t ticket;
        if (draw(a, picture, frame)) return 1;
        TRY(tuff_vulkan_wait(device, a->drawn, frame + 1, NULL, &error)); /* Tuff for the app */
        TRY(tuff_executable_submit(run, &ticket, &error));
        if (copy(a, y, tuff_vulkan_buffer(seen, NULL), frame, tuff_vulkan_timeline(device), ticket)) return 1; /* the app for Tuff */
    }
    VK(vkQueueWaitIdle(a->queue));
    return 0;
}

int main(void)
{
    static float y[FRAMES][SIDE][SIDE];
    static struct app app;
    struct tuff_error error = {0};
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_graph *graph;
    struct tuff_session *session;
    struct tuff_executable *run;
    struct tuff_buffer *seen; /* any buffer of the app's would do */
    int on_edge = 0, wrong = 0;
    TRY(tuff_context_create(NULL, &context, &error));
    if (open_app(&app) || make_pipeline(&app, context)) return 1;
    struct tuff_import_params import = {.struct_size = sizeof import, .instance = app.instance, .physical_device = app.gpu, .device = app.device,
                                        .queue = app.queue, .queue_family = app.family, .api_version = VK_API_VERSION_1_2,
                                        .features = &app.features, .get_instance_proc_addr = vkGetInstanceProcAddr};
    TRY(tuff_device_import(context, &import, &device, &error));
    if (make_network(device, &graph, &session, &run)) return 1;
    TRY(tuff_buffer_create(device, sizeof y, true, "seen", &seen, &error));
    if (run_frames(&app, device, run, seen)) return 1;
    TRY(tuff_buffer_read(seen, 0, y, sizeof y, &error));
    for (int row = 0; row < SIDE; row++) {
        for (int column = 0; column < SIDE; column++) putchar(y[FRAMES - 1][row][column] > 0 ? '#' : '.');
        putchar('\n');
    }
    for (int frame = 0; frame < FRAMES; frame++)
        for (int i = 0; i < SIDE * SIDE; i++) {
            float across = (float)(i % SIDE - 8 - frame), down = (float)(i / SIDE) - 11.5f, square = across * across + down * down;
            on_edge += y[frame][i / SIDE][i % SIDE] == 1;
            wrong += y[frame][i / SIDE][i % SIDE] != 0 && (square > 7.0f * 7.0f || square < 5.5f * 5.5f);
        }
    printf("%d elements on the edges of %d discs, %d elsewhere\n", on_edge, FRAMES, wrong);
    tuff_buffer_release(seen);
    tuff_executable_destroy(run);
    tuff_session_destroy(session);
    tuff_graph_destroy(graph);
    tuff_device_release(device);
    close_app(&app);
    tuff_context_destroy(context);
    return on_edge > 100 && !wrong ? 0 : 1;
}
