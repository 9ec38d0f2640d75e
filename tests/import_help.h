/* import_help.h - an app with a device of its own that Tuff is given: its queue is used by both sides under the app's lock. */
#ifndef TUFF_IMPORT_HELP_H
#define TUFF_IMPORT_HELP_H

#include "tests/backend_help.h"

#include "backend/os.h"
#include "backend/vulkan.h"

struct import_app {
    struct tuff_instance *instance; /* a test borrows Tuff's own opening of the loader; the device is its own */
    VkPhysicalDevice gpu;
    VkDevice device;
    VkQueue queue, own_queue; /* Tuff's and, where the family has a second one, another for the app alone */
    struct VolkDeviceTable vk;
    struct tuff_os_mutex *lock; /* of the queue */
    int held;
    atomic_uint locks, wrong;
    struct tuff_feature_chain chain;
    struct tuff_import_params params; /* for tuff_device_import */
};

/* The first physical device; features: with all that Tuff uses, else with none. app must not move. After a failure
 * import_app_destroy is due as well. */
bool import_app_create(struct import_app *app, struct tuff_context *context, bool features, struct tuff_error *error);
/* Judges lock and validation messages. After the imported device's release. */
void import_app_destroy(struct import_app *app, struct backend_test *test);

/* The app's own work: a command buffer of pool, begun; NULL on failure. */
VkCommandBuffer import_app_begin(struct import_app *app, VkCommandPool pool);
/* A memory barrier from `from` to `to`: access masks; the stages are those of transfers, compute shaders and the host. */
void import_app_barrier(struct import_app *app, VkCommandBuffer commands, VkAccessFlags from, VkAccessFlags to);
/* Ends it and submits it under the lock; wait: until it is done, without the lock. */
bool import_app_submit(struct import_app *app, VkCommandBuffer commands, bool wait);
VkCommandPool import_app_pool(struct import_app *app); /* NULL on failure */

#endif
