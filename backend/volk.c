/* volk.c - the one file that holds volk's implementation, and a loader of device tables that needs none of its globals.
 *
 * volk keeps function pointers at file scope; nothing in Tuff reads them, so that several devices, loaders and an app's own
 * volk live side by side. */
#include <volk.c>

#include "backend/instance.h"

struct proc_source {
    PFN_vkGetDeviceProcAddr get;
    VkDevice device;
};

static PFN_vkVoidFunction load_device_function(void *context, const char *name)
{
    const struct proc_source *source = context;
    return source->get(source->device, name);
}

void tuff_volk_load_table(struct VolkDeviceTable *table, PFN_vkGetDeviceProcAddr get, VkDevice device)
{
    struct proc_source source = {get, device};
    volkGenLoadDeviceTable(table, &source, load_device_function);
}
