/* no_submit.h - Vulkan without its queue, for tuff-dryrun --compile-only. */
#ifndef TUFF_DRYRUN_NO_SUBMIT_H
#define TUFF_DRYRUN_NO_SUBMIT_H

/* From now on nothing that is recorded or submitted reaches the driver, and all of it counts as done at once; before the first
 * context. */
void no_submit(void);

#endif
