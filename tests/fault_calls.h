/* fault_calls.h - the n-th Vulkan call fails: every function of Vulkan that returns a VkResult and is called by the library, for
 * instance, device and queue, stands behind a wrapper. A test that links this is linked with --wrap (cmake/tests.cmake), so that
 * the library finds the wrappers in place of the loader, and starts no threads: n means the same call every time.
 *
 * The device is idle when a call fails, so that whatever is destroyed next may be. */
#ifndef TUFF_FAULT_CALLS_H
#define TUFF_FAULT_CALLS_H

#include "backend/device.h"

struct fault_calls {
    long made;           /* calls since arming */
    long fail_at;        /* 0: none */
    unsigned code;       /* number of the VkResult among those that the call may return */
    const char *only;    /* counts functions alone whose name begins with this; NULL: all */
    VkResult wanted;     /* not 0: this code, counting those functions alone that may return it */
    bool failed;         /* it has been done */
    bool spent;          /* the fail_at-th call has no such code; nothing failed */
    bool lasting;        /* with wanted: from then on every call that may return it does; a lost device stays lost */
    const char *name;    /* of the function that failed */
    VkResult result;     /* that it returned */
    long again;          /* calls that failed after the first */
    uint64_t most_bytes; /* vkAllocateMemory of more fails, as device memory is exhausted; 0: no limit */
    bool
        two_heaps; /* every memory type and heap is there twice; the limit holds for the first ones. Set before a device is made */
};
/* One thread at a time. Counts from zero with these settings; results are read from it afterwards. */
struct fault_calls *fault_calls_arm(struct fault_calls settings);
/* Name of the i-th function that has a wrapper; NULL behind the last. */
const char *fault_calls_name(size_t i);

#endif
