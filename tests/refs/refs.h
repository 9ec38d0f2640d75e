/* refs.h - tuff-refs: runs reference cases (a folder of safetensors files and an index.json) on a device. Private.
 *
 *   refs_case.c    a case in memory: tensors, attributes, what is compared, the verdict
 *   refs_bound.c   how large an error may be: the graph in double, with rounding noise of the size of f32's
 *   refs_ops.c     table of operators: case -> values of a graph
 *   refs_device.c  many cases as one graph on a device
 *   refs_train.c   optimizers, schedules, trainings; refs_nets.c their networks
 *   main.c         options, the folder, the report */
#ifndef REFS_H
#define REFS_H

#include "graph/op.h"
#include "loaders/loaders.h"

#include <cjson/cJSON.h>

enum { REFS_INPUTS = 64, REFS_OUTPUTS = 16, REFS_CHECKS = REFS_INPUTS + REFS_OUTPUTS };

/* Zeroed memory, or the program ends with a sentence. Free it with free(). */
void *refs_alloc(size_t bytes);

/* ---- cases ---------------------------------------------------------------------------------------------------------- */

enum refs_state { REFS_OPEN, REFS_PASSED, REFS_FAILED, REFS_NOT_COVERED };

/* One tensor that is compared. */
struct refs_check {
    char name[32];
    struct tuff_type type;
    uint64_t count;
    double *want, *ref;         /* [owned] stored, by the double reference */
    double *bound, *definition; /* [owned] largest |device - want|, largest |ref - want| */
};

struct refs_case {
    const char *file, *family, *op; /* [borrowed] of the index; file relative to the folder */
    const cJSON *f32_err;           /* [borrowed] a hint, only printed; may be NULL */
    struct tuff_tensors *tensors;   /* [owned] NULL until read */
    enum refs_state state;
    char reason[600]; /* of a failure or of not being covered: the first */
    double worst;     /* largest error / bound */
    char worst_at[80];
    struct refs_check checks[REFS_CHECKS];
    uint32_t check_count;
};

/* The first failure counts. */
void refs_fail(struct refs_case *c, const char *format, ...) TUFF_PRINTF(2, 3);
void refs_skip(struct refs_case *c, const char *format, ...) TUFF_PRINTF(2, 3);
void refs_case_read(struct refs_case *c, struct tuff_context *context, const char *folder);
void refs_case_finish(struct refs_case *c);

/* Tensor of that name and its type in a graph; false when there is none. One of a type or size that a graph cannot take
 * fails the case. */
bool refs_tensor(struct refs_case *c, const char *name, struct tuff_array *array, struct tuff_type *type);
/* Elements as doubles; to be freed. */
double *refs_values(const struct tuff_array *array, uint64_t *count);

/* Attributes ("attr.key" of the file's metadata). A wrong one fails the case; `or` stands for a missing one and for null. */
double refs_number(struct refs_case *c, const char *key, double or);
bool refs_flag(struct refs_case *c, const char *key);
const char *refs_text(struct refs_case *c, const char *key); /* never NULL */
/* Whole numbers of a list, at most `most`; returns their count, fails the case when it is missing or longer. */
uint32_t refs_integers(struct refs_case *c, const char *key, int64_t *out, uint32_t most);
/* Parsed attribute or other text of the metadata ("loss"); NULL when missing or no JSON. cJSON_Delete it. */
cJSON *refs_json(struct refs_case *c, const char *key);

/* Adds a check of count elements, bounds not set yet; NULL after a failure. want is taken over. */
struct refs_check *refs_check_add(struct refs_case *c, const char *name, struct tuff_type type, double *want,
                                  uint64_t count);
void refs_check_finish(struct refs_check *check);
/* Compares what the device gave with the check; got is raw, in check->type. */
void refs_check_device(struct refs_case *c, const struct refs_check *check, const void *got);

/* ---- bounds --------------------------------------------------------------------------------------------------------- */

struct refs_eval;
extern const char refs_bound_text[]; /* for --help */

struct refs_eval *refs_eval_create(const struct tuff_graph *g);
void refs_eval_destroy(struct refs_eval *e);
/* Content of an input, parameter or state, in all samples. rounded: the device holds it rounded to f32. */
void refs_eval_set(struct refs_eval *e, tuff_val leaf, const double *values, bool rounded);
/* Evaluates everything but inputs, parameters and states. */
void refs_eval_run(struct refs_eval *e);
/* Does assignments of the last run. */
void refs_eval_assign(struct refs_eval *e, const tuff_val *outputs, uint32_t count);
/* Fills ref and bounds of a check from `count` elements of a value that begin at `first`. */
void refs_eval_check(const struct refs_eval *e, tuff_val v, uint64_t first, struct refs_check *check);
/* Fails the case where the double reference itself differs from what is stored: a wrong definition. */
void refs_check_definition(struct refs_case *c, const struct refs_check *check);

/* ---- operators ------------------------------------------------------------------------------------------------------ */

struct refs_build {
    struct tuff_graph *g;
    struct refs_case *c;
    tuff_val in[REFS_INPUTS], out[REFS_OUTPUTS];
    uint32_t in_count, out_count;
    tuff_val gout[REFS_OUTPUTS], gin[REFS_INPUTS]; /* 0: not part of the case */
};
/* True when the case's operator is in the table. */
bool refs_op_known(const struct refs_case *c);
/* Reason why a family or operator has no builder. */
const char *refs_op_missing(const struct refs_case *c);
/* Adds the case to the graph, inputs named with the prefix. A failure of the case or graph is seen there. */
void refs_op_build(struct refs_build *b, struct refs_case *c, struct tuff_graph *g, uint32_t prefix);

/* ---- devices -------------------------------------------------------------------------------------------------------- */

/* Runs cases of known operators together. */
void refs_run_operators(struct refs_case **cases, uint32_t count, struct tuff_device *device);
void refs_run_optimizer(struct refs_case *c, struct tuff_device *device);
void refs_run_clip(struct refs_case *c, struct tuff_device *device);
void refs_run_schedule(struct refs_case *c);
void refs_run_training(struct refs_case *c, struct tuff_device *device);

/* A network of refs_nets.c, parameters and statistics named and initialised as in the case. */
struct refs_net {
    tuff_val logits;      /* [rows, classes] */
    tuff_val updates[32]; /* assignments of running statistics */
    uint32_t update_count;
};
/* arch: attribute of the case. Fails the case when its kind is unknown. */
void refs_net_build(struct refs_case *c, struct tuff_graph *g, const char *kind, uint32_t heads, tuff_val x,
                    struct refs_net *net);

#endif
