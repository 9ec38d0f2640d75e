/* train_help.h - what the tests of training share: pictures made here, a small network with everything that a checkpoint must
 * hold (running statistics, dropout's generator, moments of the optimizer), and what stands above and below it. */
#ifndef TUFF_TRAIN_HELP_H
#define TUFF_TRAIN_HELP_H

#include "tests/backend_help.h"

#include "loaders/loaders.h"

enum { TRAIN_SIDE = 8, TRAIN_SAMPLES = 330, TRAIN_CLASSES = 3, TRAIN_BATCH = 16, TRAIN_EPOCHS = 3 };

/* Zero is the default of every field. */
struct train_params {
    const char *path; /* of the checkpoint that every epoch writes; NULL: none */
    uint32_t samples; /* 0: TRAIN_SAMPLES, which is the most */
    uint32_t epochs;  /* 0: TRAIN_EPOCHS */
    uint32_t units;   /* of the hidden layer; 0: 16 */
    bool stream;
    const struct tuff_augment_params *augment; /* of what it trains on; NULL: none. Borrowed */
};

struct train {
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_model *model;
    struct tuff_fit_params fit; /* may be changed before the fit */
    struct tuff_data data;
    struct tuff_model_checkpoint checkpoint;
    uint32_t units;
    const struct tuff_augment_params *augment;
};

/* Context and device; options NULL: those of the environment. After a failure train_close is due as well. */
tuff_status train_open(struct train *t, const struct tuff_options *options, struct tuff_error *error);
/* A model on t->device, and what a fit is given. t must not move afterwards. */
tuff_status train_model(struct train *t, const struct train_params *params, struct tuff_error *error);
/* Goes on from params' checkpoint; before the first fit. */
tuff_status train_load(struct train *t, struct tuff_error *error);
tuff_status train_fit(struct train *t, struct tuff_error *error);
void train_close_model(struct train *t);
void train_close(struct train *t); /* model, device, context */

/* Every leaf that a checkpoint holds, one after the other (malloc), and the place in the training. */
struct train_content {
    uint8_t *bytes; /* [owned] by the caller: free */
    size_t count;
    struct tuff_fit_state state;
};
tuff_status train_content(struct train *t, struct train_content *content, struct tuff_error *error);
/* A failure of the test where they differ in a bit. */
void train_expect_same(struct backend_test *test, const char *what, const struct train_content *a,
                       const struct train_content *b);

#endif
