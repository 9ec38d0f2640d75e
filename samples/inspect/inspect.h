/* inspect.h - what is in a model file and what running it costs, as plain data: readers fill it, writers show it. */
#ifndef INSPECT_H
#define INSPECT_H

#include <tuff/tuff.h>

#include <stdio.h>

enum { TEXT_BYTES = 400, SHAPES = 64, LIMITS = 16 };

/* A named value: an input, output, array, or result of a node. Sizes of -1 are open. */
struct item {
    const char *name, *type; /* "f32"; "?": unknown */
    int32_t rank;            /* -1: not said */
    int64_t dim[TUFF_FILE_RANK];
    const char *dim_name[TUFF_FILE_RANK]; /* of open ones, or NULL */
    uint64_t bytes;                       /* of arrays */
    bool is_bound;
    int64_t bound[TUFF_FILE_RANK]; /* of inputs: what costs are told for; of outputs: what follows */
    bool assumed[TUFF_FILE_RANK];  /* nobody said what it is bound to */
};
struct items {
    struct item *at;
    size_t count;
};
struct node {
    const char *op, *domain, *name, *function; /* function: of the model; NULL: none */
    const char **inputs, **attributes;
    struct item *outputs;                                        /* type NULL: not known */
    uint32_t input_count, output_count, attribute_count, parent; /* UINT32_MAX: none */
    int version;
    bool covered;
    double ns; /* of the launches that end in it */
};
struct operator_count {
    const char *op, *domain;
    int version;
    bool covered;
    uint32_t count;
};
/* Of one device, or of one clamped to a profile of a smaller one. */
struct cost {
    char device[200];
    const char *limits; /* NULL: as it is */
    struct tuff_plan_figures figures;
    bool known, fits;
    char why[TEXT_BYTES]; /* of one that is not known */
};
enum runs { RUNS_NO, RUNS_YES, RUNS_ARRAYS };

struct inspected {
    const char *path, *kind; /* "onnx", "model", "checkpoint", or as tuff_tensors_kind */
    uint64_t file_bytes;
    enum runs runs;
    int version;     /* of ONNX's own operators; 0: of none */
    int64_t assumed; /* what open dimensions were taken as: 1, or, behind the first, more where 1 does not fit */
    char reason_for_1[TEXT_BYTES]; /* what stood in the way of 1, where it was more */
    char reason[TEXT_BYTES + 200]; /* why it cannot run */
    struct items inputs, outputs, arrays;
    uint64_t numbers, bytes; /* of parameters */
    struct tuff_pair *texts; /* metadata */
    size_t text_count;
    struct node *nodes;
    uint32_t node_count;
    struct operator_count *operators; /* falling counts */
    uint32_t operator_count;
    struct cost *costs;
    uint32_t cost_count;
    uint32_t profile_runs; /* 0: no profile */
    double profile_ns;     /* of a run: the least sum of its launches */
    uint32_t profile_launches;
    void **blocks; /* [owned] all memory of the above */
    size_t block_count;
};

struct options {
    const char *path, *device, *html;
    const char *limits[LIMITS]; /* profiles, as TUFF_LIMITS takes them */
    const char *shapes[SHAPES], *values[SHAPES];
    uint32_t shape_count, value_count, limit_count;
    bool json, profile;
};

/* What a graph is asked about; it belongs to who made it. */
struct network {
    struct tuff_graph *graph;
    const tuff_val *outputs;
    uint32_t output_count;
    const tuff_val *inputs;
    uint32_t input_count;
};

/* Memory until inspected_finish; the program ends with a sentence where there is none. */
void *keep(struct inspected *x, size_t count, size_t size);
const char *keep_text(struct inspected *x, const void *text, size_t bytes);
void inspected_finish(struct inspected *x);
/* Counts operators, falling. */
void count_operators(struct inspected *x);
void take_text(struct inspected *x, struct tuff_pair pair); /* texts has room for it */
void take_arrays(struct inspected *x, const struct tuff_tensors *tensors);

/* Whatever file it is. What cannot run is no failure; a file that cannot be read is one, and so are options that do not fit (TUFF_ERR_USAGE). */
TUFF_MUST_CHECK tuff_status inspect_file(struct inspected *x, struct tuff_context *context, const struct options *options,
                                         struct tuff_error *error);
TUFF_MUST_CHECK tuff_status inspect_onnx(struct inspected *x, struct tuff_context *context, const struct options *options,
                                         struct tuff_error *error);
TUFF_MUST_CHECK tuff_status inspect_tuff(struct inspected *x, struct tuff_context *context, const struct options *options,
                                         struct tuff_error *error);
/* Figures of the plans for the device and for profiles, and times where they are asked for. */
TUFF_MUST_CHECK tuff_status inspect_cost(struct inspected *x, struct tuff_context *context, const struct options *options,
                                         const struct network *network, struct tuff_error *error);

void print_inspected(FILE *file, const struct inspected *x);
void print_inspected_json(FILE *file, const struct inspected *x);
TUFF_MUST_CHECK tuff_status write_page(const struct inspected *x, struct tuff_context *context, const char *path,
                                       struct tuff_error *error);

/* "[1, 3, height, ?]"; with bound, sizes that are bound. */
const char *shape_text(const struct item *item, bool bound, char *text, size_t size);

#endif
