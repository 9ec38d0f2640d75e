/* train_import.c - training on a device of the app's own while a thread of the app submits its own work to the same queue under
 * the lock callbacks: both come out right, and the trained bits are those of Tuff's own device. */
#include "tests/import_help.h"
#include "tests/train_help.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS 4096u

/* ---- the app's own work: fills one buffer, copies it to another, looks at that ---- */

struct app_work {
    struct import_app *app;
    VkBuffer buffers[2];
    VkDeviceMemory memory; /* of both, one after the other */
    VkMemoryRequirements needs;
    uint32_t *words; /* of the second */
    struct tuff_os_thread *thread;
    atomic_bool stop;
    atomic_uint rounds, wrong;
};

static bool create_work(struct app_work *work, struct import_app *app)
{
    struct VolkDeviceTable *vk = &app->vk;
    VkPhysicalDeviceMemoryProperties properties;
    const VkMemoryPropertyFlags wanted = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .size = WORDS * 4,
                               .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    work->app = app;
    for (int i = 0; i < 2; i++)
        if (vk->vkCreateBuffer(app->device, &info, NULL, &work->buffers[i]) != VK_SUCCESS) return false;
    vk->vkGetBufferMemoryRequirements(app->device, work->buffers[0], &work->needs);
    app->instance->GetPhysicalDeviceMemoryProperties(app->gpu, &properties);
    uint64_t second = (work->needs.size + work->needs.alignment - 1) / work->needs.alignment * work->needs.alignment;
    VkMemoryAllocateInfo allocation = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .allocationSize = second + work->needs.size};
    while (!(work->needs.memoryTypeBits >> allocation.memoryTypeIndex & 1) ||
           (properties.memoryTypes[allocation.memoryTypeIndex].propertyFlags & wanted) != wanted)
        if (++allocation.memoryTypeIndex == properties.memoryTypeCount) return false;
    if (vk->vkAllocateMemory(app->device, &allocation, NULL, &work->memory) != VK_SUCCESS) return false;
    for (int i = 0; i < 2; i++)
        if (vk->vkBindBufferMemory(app->device, work->buffers[i], work->memory, i ? second : 0) != VK_SUCCESS) return false;
    return vk->vkMapMemory(app->device, work->memory, second, WORDS * 4, 0, (void **)&work->words) == VK_SUCCESS;
}

static void destroy_work(struct app_work *work)
{
    struct import_app *app = work->app;
    for (int i = 0; i < 2; i++) app->vk.vkDestroyBuffer(app->device, work->buffers[i], NULL);
    app->vk.vkFreeMemory(app->device, work->memory, NULL);
}

static bool one_round(struct app_work *work, uint32_t word)
{
    struct import_app *app = work->app;
    const VkBufferCopy whole = {0, 0, WORDS * 4};
    VkCommandPool pool = import_app_pool(app);
    VkCommandBuffer commands = pool ? import_app_begin(app, pool) : NULL;
    bool right = commands != NULL;
    if (right) {
        app->vk.vkCmdFillBuffer(commands, work->buffers[0], 0, VK_WHOLE_SIZE, word);
        import_app_barrier(app, commands, VK_ACCESS_TRANSFER_WRITE_BIT, VK_ACCESS_TRANSFER_READ_BIT);
        app->vk.vkCmdCopyBuffer(commands, work->buffers[0], work->buffers[1], 1, &whole);
        import_app_barrier(app, commands, VK_ACCESS_TRANSFER_WRITE_BIT, VK_ACCESS_HOST_READ_BIT);
        right = import_app_submit(app, commands, true);
    }
    for (uint32_t i = 0; right && i < WORDS; i++) right = work->words[i] == word;
    app->vk.vkDestroyCommandPool(app->device, pool, NULL);
    return right;
}

static void app_thread(void *user)
{
    struct app_work *work = user;
    for (uint32_t word = 1; !atomic_load(&work->stop); word++) {
        if (!one_round(work, word)) atomic_fetch_add(&work->wrong, 1);
        atomic_fetch_add(&work->rounds, 1);
    }
}

/* ---- training ---- */

static bool train_once(struct backend_test *test, const char *what, struct train_content *content)
{
    struct train t = {.context = test->context, .device = test->device};
    struct tuff_error error = {0};
    struct tuff_metrics metrics = {0};
    tuff_status status = train_model(&t, &(struct train_params){.epochs = 8}, &error);
    if (status == TUFF_OK) status = train_fit(&t, &error);
    if (status == TUFF_OK) status = train_content(&t, content, &error);
    if (status == TUFF_OK) status = tuff_model_evaluate(t.model, &t.data, &metrics, &error);
    backend_status(test, what, TUFF_OK, status, &error);
    backend_check(test, tuff_metrics_get(&metrics, "accuracy") > 0.9, "%s: accuracy: expected above 0.9, got %g", what,
                  tuff_metrics_get(&metrics, "accuracy"));
    train_close_model(&t);
    return status == TUFF_OK;
}

static void train_beside_app(struct backend_test *test, struct import_app *app, struct train_content *content)
{
    struct app_work work = {0};
    struct tuff_error error = {0};
    if (!backend_status(test, "import", TUFF_OK, tuff_device_import(test->context, &app->params, &test->device, &error),
                        &error))
        return;
    if (backend_check(test, create_work(&work, app), "the app's buffers: failed") &&
        backend_check(test, tuff_os_thread_start(test->context, app_thread, &work, &work.thread) == TUFF_OK,
                      "the app's thread did not start")) {
        train_once(test, "the app's device", content);
        atomic_store(&work.stop, true);
        tuff_os_thread_join(work.thread);
        backend_check(test, atomic_load(&work.rounds) > 1 && !atomic_load(&work.wrong),
                      "the app's work: expected several rounds, all right, got %u, %u of them wrong",
                      atomic_load(&work.rounds), atomic_load(&work.wrong));
        printf("the app's own submissions meanwhile: %u\n", atomic_load(&work.rounds));
    }
    destroy_work(&work);
    backend_check(test, tuff_device_validation_messages(test->device) == 0, "validation: expected no message");
    tuff_device_release(test->device);
    test->device = NULL;
}

int main(void)
{
    struct backend_test test;
    struct import_app app;
    struct tuff_error error = {0};
    struct train_content own = {0}, imported = {0};
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    train_once(&test, "Tuff's own device", &own);
    backend_check(&test, tuff_device_validation_messages(test.device) == 0, "validation: expected no message");
    tuff_device_release(test.device);
    test.device = NULL;
    if (backend_check(&test, import_app_create(&app, test.context, true, &error), "the app's device: %s", error.message))
        train_beside_app(&test, &app, &imported);
    import_app_destroy(&app, &test);
    train_expect_same(&test, "the app's device and Tuff's own", &own, &imported);
    free(own.bytes);
    free(imported.bytes);
    return backend_test_end(&test, "train_import");
}
