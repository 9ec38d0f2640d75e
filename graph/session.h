/* session.h - a graph on a device: sessions, executables, what a plan takes; definitions on the host, the self-test. Public, part of
 * graph.h. */
#ifndef TUFF_SESSION_H
#define TUFF_SESSION_H

#include "backend/caps.h"
#include "graph/values.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sessions: a graph on a device ---------------------------------------------------------------------------------------------- */

struct tuff_device;   /* backend.h */
struct tuff_compiler; /* executable.h */

struct tuff_session_params {
    size_t struct_size;
    uint64_t seed; /* of initial values, dropout and shuffling */
    /* NULL: tuff_glslang(); without it, or under TUFF_DEBUG_NOCOMPILER, kernels of Tuff's build: each operator a launch of its own. */
    const struct tuff_compiler *compiler;
};
/* Owns the parameters and states of a graph in device memory, with their initial values. It keeps the graph; parameters and
 * states that this gets later come into memory of their own. params may be NULL. One thread at a time. Errors: the graph's, DEVICE_MEMORY, MEMORY. */
struct tuff_session;
TUFF_API TUFF_MUST_CHECK tuff_status tuff_session_create(struct tuff_device *device, struct tuff_graph *graph,
                                                         const struct tuff_session_params *params,
                                                         struct tuff_session **session, struct tuff_error *error);
TUFF_API void tuff_session_destroy(struct tuff_session *session); /* its executables go on; NULL is legal */
/* Content of a parameter or state, whole: tuff_dtype_size bytes. Ordered with runs. Errors: USAGE, DEVICE_LOST. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_session_write(struct tuff_session *session, tuff_val leaf, const void *data,
                                                        size_t bytes, struct tuff_error *error);
TUFF_API TUFF_MUST_CHECK tuff_status tuff_session_read(struct tuff_session *session, tuff_val leaf, void *data, size_t bytes,
                                                       struct tuff_error *error);

/* Where in a run these values are in their states' memory, for the host to read and, where they are packs, to write: nothing has read those yet.
 * tuff_executable_run_to. */
struct tuff_station {
    const char *name;
    const tuff_val *values; /* packs, or results of tuff_assign and tuff_assign_rows, that the outputs need */
    uint32_t count;
};
struct tuff_executable_params {
    size_t struct_size;
    const tuff_val *outputs; /* values to compute, and assignments to do */
    uint32_t output_count;
    uint32_t input_sets; /* 0: 1. With 2, inputs of the next run are written while the last one runs */
    bool profile;        /* timestamps around every launch (also by TUFF_DEBUG=timing) */
    struct tuff_progress progress;
    bool timed;                          /* two timestamps a run, for tuff_program_duration of tuff_executable_program */
    const struct tuff_station *stations; /* in the order in which a run comes to them */
    uint32_t station_count;
    /* TUFF_F16 or TUFF_BF16: operands and results of products (tuff_matmul, tuff_conv2d and their gradients) are rounded to 16 bits, and are stored in
     * these, as is what of them is kept for gradients; sums are in f32, and so is all else, as under PyTorch's autocast. What is an output, is
     * assigned or packed (gradients of parameters) stays f32, but for the products behind it. Bodies of loops compute in f32. 0 or TUFF_F32: none of that. */
    enum tuff_dtype precision;
    /* Kernels that a plan of any other size can share: bounds and tiles are numbers of a launch where they else are constants that suit this size best.
     * So further sizes make few pipelines, or none; depthwise convolutions and small products take longer by some. Results are the same bits. */
    bool any_size;
    /* Products of operands of f16 (tuff_matmul) may sum in f16, where that is faster: n terms add an error of n 2^-10 times the sum of their sizes, and a
     * sum above 65504 is infinite. Else sums are f32. */
    bool half_sums;
};
/* A compiled plan for outputs of a graph (executable.h runs it); several may share a session and its parameters. One thread at a time. */
struct tuff_executable;
/* Errors: SHAPE, UNSUPPORTED, COMPILE, DEVICE_MEMORY (with the figures), CANCELLED, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_session_compile(struct tuff_session *session,
                                                          const struct tuff_executable_params *params,
                                                          struct tuff_executable **executable, struct tuff_error *error);
/* ---- several sizes: of a batch, of a sequence -------------------------------------------------------------------------------------- */

enum { TUFF_SIZED_VALUES = 8 };
/* What computes one size. */
struct tuff_sized {
    uint32_t size;
    /* What build writes: for a program that goes over sizes, inputs and outputs in an order of its own. */
    tuff_val inputs[TUFF_SIZED_VALUES], outputs[TUFF_SIZED_VALUES];
    uint32_t output_count;
    struct tuff_executable *executable; /* of these outputs; borrowed */
};
struct tuff_sizes_params {
    size_t struct_size;
    /* Adds what computes part->size to the session's graph, and writes into *part. Parameters of the same name are shared; inputs are not, so their
     * names tell the size: "x/8". */
    void (*build)(struct tuff_graph *g, struct tuff_sized *part, void *user);
    void *user;
    const uint32_t *sizes; /* prepared by tuff_sizes_create */
    uint32_t count;
    uint32_t input_sets; /* as in tuff_executable_params, as is progress */
    struct tuff_progress progress;
};
/* Plans of one network for several sizes, which share parameters, states and pipelines: those depend on ranks and on the tiles that suit a size,
 * so a further size makes few, or none. One thread at a time; destroy it with the session, in any order. */
struct tuff_sizes;
/* Errors: what build leaves in the graph, which then is as it was; those of tuff_session_compile. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_sizes_create(struct tuff_session *session, const struct tuff_sizes_params *params,
                                                       struct tuff_sizes **sizes, struct tuff_error *error);
TUFF_API void tuff_sizes_destroy(struct tuff_sizes *sizes); /* NULL is legal */
/* The part for this size, which is prepared now where it is not yet; it stays where it is. Errors: as above; USAGE for a size of 0. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_sizes_get(struct tuff_sizes *sizes, uint32_t size, const struct tuff_sized **part,
                                                    struct tuff_error *error);
/* The smallest prepared part of at least this size, for what is padded; NULL: there is none. */
TUFF_API const struct tuff_sized *tuff_sizes_pick(const struct tuff_sizes *sizes, uint32_t size);

/* ---- running ----------------------------------------------------------------------------------------------------------------------- */

/* Whole content of an input for the next run; it stays for later ones until it is written again, in each of the input sets. What is never
 * written is no zero: runs refuse it (USAGE). Where the outputs read it as labels (tuff_cross_entropy) or as indices (tuff_gather and its
 * like), itself or by what follows from it alone, they are looked at. Errors: USAGE (another number of bytes; a label that is no class, an
 * index outside; not an input; an executable that was loaded). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_write(struct tuff_executable *executable, tuff_val input,
                                                           const void *data, size_t bytes, struct tuff_error *error);
/* Likewise, of elements of a type that need not be the input's: floats are rounded to its floats, whole numbers become its numbers, where
 * they are possible there. Floats do not become whole numbers: what is written into an i32 input by bytes is taken as i32, whatever it is.
 *   elements  [count] of dtype, of the host alone too; count is that of the input    Errors: USAGE, with the element that does not fit. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_write_as(struct tuff_executable *executable, tuff_val input,
                                                              enum tuff_dtype dtype, const void *elements, uint64_t count,
                                                              struct tuff_error *error);
/* The first bytes of output number `index` after the last run; waits for it. Errors: USAGE when it has fewer, and before
 * the first run or at a station; what the last run ended with, where it failed or was cancelled. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_read(struct tuff_executable *executable, uint32_t index, void *data,
                                                          size_t bytes, struct tuff_error *error);
/* What a plan takes and does, counted without a clock. Bytes are those of one run. */
struct tuff_plan_figures {
    uint32_t launches, barriers; /* of a run that has nothing to prepare, as are bytes and flops below */
    uint32_t barriers_least;     /* that no order of these launches could do without: tuff_plan_barriers */
    uint32_t prepare_launches;   /* more of a run after a parameter or state that these read was written */
    uint32_t submissions;        /* of the first run, by an estimate; those of later ones: tuff_program_counts */
    uint32_t pipelines;          /* distinct kernels with their specialization constants */
    uint32_t kernels;            /* distinct shader texts among them */
    /* What launches move: each launch counts what it binds, once for reading and once for writing, however often its kernel comes
     * back to it. Of what it reads through views and gathers it counts the elements that these can choose at most: 4 rows of an
     * embedding table, where there are 4 indices. Elements that a kernel itself skips (strides, padding) are counted. */
    uint64_t bytes_read, bytes_written;
    /* What no plan of the same graph can avoid to move: parameters, states, constants and inputs that are read, once (in part: as
     * much as the launch that reads most), outputs, and parameters and states that are written, once. States that serve within one
     * run alone, such as the vector of all gradients, count nothing. Parameters begin at multiples of 256 bytes; where an
     * optimizer's launch goes over all of them, what lies between them counts. */
    uint64_t bytes_least;
    /* Likewise, but each product of two operands (of matrices, of a convolution, of the gradients of these) reads its operands and writes
     * its result: once forward, once for the gradient of its input, once for that of its weights. A training step cannot do with
     * bytes_least, as what goes forward is there again when the gradients come; this is what it takes at least where all else (norms,
     * activations, sums) is computed by those who read or write it. */
    uint64_t bytes_by_products;
    uint64_t flops; /* of kernels (matmul, convolution, reductions and the like); multiply and add as two */
    uint64_t param_bytes, state_bytes, const_bytes, input_bytes, output_bytes; /* planned; input_bytes of all input_sets */
    uint64_t scratch_bytes;                                                    /* planned, for what lives within a run */
    uint64_t prepared_bytes;                                                   /* planned, for what launches prepare */
    uint64_t total_bytes;                                                      /* the sum of these seven */
    uint64_t largest_bytes; /* the largest memory of the plan: one allocation on the device */
    /* No placement of this order of launches could do with less scratch: the largest sum, over the launches, of what is alive
     * there, from the launch that writes it first to the one that uses it last. */
    uint64_t scratch_bound_bytes;
    /* Scratch that is kept for what comes behind output 0: values that launches write on the way to output 0 and that launches
     * read which are not on it. With the loss as output 0 that is what the forward pass saves for the backward pass, whenever the
     * loss itself is computed. What one launch computes for both (the gradient of a softmax beside its loss) is part of it;
     * inputs and parameters are not. 0 where nothing but output 0 is computed. */
    uint64_t saved_bytes;
    uint64_t plan_hash; /* of launches, kernels' texts and places in memory: the same for the same plan */
};
/* Plans (of outputs, input_sets and precision alone) without allocating or compiling. Errors: SHAPE, UNSUPPORTED, DEVICE_MEMORY, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_plan_ask(struct tuff_device *device, const struct tuff_graph *graph,
                                                   const struct tuff_executable_params *params,
                                                   struct tuff_plan_figures *figures, struct tuff_error *error);
/* Why barriers stand between the launches of such a plan: the longest chain of launches each of which waits for the one before it, a line for
 * each, with what it waits for. No order of the launches needs fewer barriers; rounds of loops are counted as they stand. Free with
 * tuff_text_free. Errors: as tuff_plan_ask. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_plan_barriers(struct tuff_device *device, const struct tuff_graph *graph,
                                                        const struct tuff_executable_params *params, char **text,
                                                        struct tuff_error *error);
/* Is there room now for the whole plan: total_bytes within tuff_device_available, each memory within max_allocation_bytes? */
TUFF_API bool tuff_plan_fits(struct tuff_device *device, const struct tuff_plan_figures *figures);
/* The figures of a compiled plan (zeros of one that was loaded): those that tuff_plan_ask tells for the same graph, outputs and device. */
TUFF_API struct tuff_plan_figures tuff_executable_figures(const struct tuff_executable *executable);
/* What ran slower than it could and why, one line a launch: not fused, a general kernel, split. Free with tuff_text_free. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_executable_report(const struct tuff_executable *executable, char **text,
                                                            struct tuff_error *error);

/* ---- definitions: what should come out? --------------------------------------------------------------------------------------- */

/* The whole content of an input, parameter or state, as tuff_executable_write and tuff_session_write take it. */
struct tuff_leaf_content {
    tuff_val leaf;
    const void *data; /* [borrowed] during the call */
};
struct tuff_evaluate_params {
    size_t struct_size;
    const tuff_val *outputs; /* values, or assignments: what the state would become */
    uint32_t output_count;
    /* Every input that the outputs need; parameters and states that differ from a session's initial values with this seed. */
    const struct tuff_leaf_content *leaves;
    uint32_t leaf_count;
    uint64_t seed;
    struct tuff_progress progress; /* done and total count operations, about one for a multiply and add */
    uint64_t memory_bytes;         /* most that values may take at a time; 0 stands for TUFF_EVALUATE_BYTES */
};
#define TUFF_EVALUATE_BYTES (UINT64_C(1) << 33) /* 8 GiB: 2^30 elements */
/* Evaluates outputs of a graph on the host, in double precision, with the operators' definitions: what a device's results are
 * compared with. results[i] is the caller's memory for as many doubles as outputs[i] has elements, or NULL: of no interest;
 * integers are exact, bool is 0 or 1. Casts round to the type they name; everything else, f16 values too, is kept in double.
 * The caller's device takes no part; plans, fusion and gradients of the graph are not used, but for those that it already has.
 * Only what the outputs need is computed, and dropped after its last use: the peak is 8 bytes an element of what is alive.
 * One thread, about 1e9 multiplications and additions a second in matmul and conv2d. Errors: the graph's own; USAGE for an input without content,
 * a leaf that is none; CANCELLED; MEMORY, also where values would take more than memory_bytes: few words can ask for very large ones. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_evaluate(const struct tuff_graph *graph, const struct tuff_evaluate_params *params,
                                                   double *const *results, struct tuff_error *error);

/* ---- which kernels a device gets ----------------------------------------------------------------------------------------------------- */

/* The family of kernels that serves a kind of work; evidence "measured" on its class of devices or "predicted", "" where there is none. Static
 * texts. */
struct tuff_family_choice {
    const char *work, *family, *evidence, *source;
};
/* Kind of work number index (from 0) into *choice, for large sizes; false past the last. Thread-safe. */
TUFF_API bool tuff_family_choice(const struct tuff_caps *caps, uint32_t index, struct tuff_family_choice *choice);

/* ---- self-test: does this device compute what it should? ------------------------------------------------------------------------------ */

/* What was found of one family of kernels ("matmul", "softmax", ..). */
struct tuff_selftest_result {
    const char *family;  /* static text */
    tuff_status status;  /* TUFF_OK, WRONG, or why it did not run */
    const char *message; /* the sentence of a failure, else ""; only during the call */
    uint64_t elements;   /* compared; 0: no kernel of this family is used on this device */
    double error, bound; /* the largest error as a part of its bound, and that bound; 0, 0 where all is exact */
    double milliseconds; /* compiling, running, comparing */
};
struct tuff_selftest_params {
    size_t struct_size;
    const struct tuff_compiler *compiler;                                  /* as in tuff_session_params */
    struct tuff_progress progress;                                         /* families so far */
    void (*report)(void *user, const struct tuff_selftest_result *result); /* after each family; NULL: none */
    void *user;
};
/* Runs every family of kernels that this device is given on small odd shapes and compares the results with definitions in double
 * precision, within bounds that follow from the arithmetic: drivers are known that compute wrong numbers in silence. params may be
 * NULL. All families are tried; returns TUFF_OK or the first failure. Takes about a second when the caches are warm.
 * Errors: WRONG, with operator, element, expected, got and driver; else as tuff_session_compile and tuff_executable_run. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_selftest(struct tuff_device *device, const struct tuff_selftest_params *params,
                                                   struct tuff_error *error);

/* ---- tuning: which constants suit this device? ------------------------------------------------------------------------------------------- */

/* Takes the rows of a tuning file, which tuff_tune made, for plans that sessions of this context compile from now on; the last file that has a row
 * for a work wins. Rows count for devices and drivers like the one that they were measured on, for works of the same operator, types and
 * sizes; others are of no effect. Whatever a file holds, results are right, and the same bits: a row chooses between ways to add the same
 * terms in the same order. The bytes are copied.
 *   rows  in the file; may be NULL
 * Errors: FORMAT (with the line: not such a text, a family or constant that there is not), MEMORY. Thread-safe. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_tuning_add(struct tuff_context *context, struct tuff_span file, uint32_t *rows,
                                                     struct tuff_error *error);
/* The same from a path, as tuff_options.tuning names one; errors: FILE, too. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_tuning_open(struct tuff_context *context, const char *path, uint32_t *rows,
                                                      struct tuff_error *error);

/* One work of the outputs, and the ways to do it. Texts are there during the call alone. */
struct tuff_tune_way {
    const char *text;
    double ns; /* as below; 0: not measured */
};
struct tuff_tune_result {
    const char *work;              /* "matmul f32 512x512 f32 512x512 #0" */
    const char *standard, *winner; /* "shuffle 4x2"; equal where no other one is faster by 3 % or more */
    double standard_ns, winner_ns; /* on the device, of all its launches in one run */
    uint32_t launches, ways;
    const struct tuff_tune_way *way; /* [ways] as first measured */
};
struct tuff_tune_params {
    size_t struct_size;
    uint32_t runs;                                                     /* of each way; 0: 7. The fastest counts */
    void (*report)(void *user, const struct tuff_tune_result *result); /* NULL: none */
    void *user;
    struct tuff_progress progress; /* ways so far */
};
/* Measures all ways on this device: compiles outputs of the graph once for each, runs them on made-up inputs and times each launch, then the winners
 * beside what is chosen without them. *text, of a tuning file, holds the winners that won again; free it with tuff_text_free. Takes as long as
 * some dozen runs and compilations. tune may be NULL.
 * Errors: UNSUPPORTED (the device has no timestamps), CANCELLED; those of tuff_session_compile and tuff_executable_run. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_tune(struct tuff_device *device, struct tuff_graph *graph,
                                               const struct tuff_executable_params *params,
                                               const struct tuff_tune_params *tune, char **text, struct tuff_error *error);

/* ---- examples --------------------------------------------------------------------------------------------------------------------- */

/* An operator of the table at a size that shows what it costs: for programs that measure them all, as tuff-bench does. */
struct tuff_operator_example {
    const char *name, *sizes; /* static text: "lrn", "8x96x55x55" */
    tuff_val in[6], y;        /* 0 without a graph */
    uint32_t in_count;
    uint32_t index_limit[6]; /* of operands that are indices, i32 in 0 .. limit - 1; 0: of others */
    double flops, terms;     /* of the result; of its longest sum */
    double bytes;            /* that must be moved: of the operands and of the result */
};
/* Adds inputs and operator of example `index` to g (sticky failure), or with g NULL only names it. False: there is none such. */
TUFF_API bool tuff_operator_example(struct tuff_graph *g, uint32_t index, struct tuff_operator_example *out);

#ifdef __cplusplus
}
#endif
#endif
