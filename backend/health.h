/* health.h - what was found of a device while it was used: families of kernels that computed wrong numbers, launches and
 * kernels that computed right ones. Private; graph/ reaches it by handover.h.
 *
 * What is wrong, and which kernels are right, stands in families.txt in the folder of the caches, a line each for a device, driver,
 * processor and version of Tuff; launches are remembered as long as the device. Thread-safe. */
#ifndef TUFF_HEALTH_H
#define TUFF_HEALTH_H

#include "backend/core.h"
#include "backend/executable.h"
#include "backend/os.h"

struct tuff_device_health {
    struct tuff_os_mutex *lock; /* [owned] */
    uint64_t *right;            /* [owned] keys of launches, sorted */
    size_t right_count, right_capacity;
    struct tuff_device_found *found; /* [owned] */
    size_t found_count, found_capacity;
    struct tuff_text tested; /* kernels that were found right and are not in the file yet, by commas */
};
/* Reads the file. Errors: MEMORY. */
tuff_status tuff_health_init(struct tuff_device_health *health, struct tuff_context *context, const struct tuff_caps *caps);
/* Families that the file says are wrong, as bits of tuff_caps.families_off. */
uint32_t tuff_health_off(struct tuff_context *context, const struct tuff_caps *caps);
void tuff_health_finish(struct tuff_device_health *health, struct tuff_context *context);

#endif
