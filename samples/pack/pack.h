/* pack.h - tuff-pack in parts: classes of devices, the model of an ONNX file, what is done once so that it is recorded. */
#ifndef PACK_H
#define PACK_H

#include "intake.h"

#include <tuff/tuff.h>

enum { CLASSES = 64, CHOSEN = 16 };

struct options {
    const char *model, *out, *labels, *features, *device;
    struct intake_params intake;
    const char *chosen[CHOSEN]; /* of --for: groups or files; none: all of the program's own */
    uint32_t chosen_count;
    uint32_t batch;                   /* 0: 8, or 1 where the model takes no more */
    uint32_t teach_least, teach_most; /* teach_most 0: nothing is taught */
    bool camera;                      /* frames, too */
    bool anew;                        /* kernels that the model file has do not stay */
};

/* classes.c: caps of the chosen classes into list; their number, at most CLASSES, into *count. Errors: USAGE (no such group), FILE, FORMAT, MEMORY. */
TUFF_MUST_CHECK tuff_status classes_read(struct tuff_context *context, const struct options *o, struct tuff_caps *list,
                                         uint32_t *count, struct tuff_error *error);

/* network.c: writes an ONNX classifier of pictures as a model file. */
struct written {
    uint32_t classes, features; /* features 0: no value before the last product was found */
    uint32_t batch;
    bool softmaxed; /* the file's last value is probabilities already */
    char cut[200];  /* the value that is the features */
};
TUFF_MUST_CHECK tuff_status network_write(struct tuff_device *device, const struct options *o, const char *path,
                                          struct written *written, struct tuff_error *error);

/* work.c: what an app will do with the model file, once: predicts one and a batch; with --camera makes samples of frames; with --teach trains heads, saves and predicts with them.
 * scratch: a path for files. */
TUFF_MUST_CHECK tuff_status work_do(struct tuff_device *device, const struct options *o, const char *model,
                                    const char *scratch, struct tuff_error *error);

#endif
