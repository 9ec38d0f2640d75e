/* settings.h - what the settings of optimizers and their schedules share. Private. */
#ifndef TUFF_SETTINGS_H
#define TUFF_SETTINGS_H

#include "graph/op.h"
#include "graph/train/optimizer.h"

/* One number of two settings. */
struct tuff_setting {
    const char *what;
    double a, b;
};
/* Text of the first that differ, "OF WHAT is A there, B here"; false: none do. */
bool tuff_settings_differ(const char *of, const struct tuff_setting *pairs, size_t count, char *text, size_t bytes);

/* The loss scale that it begins with; 0: none. */
double tuff_first_loss_scale(const struct tuff_precision *precision);
TUFF_MUST_CHECK tuff_status tuff_schedule_check(struct tuff_context *context, const struct tuff_schedule *s,
                                                struct tuff_error *error);
bool tuff_schedules_differ(const struct tuff_schedule *a, const struct tuff_schedule *b, char *text, size_t bytes);
/* Its arrays become those of the arena. False: no memory. */
bool tuff_schedule_copy(struct tuff_schedule *s, struct tuff_arena *arena);

#endif
