/* app.c - a Vulkan app that links Tuff, on public headers alone; built and run by install_consumer.sh, with its own volk
 * (OWN_VOLK) or beside -lvulkan. A thread of the app works with its device by the global vk* functions while Tuff trains: on a
 * device of Tuff's own, then on the app's, whose queue both sides use under the lock callbacks. */
#if OWN_VOLK
#include <volk.c>
#else
#include <vulkan/vulkan.h>
#endif

#include <tuff/tuff.h>
#include <tuff/vulkan.h>

#include <pthread.h>
#include <stdio.h>

#define WORDS 1024u
#define VK(call)                                                                                                            \
    if ((call) != VK_SUCCESS) return fprintf(stderr, "%s failed\n", #call), 1

struct app {
    VkInstance instance;
    VkPhysicalDevice gpu;
    VkDevice device;
    VkQueue queue;
    uint32_t family;
    VkBuffer buffer;
    VkDeviceMemory memory;
    const uint32_t *words; /* of the buffer */
    VkCommandPool pool;
    VkFence fence;
    pthread_mutex_t lock; /* of the queue, and of stop */
    int stop;
    unsigned rounds, wrong;
};

static int skip(const char *why)
{
    puts(why);
    return 77;
}

static int open_device(struct app *app)
{
    const float priority = 1;
    uint32_t count = 1;
    VkQueueFamilyProperties families[16];
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_1};
    VkInstanceCreateInfo instance = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
#if OWN_VOLK
    if (volkInitialize() != VK_SUCCESS) return skip("skipped: there is no Vulkan loader");
#endif
    if (vkCreateInstance(&instance, NULL, &app->instance) != VK_SUCCESS) return skip("skipped: no Vulkan driver");
#if OWN_VOLK
    volkLoadInstance(app->instance);
#endif
    if (vkEnumeratePhysicalDevices(app->instance, &count, &app->gpu) < 0 || !count) return skip("skipped: no device");
    count = 16;
    vkGetPhysicalDeviceQueueFamilyProperties(app->gpu, &count, families);
    while (app->family < count && !(families[app->family].queueFlags & VK_QUEUE_COMPUTE_BIT)) app->family++;
    if (app->family == count) return skip("skipped: no queue that computes");
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = app->family,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo device = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, .queueCreateInfoCount = 1, .pQueueCreateInfos = &queue};
    VK(vkCreateDevice(app->gpu, &device, NULL, &app->device));
#if OWN_VOLK
    volkLoadDevice(app->device); /* the global functions are those of this device from here on */
#endif
    vkGetDeviceQueue(app->device, app->family, 0, &app->queue);
    return 0;
}

static int make_work(struct app *app)
{
    const VkMemoryPropertyFlags wanted = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkPhysicalDeviceMemoryProperties memory;
    VkMemoryRequirements needs;
    void *words;
    VkBufferCreateInfo buffer = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = WORDS * 4, .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, .queueFamilyIndex = app->family};
    VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VK(vkCreateBuffer(app->device, &buffer, NULL, &app->buffer));
    vkGetBufferMemoryRequirements(app->device, app->buffer, &needs);
    vkGetPhysicalDeviceMemoryProperties(app->gpu, &memory);
    VkMemoryAllocateInfo allocation = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .allocationSize = needs.size};
    while (!(needs.memoryTypeBits >> allocation.memoryTypeIndex & 1) ||
           (memory.memoryTypes[allocation.memoryTypeIndex].propertyFlags & wanted) != wanted)
        if (++allocation.memoryTypeIndex == memory.memoryTypeCount) return 1;
    VK(vkAllocateMemory(app->device, &allocation, NULL, &app->memory));
    VK(vkBindBufferMemory(app->device, app->buffer, app->memory, 0));
    VK(vkMapMemory(app->device, app->memory, 0, WORDS * 4, 0, &words));
    app->words = words;
    VK(vkCreateCommandPool(app->device, &pool, NULL, &app->pool));
    VK(vkCreateFence(app->device, &fence, NULL, &app->fence));
    return 0;
}

/* Fills the buffer with a number by the device and looks at it. */
static int fill(struct app *app, uint32_t word)
{
    VkCommandBuffer commands;
    VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                        .commandPool = app->pool,
                                        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                        .commandBufferCount = 1};
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    VK(vkAllocateCommandBuffers(app->device, &info, &commands));
    VK(vkBeginCommandBuffer(commands, &begin));
    vkCmdFillBuffer(commands, app->buffer, 0, VK_WHOLE_SIZE, word);
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL, 0,
                         NULL);
    VK(vkEndCommandBuffer(commands));
    VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands};
    pthread_mutex_lock(&app->lock);
    VkResult submitted = vkQueueSubmit(app->queue, 1, &submit, app->fence);
    pthread_mutex_unlock(&app->lock);
    VK(submitted);
    VK(vkWaitForFences(app->device, 1, &app->fence, VK_TRUE, UINT64_MAX));
    VK(vkResetFences(app->device, 1, &app->fence));
    vkFreeCommandBuffers(app->device, app->pool, 1, &commands);
    for (uint32_t i = 0; i < WORDS; i++)
        if (app->words[i] != word) return 1;
    return 0;
}

static void *work(void *argument)
{
    struct app *app = argument;
    for (int stop = 0; !stop;) {
        app->rounds++;
        if (fill(app, app->rounds)) app->wrong++;
        pthread_mutex_lock(&app->lock);
        stop = app->stop;
        pthread_mutex_unlock(&app->lock);
    }
    return NULL;
}

static void lock_queue(void *user, uint32_t family, uint32_t index)
{
    (void)family, (void)index;
    pthread_mutex_lock(&((struct app *)user)->lock);
}

static void unlock_queue(void *user, uint32_t family, uint32_t index)
{
    (void)family, (void)index;
    pthread_mutex_unlock(&((struct app *)user)->lock);
}

static tuff_val network(struct tuff_graph *g, tuff_val x, bool training, void *user)
{
    (void)training, (void)user;
    x = tuff_sigmoid(g, tuff_layer_dense(g, x, "hidden", (struct tuff_layer_dense_params){.units = 8}));
    return tuff_sigmoid(g, tuff_layer_dense(g, x, "output", (struct tuff_layer_dense_params){.units = 1}));
}

static void network_model(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    tuff_val y = network(g, n->fields[0], n->training, user);
    tuff_network_regress(g, n, y, n->fields[1]);
}

/* Exclusive or, as docs/examples/sigmoid.c. 0 where it is learnt. */
static int train(struct tuff_device *device, const char *what)
{
    static const float x[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, targets[4] = {0, 1, 1, 0};
    struct tuff_error error = {0};
    struct tuff_model *model = NULL;
    float y[4] = {0};
    struct tuff_model_params declared = {.struct_size = sizeof declared,
                                         .build = network_model,
                                         .fields = {TUFF_FIELD("x", TUFF_F32, 2), TUFF_ANSWER("targets", TUFF_F32, 1)},
                                         .batch = 4};
    struct tuff_fit_params fit = {
        .struct_size = sizeof fit, .optimizer = tuff_optimizer_defaults(TUFF_SGD, 4), .epochs = 700};
    tuff_status status = tuff_model_create(device, &declared, &model, &error);
    if (!status) status = tuff_model_fit(model, &(struct tuff_data){.count = 4, .fields = {x, targets}}, &fit, &error);
    if (!status) status = tuff_model_predict(model, &(struct tuff_data){.count = 4, .fields = {x}}, (void *[]){y}, &error);
    tuff_model_destroy(model);
    printf("%s, %s: %.3f %.3f %.3f %.3f%s\n", what, tuff_device_caps(device)->name, (double)y[0], (double)y[1], (double)y[2],
           (double)y[3], error.message);
    return status || y[0] > 0.1f || y[1] < 0.9f || y[2] < 0.9f || y[3] > 0.1f;
}

static int run_tuff(struct app *app)
{
    struct tuff_error error = {0};
    struct tuff_context *context = NULL;
    struct tuff_device *own = NULL, *imported = NULL;
    struct tuff_import_params params = {.struct_size = sizeof params,
                                        .instance = app->instance,
                                        .physical_device = app->gpu,
                                        .device = app->device,
                                        .queue = app->queue,
                                        .queue_family = app->family,
                                        .api_version = VK_API_VERSION_1_1,
                                        .get_instance_proc_addr = vkGetInstanceProcAddr,
                                        .lock_queue = lock_queue,
                                        .unlock_queue = unlock_queue,
                                        .user = app};
    int failed = tuff_context_create(NULL, &context, &error) || tuff_device_create(context, NULL, &own, &error) ||
                 tuff_device_import(context, &params, &imported, &error);
    if (failed)
        fprintf(stderr, "%s\n", error.message);
    else
        failed = train(own, "Tuff's device") | train(imported, "the app's device");
    tuff_device_release(own);
    tuff_device_release(imported);
    tuff_context_destroy(context);
    return failed;
}

int main(void)
{
    struct app app = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    int failed = open_device(&app);
    if (failed || (failed = make_work(&app)) || pthread_create(&thread, NULL, work, &app)) return failed ? failed : 1;
    failed = run_tuff(&app);
    pthread_mutex_lock(&app.lock);
    app.stop = 1;
    pthread_mutex_unlock(&app.lock);
    pthread_join(thread, NULL);
    printf("the app's own rounds meanwhile: %u, %u of them wrong\n", app.rounds, app.wrong);
    vkDestroyFence(app.device, app.fence, NULL);
    vkDestroyCommandPool(app.device, app.pool, NULL);
    vkFreeMemory(app.device, app.memory, NULL);
    vkDestroyBuffer(app.device, app.buffer, NULL);
    vkDestroyDevice(app.device, NULL);
    vkDestroyInstance(app.instance, NULL);
    return failed || app.wrong || app.rounds < 2;
}
