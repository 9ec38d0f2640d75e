/* loaders.h - files in and out: safetensors, checkpoints, models, ONNX. Public.
 *
 * Every file is untrusted: each length is checked against the file before it is used, and a bad file gives a status and
 * a sentence that names it. Functions that read a format whose library is not part of this build return
 * TUFF_ERR_UNSUPPORTED and name the build option. Unless said otherwise, a function may be called from any thread, and
 * what it fills belongs to one thread at a time. Files and memory are little-endian, as every Vulkan host is. */
#ifndef TUFF_LOADERS_H
#define TUFF_LOADERS_H

#include "backend/base.h"
#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Errors that every reader may give, besides those named at the function:
 *   TUFF_ERR_FILE         the file cannot be opened, read or written
 *   TUFF_ERR_FORMAT       the content is malformed, or larger than a limit
 *   TUFF_ERR_UNSUPPORTED  valid, but of a kind (or in a build) that cannot be read
 *   TUFF_ERR_MEMORY       host memory is exhausted
 *   TUFF_ERR_USAGE        a NULL pointer, a wrong struct_size, an option out of range */

/* ---- element types ---------------------------------------------------------------------------------------------------- */

#define TUFF_FILE_RANK 8 /* most axes of an array in a file */

/* What one element of an array in a file is. Values are stable. */
enum tuff_element {
    TUFF_ELEMENT_BOOL = 1, /* one byte, 0 or 1 */
    TUFF_ELEMENT_U8 = 2,
    TUFF_ELEMENT_I8 = 3,
    TUFF_ELEMENT_I16 = 4,
    TUFF_ELEMENT_U16 = 5,
    TUFF_ELEMENT_F16 = 6,  /* IEEE 754 binary16 */
    TUFF_ELEMENT_BF16 = 7, /* upper half of a binary32 */
    TUFF_ELEMENT_I32 = 8,
    TUFF_ELEMENT_U32 = 9,
    TUFF_ELEMENT_F32 = 10,
    TUFF_ELEMENT_F64 = 11,
    TUFF_ELEMENT_I64 = 12,
    TUFF_ELEMENT_U64 = 13
};
/* Bytes of one element: 1, 2, 4 or 8; 0 for a value that is no element type. Thread-safe. */
TUFF_API size_t tuff_element_bytes(enum tuff_element element);
/* Name as in safetensors: "F32", "BF16", "BOOL", ...; "?" for a value that is no element type. Static text. Thread-safe. */
TUFF_API const char *tuff_element_name(enum tuff_element element);

/* ---- named arrays: safetensors, checkpoints and models ------------------------------------------------------------------------- */

/* A view of an array; who owns name and data is said where it is used. */
struct tuff_array {
    const char *name; /* UTF-8 */
    enum tuff_element element;
    uint32_t rank; /* 0: a scalar */
    uint64_t dim[TUFF_FILE_RANK];
    const void *data; /* row-major; NULL is legal when bytes is 0 */
    uint64_t bytes;   /* product of dim times tuff_element_bytes(element) */
};

struct tuff_pair {
    const char *key, *value; /* UTF-8 */
};

/* Type and shape as text, "F32 [16, 1, 3, 3]", cut to the size with its zero byte. Returns text. Thread-safe. */
TUFF_API const char *tuff_array_text(const struct tuff_array *array, char *text, size_t size);
/* The type of graphs that has such elements; 0: none has. Thread-safe. */
TUFF_API enum tuff_dtype tuff_element_dtype(enum tuff_element element);
/* The first `count` elements of an array, wherever they lie, as elements of a graph's type (not one of blocks): floats are rounded and must not become
 * infinite, whole numbers must be possible in it, and floats do not become whole numbers.
 *   to    tuff_dtype_size(dtype, count) bytes, of which some may be written on failure
 *   what  the beginning of sentences
 * Errors: FORMAT, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_array_convert(struct tuff_context *context, const struct tuff_array *array,
                                                        uint64_t count, enum tuff_dtype dtype, void *to, const char *what,
                                                        struct tuff_error *error);

/* Arrays and texts of a file, which is mapped where it was opened by its path: its pages are read when they are touched, and it must
 * not be written over meanwhile (what Tuff writes replaces a file whole). Immutable after create. */
struct tuff_tensors;

/* Opens a safetensors file, or several by their index (model.safetensors.index.json) as one.
 * Source: the format description of huggingface/safetensors: 8 bytes header length n, n bytes JSON, data.
 *   limit    most bytes of a file; 0: no limit
 *   tensors  destroy with tuff_tensors_destroy
 * Strict: the header is valid UTF-8 JSON without repeated names or unknown fields, shapes, types and offsets agree, and
 * the arrays cover the data without overlap, hole or rest; bytes of a BOOL are 0 or 1. At most 2^20 arrays and texts, a
 * header of at most 64 MiB, rank at most TUFF_FILE_RANK. The files of an index (at most 4096) lie in its own folder; each holds what its
 * weight_map says, and nothing else.
 * All types: arrays of F8_E4M3, F8_E5M2, F8_E8M0 (and of PyTorch's FNUZ forms), F6_E2M3, F6_E3M2 and F4 become F32, every number exactly, in memory;
 * C64 is F32 with one more axis of 2.
 * Memory: while the header is read, 10 MiB, or 20 times the header where that is more, beside the arrays' descriptions.
 * Errors: FILE, FORMAT, MEMORY, UNSUPPORTED (another element type or a higher rank; a build without cJSON). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_safetensors_open(struct tuff_context *context, const char *path, size_t limit,
                                                           struct tuff_tensors **tensors, struct tuff_error *error);
/* The same from memory, which is copied. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_safetensors_decode(struct tuff_context *context, struct tuff_span file,
                                                             struct tuff_tensors **tensors, struct tuff_error *error);
/* NULL is legal. Ends the life of every view and text taken from it. */
TUFF_API void tuff_tensors_destroy(struct tuff_tensors *tensors);

TUFF_API size_t tuff_tensors_count(const struct tuff_tensors *tensors);
/* View number index, in the order of the header, index < count; name and data belong to tensors. In a file that Tuff wrote
 * data is aligned to its element; in a foreign one it need not be: copy it then. */
TUFF_API struct tuff_array tuff_tensors_get(const struct tuff_tensors *tensors, size_t index);
/* The view of that name. Returns false, array untouched, when there is none. O(log count). */
TUFF_API bool tuff_tensors_find(const struct tuff_tensors *tensors, const char *name, struct tuff_array *array);
/* The text under a key of the metadata, or NULL. It belongs to tensors. */
TUFF_API const char *tuff_tensors_text(const struct tuff_tensors *tensors, const char *key);
TUFF_API size_t tuff_tensors_text_count(const struct tuff_tensors *tensors);
/* Pair number index of the metadata, in the order of the header. */
TUFF_API struct tuff_pair tuff_tensors_text_get(const struct tuff_tensors *tensors, size_t index);

/* What is written. All pointers are borrowed during the call. */
struct tuff_tensors_params {
    size_t struct_size; /* sizeof(struct tuff_tensors_params) */
    const struct tuff_array *arrays;
    size_t array_count;
    const struct tuff_pair *texts; /* metadata */
    size_t text_count;
    const char *kind; /* of a checkpoint; NULL: "checkpoint". Not used by tuff_safetensors_write */
};

/* Writes a safetensors file; path holds the old or the new content whole. The header lists arrays and texts in the order
 * given; the data lies by falling element size, so that every array is aligned to its element. Reading gives every bit back.
 * Errors: USAGE (an empty or repeated name, "__metadata__", text that is not UTF-8, bytes that do not fit the shape), FILE,
 * MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_safetensors_write(struct tuff_context *context, const char *path,
                                                            const struct tuff_tensors_params *params,
                                                            struct tuff_error *error);

/* Writes a checkpoint or a model: a ".tuff" container with a section for each array and text, and the text "tuff.kind". All of
 * the file lies under checksums, so every flipped bit is refused when it is read.
 * Keys that begin with "tuff." are reserved. Errors: as tuff_safetensors_write. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_checkpoint_write(struct tuff_context *context, const char *path,
                                                           const struct tuff_tensors_params *params,
                                                           struct tuff_error *error);
/* Reads what tuff_checkpoint_write wrote. kind: what the file must be; NULL stands for "checkpoint", or a model with the state of its training; "" for
 * any.
 * Errors: FILE, MEMORY, FORMAT: damaged, of another kind, or a safetensors file, as Tuff once wrote models and checkpoints; the
 * sentence says what to do with that. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_checkpoint_read(struct tuff_context *context, const char *path, const char *kind,
                                                          struct tuff_tensors **tensors, struct tuff_error *error);
/* The same from memory, which is copied: models inside an app's own package. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_checkpoint_decode(struct tuff_context *context, struct tuff_span file,
                                                            const char *kind, struct tuff_tensors **tensors,
                                                            struct tuff_error *error);

/* ---- results in files and folders ----------------------------------------------------------------------------------------- */

/* Writes a whole file, as models and checkpoints are written: path holds the old or the new content whole, whatever happens; what it
 * links to is written, and the link stays. A device or a pipe that somebody reads is written straight.
 * Errors: USAGE, FILE, MEMORY. Thread-safe. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_file_write(struct tuff_context *context, const char *path,
                                                     struct tuff_span content, struct tuff_error *error);

/* Whether tuff_file_write could write `count` files (at most 8) of these sizes, to lie beside what is there, all at the same time: they
 * are written beside where the paths lead, and removed; what stands at the paths stays. Of devices and pipes only the permission is looked
 * at. Errors: FILE (with the reason: a folder, no permission, a full disk, a quota, a limit of file sizes), MEMORY, USAGE. Thread-safe. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_file_try(struct tuff_context *context, const char *const *paths,
                                                   const uint64_t *bytes, uint32_t count, struct tuff_error *error);

/* A folder that one holder at a time writes: two trainings into one folder would mix their files. One thread at a time. */
struct tuff_folder;
/* Makes the folder, and those above it, where there is none; holds it until tuff_folder_release or the end of the process, however
 * that comes about; removes temporary files of writers that were killed. Errors: FILE (no folder can be made or written there;
 * another process, or another tuff_folder, holds it), MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_folder_hold(struct tuff_context *context, const char *path,
                                                      struct tuff_folder **folder, struct tuff_error *error);
TUFF_API void tuff_folder_release(struct tuff_folder *folder); /* NULL is legal */

/* ---- models in files ------------------------------------------------------------------------------------------------------ */

/* How a picture of one shape fills another. */
enum tuff_fit {
    TUFF_FIT_STRETCH = 0, /* the whole picture, aspect ratio not kept */
    TUFF_FIT_PAD,         /* the whole picture, aspect ratio kept, centred on a ground of `padding` */
    TUFF_FIT_CROP         /* the largest centred part of the wanted aspect ratio */
};
enum tuff_filter {
    TUFF_FILTER_BILINEAR = 0, /* triangle, widened on reduction so that nothing aliases */
    TUFF_FILTER_AREA,         /* mean over the area that an output pixel covers */
    TUFF_FILTER_BICUBIC       /* Keys 1981 with a = -0.5, widened likewise: as Pillow's */
};
enum tuff_invert {
    TUFF_INVERT_NEVER = 0,
    TUFF_INVERT_ALWAYS,
    TUFF_INVERT_LIGHT /* when the mean of the picture's border, as grey, is above 127: things on a light ground */
};
/* How a picture becomes a sample [channels, height, width] u8 (tuff_preprocess_run of <tuff/data.h> does it); stored with a model, so
 * that what it is asked later is prepared as what it learned from. (Scale and mean of the samples are part of the network.) */
struct tuff_preprocess {
    uint32_t channels; /* 1 or 3 */
    uint32_t height, width;
    enum tuff_fit mode;
    enum tuff_filter filter;
    uint8_t ground; /* around the picture with TUFF_FIT_PAD, as the sample shows it: after inversion */
    enum tuff_invert invert;
};
/* What is stored with a model. All pointers are borrowed during the call. */
struct tuff_model_save_params {
    size_t struct_size; /* sizeof(struct tuff_model_save_params) */
    /* How pictures become its samples; channels 0: it takes no pictures. Then its one input is called x, u8 [channels, height, width]. */
    struct tuff_preprocess preprocess;
    const char *const *class_names; /* NULL, or one for each of its probabilities; UTF-8 without control characters */
    uint32_t class_count;
    const struct tuff_pair *texts; /* more metadata; keys other than graph, inputs, outputs, preprocess, labels, batch */
    size_t text_count;
    /* All that the training goes on from is kept, too: optimizer states, metrics, place and random numbers, as a checkpoint has them, and the network
     * itself for the sizes of batch that it has. The file then is a checkpoint as well (tuff_model_checkpoint_load), and tuff_saved_model makes
     * the model again where there is no program that declared it. Keys of texts that begin with "fit." and "network." are its own. */
    bool training;
    uint32_t batch; /* that predictions of many samples go by; 0: the model's, 1: they go one by one */
};
/* Writes any trained model into one file: a container of the kind "model" (tuff_checkpoint_write) with the
 * parameters and running statistics that inference needs, read from the device one by one, and as texts
 *   graph            text of the network for one sample, and for a batch of `batch` (tuff_model_graph)
 *   batch            that number, where it is not 1
 *   inputs, outputs  their names in the graph, a line each
 *   preprocess       where it takes pictures, in this very form: {"channels":1,"height":28,"width":28,"mode":"pad","filter":"area","ground":0,"invert":"light"}
 *   labels           where there are any, the classes' names, a line each
 * Data stay out, and without `training` optimizer and metrics, too. path holds the old or the new content whole.
 * Errors: USAGE (sizes or classes that do not fit the model; a model without outputs), FILE, MEMORY, DEVICE_LOST. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_save(struct tuff_context *context, struct tuff_model *model,
                                                     const char *path, const struct tuff_model_save_params *params,
                                                     struct tuff_error *error);

/* A model file in memory. Immutable after open. */
struct tuff_saved;
struct tuff_saved_info {                /* borrowed from the tuff_saved, as all of this */
    uint32_t input_count, output_count; /* at most TUFF_MODEL_FIELDS and TUFF_MODEL_OUTPUTS; types of one sample */
    const struct tuff_model_output *inputs, *outputs;
    struct tuff_preprocess preprocess; /* channels 0: it takes no pictures */
    uint32_t class_count;              /* 0: it has no names for classes */
    const char *const *class_names;
    const char *graph;        /* text for tuff_graph_parse, of one sample, and of a batch */
    uint64_t sample_bytes;    /* of a picture: channels * height * width */
    uint64_t parameter_count; /* trained numbers */
    bool training;            /* the state of its training is there */
};
/* Opens what tuff_model_save wrote; destroy with tuff_saved_destroy. Everything is checked before it is used: the file's
 * checksum, the graph's text, that the file holds each of the graph's parameters and states with its type and shape and
 * nothing else, that sizes and labels agree with the graph.
 * Errors: FILE, FORMAT, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_saved_open(struct tuff_context *context, const char *path,
                                                     struct tuff_saved **saved, struct tuff_error *error);
/* The same from memory, which is copied. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_saved_decode(struct tuff_context *context, struct tuff_span file,
                                                       struct tuff_saved **saved, struct tuff_error *error);
TUFF_API void tuff_saved_destroy(struct tuff_saved *saved); /* NULL is legal */
TUFF_API const struct tuff_saved_info *tuff_saved_info(const struct tuff_saved *saved);
/* Arrays and texts of the file. Borrowed. */
TUFF_API const struct tuff_tensors *tuff_saved_tensors(const struct tuff_saved *saved);
/* Writes the file's parameters and statistics, and what the model has of its training, into a model of the same network: to evaluate it, or to
 * begin another training.
 * Errors: FORMAT (a name, type or shape that the model does not have), DEVICE_LOST, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_saved_load(const struct tuff_saved *saved, struct tuff_model *model,
                                                     struct tuff_error *error);

/* The model that was saved with `training`, made of the file alone: fields, network, batch, seed, parameters. It evaluates and predicts; to go on
 * with its training bit for bit:
 *     tuff_saved_model(device, saved, NULL, &model, &error)
 *     tuff_model_prepare(model, &data, &fit, &error)         data and settings as those of the fit that was saved
 *     tuff_saved_resume(saved, model, &error), tuff_model_fit(model, &data, &fit, &error)
 * Another number of samples, whose last batch is of another size, takes drop_last. saved must last as long as the model; progress may be NULL.
 * Errors: USAGE (saved without it), FORMAT, those of tuff_model_create. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_saved_model(struct tuff_device *device, struct tuff_saved *saved,
                                                      const struct tuff_progress *progress, struct tuff_model **model,
                                                      struct tuff_error *error);
/* As tuff_model_checkpoint_load, of this file, which tells of the fit's settings as little. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_saved_resume(const struct tuff_saved *saved, struct tuff_model *model,
                                                       struct tuff_error *error);

/* A model file's network on a device, ready to run. One thread at a time. */
struct tuff_predictor;
/* Does not need saved afterwards. Errors: DEVICE_MEMORY, COMPILE, UNSUPPORTED, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_predictor_create(struct tuff_device *device, const struct tuff_saved *saved,
                                                           struct tuff_predictor **predictor, struct tuff_error *error);
TUFF_API void tuff_predictor_destroy(struct tuff_predictor *predictor); /* NULL is legal */
/* inputs[i]: [count, sample..] of input i of tuff_saved_info, as it is stored (pictures as of tuff_preprocess_run); outputs[i]: memory for
 * [count, ..] of output i, or NULL: of no interest. Samples go by the file's batch where they fill at least the half of one, whose plan is made at the
 * first of these, and otherwise one by one. Errors: USAGE, those of runs; those of tuff_session_compile. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_predictor_run(struct tuff_predictor *predictor, const void *const *inputs,
                                                        uint64_t count, void *const *outputs, struct tuff_error *error);

/* ---- ONNX -------------------------------------------------------------------------------------------------------------------------- */

/* A model file of ONNX, mapped; weights are ranges of it. Operators of the sets 7 to 27 are read (docs/onnx.md lists them). Immutable after open. */
struct tuff_onnx;
/* A node that an app's own function builds. */
struct tuff_onnx_op;
struct tuff_onnx_end;
struct tuff_onnx_params {
    size_t struct_size;
    const char
        *folder; /* where files of external weights are; NULL: beside the model. Paths that lead out of it are refused */
    bool f16_weights; /* f32 weights are held as f16: half of the memory; the sums stay f32 */
    /* Builds nodes that no row knows: puts each result (tuff_onnx_op_put) and returns true, or false for "neither do I". */
    bool (*own)(void *user, struct tuff_graph *g, struct tuff_onnx_op *op);
    void *own_user;
    /* Decodes the file of a picture for ImageDecoder: pixels [height, width, channels] (1 or 3; RGB), which the user keeps until the next call.
     * NULL: the operator is not covered (libtuff has no codecs; tuff_picture_decode of libtuff_data does it). */
    bool (*picture)(void *user, struct tuff_span file, uint32_t channels, uint32_t *width, uint32_t *height,
                    const uint8_t **pixels);
    void *picture_user;
    /* Told of each result of a node when it is built: its name, of the file and without a zero byte at its end, and type. */
    void (*result)(void *user, struct tuff_span name, const struct tuff_onnx_end *type);
    void *result_user;
};
/* Opens a model; destroy it with tuff_onnx_destroy, after its runners. params may be NULL.
 * Source: onnx.proto3 and Operators.md of onnx/onnx 1.22. Memory: about 10 bytes for each byte of the file that is no weight.
 * Errors: FILE, FORMAT, MEMORY, UNSUPPORTED (a build without nanopb). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_onnx_open(struct tuff_context *context, const char *path,
                                                    const struct tuff_onnx_params *params, struct tuff_onnx **onnx,
                                                    struct tuff_error *error);
/* The same from memory, which is copied. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_onnx_decode(struct tuff_context *context, struct tuff_span file,
                                                      const struct tuff_onnx_params *params, struct tuff_onnx **onnx,
                                                      struct tuff_error *error);
TUFF_API void tuff_onnx_destroy(struct tuff_onnx *onnx); /* NULL is legal */
/* An input, or an output, as the file declares it. */
struct tuff_onnx_end {
    char name[128];
    enum tuff_element element;         /* 0: no tensor of a type that is read */
    int32_t rank;                      /* -1: not said */
    int64_t dim[TUFF_FILE_RANK];       /* -1: it is open, */
    char dim_name[TUFF_FILE_RANK][40]; /* and has perhaps a name */
};
TUFF_API uint32_t tuff_onnx_input_count(const struct tuff_onnx *onnx); /* without initializers */
TUFF_API struct tuff_onnx_end tuff_onnx_input(const struct tuff_onnx *onnx, uint32_t index);
TUFF_API uint32_t tuff_onnx_output_count(const struct tuff_onnx *onnx);
TUFF_API struct tuff_onnx_end tuff_onnx_output(const struct tuff_onnx *onnx, uint32_t index);
TUFF_API uint32_t tuff_onnx_weight_count(const struct tuff_onnx *onnx); /* initializers */
TUFF_API struct tuff_onnx_end tuff_onnx_weight(const struct tuff_onnx *onnx, uint32_t index);
/* A node, whether it can run or not; texts are of the file, without a zero byte at their end. */
struct tuff_onnx_node_info {
    struct tuff_span op, domain, name, function; /* the model's function that it is part of; bytes 0: none */
    const struct tuff_span *inputs, *outputs;    /* names of values; bytes 0: left out */
    uint32_t input_count, output_count, attribute_count;
    uint32_t parent; /* the node whose attribute is the graph that it is in, or UINT32_MAX */
    int64_t version; /* of its domain's operators; 0: the model does not say */
    bool covered; /* the operator, or it is a function of the model; whether its types and attributes are, building tells */
    const struct tuff_onnx_node *node;
};
/* Those of the model's graph in their order, of the graphs within them, of functions. */
TUFF_API uint32_t tuff_onnx_node_count(const struct tuff_onnx *onnx);
TUFF_API struct tuff_onnx_node_info tuff_onnx_node(const struct tuff_onnx *onnx, uint32_t index);
/* Metadata (metadata_props), in the order of the file; texts are the model's. Pairs that are not UTF-8, or hold a zero byte, are left out. Under a key the
 * last one counts; NULL: there is none. */
TUFF_API uint32_t tuff_onnx_text_count(const struct tuff_onnx *onnx);
TUFF_API struct tuff_pair tuff_onnx_text_get(const struct tuff_onnx *onnx, uint32_t index);
TUFF_API const char *tuff_onnx_text(const struct tuff_onnx *onnx, const char *key);
/* An attribute as text, "pads = 1, 1", cut to the size with its zero byte. Returns text. */
TUFF_API const char *tuff_onnx_attribute(const struct tuff_onnx_node_info *node, uint32_t index, char *text, size_t size);

/* Opens a file of one TensorProto, as ONNX's test data are (input_0.pb); destroy with tuff_tensors_destroy. Errors: FILE, FORMAT, MEMORY, UNSUPPORTED. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_onnx_tensor_open(struct tuff_context *context, const char *path,
                                                           struct tuff_tensors **tensors, struct tuff_error *error);

/* Of the node that an app's own function builds: its operator and domain, attributes (`standard` where there is none), operands (0: left
 * out) and results. */
TUFF_API struct tuff_pair
tuff_onnx_op_name(const struct tuff_onnx_op *op); /* key: domain, value: operator; during the call */
TUFF_API int64_t tuff_onnx_op_int(const struct tuff_onnx_op *op, const char *attribute, int64_t standard);
TUFF_API double tuff_onnx_op_number(const struct tuff_onnx_op *op, const char *attribute, double standard);
TUFF_API tuff_val tuff_onnx_op_operand(const struct tuff_onnx_op *op, uint32_t index);
TUFF_API void tuff_onnx_op_put(struct tuff_onnx_op *op, uint32_t index, tuff_val value);

struct tuff_onnx_add_params {
    size_t struct_size;
    const tuff_val
        *inputs; /* [tuff_onnx_input_count] values of the graph, floats for floats; their shapes hold for this call */
    const char *const
        *outputs; /* names of values of the model, wherever they are: where the network is cut; NULL: its own outputs */
    uint32_t output_count; /* of these */
    const char *prefix;    /* of the names of parameters and states, "backbone."; NULL: none */
    bool
        training; /* batch norm by the batch's statistics, which the running ones then follow, and dropout; else as in inference */
};
/* Adds the model's network, as far as the outputs need it, to a graph: to train it further, with another head, or as a part of another network. Weights
 * are parameters of f32 that begin with the file's numbers and have its names, running statistics are states; a second call (for inference, for
 * another size) shares them. In a model's build function: groups of parameters by patterns of these names freeze them or give them other rates.
 * onnx must last as long as the graph is built. Errors: as tuff_onnx_run; also left in the graph (tuff_graph_finish). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_onnx_add(const struct tuff_onnx *onnx, struct tuff_graph *g,
                                                   const struct tuff_onnx_add_params *params, tuff_val *outputs,
                                                   struct tuff_error *error);

/* An ONNX model on a device. Each set of shapes that it is given has a plan of its own, made when it comes first; they share weights and
 * pipelines. One thread at a time. */
struct tuff_onnx_runner;
/* device NULL: runs build the model, give no outputs, and tuff_onnx_runner_graph tells what it became. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_onnx_runner_create(struct tuff_device *device, const struct tuff_onnx *onnx,
                                                             const struct tuff_progress *progress,
                                                             struct tuff_onnx_runner **runner, struct tuff_error *error);
TUFF_API void tuff_onnx_runner_destroy(struct tuff_onnx_runner *runner); /* NULL is legal */
/* Makes what runs of inputs of these shapes take, plan and pipelines, so that the first one takes no longer than others. Data of inputs may be NULL, but
 * for compile-time values (see tuff_onnx_run; USAGE says which). Errors: as tuff_onnx_run. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_onnx_prepare(struct tuff_onnx_runner *runner, const struct tuff_array *inputs,
                                                       uint32_t input_count, struct tuff_error *error);
/* Runs the model on inputs, which are found by their names (one without a name: by its place); elements of another type are converted as by
 * tuff_executable_write_as. An input whose numbers set shapes or choose a branch is a compile-time value: another value is another plan. Then
 *   outputs  [tuff_onnx_output_count] views in the order of the file, until the next run; may be NULL
 * Errors: USAGE (inputs that do not fit), FORMAT (a model against the specification), UNSUPPORTED (what is not covered: operator, node and
 * reason), those of tuff_session_compile and of runs. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_onnx_run(struct tuff_onnx_runner *runner, const struct tuff_array *inputs,
                                                   uint32_t input_count, struct tuff_array *outputs,
                                                   struct tuff_error *error);
/* The graph, and the *count values that the last run computes, or was prepared to: for tuff_plan_ask. All of the runner; NULL before one and after a failure. */
TUFF_API struct tuff_graph *tuff_onnx_runner_graph(const struct tuff_onnx_runner *runner, const tuff_val **outputs,
                                                   uint32_t *count);
/* Hangs output `index` of the last run on random numbers? ONNX says their distribution alone. */
TUFF_API bool tuff_onnx_is_random(const struct tuff_onnx_runner *runner, uint32_t index);

/* What a named value of a network lies within, as calibration found it: low <= high; 0 is added. */
struct tuff_onnx_range {
    const char *name;
    float low, high;
};
/* What is written as an ONNX model, for inference. One of the three says it:
 *   session  and `outputs`: values of its graph and all that they need, with the content of parameters and states; called as tuff_named says
 *   saved    a model file: its network, for any number of samples ("N") where it has no number of its own for it, else for one; preprocessing and
 *            the classes' names as metadata, "preprocess" and "labels", as in the file
 *   runner   a model that was read, as it ran last: of those shapes and compile-time values */
struct tuff_onnx_write_params {
    size_t struct_size;
    struct tuff_session *session;
    const tuff_val *outputs;
    uint32_t output_count;
    const struct tuff_saved *saved;
    struct tuff_onnx_runner *runner;
    const struct tuff_pair *texts; /* more metadata */
    size_t text_count;
    bool f16_weights; /* f32 weights are stored as f16, and cast back where they are read */
    /* int8: these values pass through QuantizeLinear and DequantizeLinear. A convolution or product by fixed weights, whose operand and result are
     * among them, has weights of i8 (-127 .. 127; sums and factors of each channel behind it, as of batch norm, are folded in) and biases of i32; bounds
     * before the result (relu) stay. The result is the last such value that has a range; those before it are not written. */
    const struct tuff_onnx_range *ranges;
    size_t range_count;
    bool signed_activations, one_weight_scale; /* i8, not u8; for a whole weight, not for each of its output channels */
    /* Asked of each product, by the name of the first named value behind it: true: quantize it. why: what it is left for in any case; NULL: nothing. */
    bool (*layer)(void *user, const char *name, const char *why);
    void *layer_user;
    bool beside; /* weights go into PATH.data, also where all is smaller than 2 GiB */
};
/* Writes operator set 18 (ONNX 1.13). Names of inputs, outputs, parameters and of named values are kept. Weights are read from where they are one
 * by one; of more than 2 GiB into PATH.data. Quantized weights are written as f32; random numbers as RandomUniform, which draws others.
 * Source: onnx.proto3 and Operators.md of onnx/onnx 1.22.
 * Errors: UNSUPPORTED (what has no form in ONNX: gradients, packs, assignments, an app's own rows; a build without nanopb), USAGE, FILE, MEMORY,
 * DEVICE_LOST. path holds the old or the new content whole. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_onnx_write(struct tuff_context *context, const char *path,
                                                     const struct tuff_onnx_write_params *params, struct tuff_error *error);

/* ---- training in files ------------------------------------------------------------------------------------------------------ */

/* Where tuff_model_fit saves what it needs to go on:
 *     struct tuff_model_checkpoint checkpoint = {sizeof checkpoint, context, "training.tuff", NULL, 0};
 *     params.save = tuff_model_checkpoint_save, params.save_user = &checkpoint; */
struct tuff_model_checkpoint {
    size_t struct_size; /* sizeof(struct tuff_model_checkpoint) */
    struct tuff_context *context;
    const char *path;              /* holds the old or the new content whole */
    const struct tuff_pair *texts; /* more metadata (tuff_tensors_text); keys other than those that begin with "fit." */
    size_t text_count;
};
/* Writes all leaves of the model (tuff_model_leaf) and its place in the training, every bit of them, as a file of the kind
 * "checkpoint". checkpoint: a struct tuff_model_checkpoint. Errors: FILE, MEMORY, DEVICE_LOST. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_checkpoint_save(void *checkpoint, struct tuff_model *model,
                                                                struct tuff_error *error);
/* Puts a model back to where it was saved, after tuff_model_prepare with the same data and parameters and before the first
 * fit; that fit then goes on bit for bit as if it had never stopped. Nothing is written to the model unless the file holds
 * each of its leaves with type and shape, and nothing else. Of the fit's settings the file tells the kind of optimizer and its groups: rates, schedule,
 * decay, clipping, early stop are those that prepare and fit are given.
 * Errors: FILE, FORMAT (also: of another network, kind of optimizer or groups of parameters), DEVICE_LOST, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_model_checkpoint_load(struct tuff_context *context, struct tuff_model *model,
                                                                const char *path, struct tuff_error *error);

#ifdef __cplusplus
}
#endif
#endif
