/* data.h - data and weights of other programs' files: pictures (PNG, JPEG, WebP, GIF, BMP, PNM, TIFF, JPEG 2000), data sets of them (IDX, class folders), numpy's
 * arrays, weights of PyTorch and Keras. Public. They are a library of their own beside libtuff, libtuff_data: who calls none of this needs neither it nor what it links.
 *
 * What loaders.h says holds here too: files are untrusted, any thread may call, and which errors every reader may give. */
#ifndef TUFF_DATA_H
#define TUFF_DATA_H

#include "loaders/loaders.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- pictures --------------------------------------------------------------------------------------------------------- */

/* Rows from the top, samples interleaved, no padding: pixels [height, width, channels] u8. Zero it before the first use. */
struct tuff_picture {
    uint32_t width, height; /* >= 1 */
    uint32_t channels;      /* 1 grey, 3 RGB, 4 RGB and alpha (not premultiplied) */
    uint8_t *pixels;        /* [owned] */
};

enum tuff_alpha {
    TUFF_ALPHA_BLEND = 0, /* over white: (c * a + 255 * (255 - a)) / 255, rounded; the picture has 1 or 3 channels */
    TUFF_ALPHA_KEEP,      /* a picture with alpha has 4 channels, also a grey one */
    TUFF_ALPHA_DROP       /* alpha is ignored */
};

/* What a picture's library warned of although it could read the picture. */
struct tuff_picture_damage {
    uint32_t warnings; /* 0: nothing is wrong */
    char first[200];   /* the first of them, as by tuff_printable */
};

/* How a picture is read. Zero is the default of every field but struct_size. */
struct tuff_picture_options {
    size_t struct_size; /* sizeof(struct tuff_picture_options) */
    enum tuff_alpha alpha;
    uint64_t max_pixels;                /* larger pictures are refused; 0: 2^27 */
    bool ignore_orientation;            /* leave the rows as stored; otherwise the orientation of JPEG and TIFF is applied */
    uint64_t max_expansion;             /* most bytes of pixels for each byte of the file, above 64 MiB of pixels; 0: 1024 */
    struct tuff_picture_damage *damage; /* written where the picture could be read; may be NULL */
};

/* Reads a PNG, JPEG, WebP, GIF, BMP, PNM, TIFF or JPEG 2000 file (found by its first bytes). options may be NULL; finish the picture with
 * tuff_picture_finish.
 * Samples are as stored: no colour profile and no gamma is applied. PNG: a palette becomes RGB, 1, 2 and 4 bits become
 * 8 by v * 255 / maxval, 16 bits by v / 257 rounded; a tRNS colour is alpha. JPEG: baseline, progressive and arithmetic;
 * CMYK becomes RGB by r = c * k / 255 of the inverted (Adobe) values; 12 bits are refused. WebP: still pictures. GIF: the first
 * frame, on its screen, of which the rest is transparent. BMP: not compressed, no palette of OS/2. PNM: P5 and P6 of up to 8 bits, by
 * v * 255 / maxval. TIFF: the first page, all that libtiff's TIFFRGBAImage reads (16 bits of grey become the upper 8, of colours v / 257
 * rounded); colours that are multiplied by alpha are divided by it. JPEG 2000: a JP2 file or a bare codestream of 1 to 4 components
 * (grey, RGB or sYCC, with or without alpha) of up to 16 bits, by v * 255 / maxval; components of fewer samples repeat them.
 * Damage: a JPEG that is cut off, has bytes between its markers, wrong codes or no end is read as libjpeg's own tools read it; the
 * log gets a warning, options->damage the count and the first sentence. Every damaged chunk of a PNG is refused (each carries a CRC), and so
 * is what is cut off in the other formats; what libtiff and OpenJPEG warn of is counted, as of a JPEG. Bytes after the end of the
 * picture are ignored. A JPEG carries no checksum: other damage shows up as a different picture.
 * Memory: at most 64 MiB of pixels, or max_expansion times the file where that is more; while a picture is decoded, up to four
 * times its pixels (the coefficients of a progressive JPEG), of JPEG 2000 ten times. libtiff 4.5 and OpenJPEG 2.5 take memory of their
 * own, and do not survive every failure of malloc.
 * Errors: FILE, FORMAT, MEMORY, UNSUPPORTED (12 bits; an animated WebP; a compressed BMP; a PNM of 16 bits or of text; colours of TIFF and
 * JPEG 2000 that their libraries do not convert; a build without the format's library). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_picture_read(struct tuff_context *context, const char *path,
                                                       const struct tuff_picture_options *options,
                                                       struct tuff_picture *picture, struct tuff_error *error);
/* The same from memory. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_picture_decode(struct tuff_context *context, struct tuff_span file,
                                                         const struct tuff_picture_options *options,
                                                         struct tuff_picture *picture, struct tuff_error *error);
/* Name of the format number index among those that this build reads, as "JPEG"; NULL behind the last. Static text. Thread-safe. */
TUFF_API const char *tuff_picture_kind(uint32_t index);
/* Frees the pixels and zeroes the struct. */
TUFF_API void tuff_picture_finish(struct tuff_context *context, struct tuff_picture *picture);
/* Writes a PNG file of 8 bits and 1, 3 or 4 channels; path holds the old or the new content whole.
 * Errors: USAGE, FILE, MEMORY, UNSUPPORTED (a build without libpng). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_picture_write_png(struct tuff_context *context, const char *path,
                                                            const struct tuff_picture *picture, struct tuff_error *error);

/* Zero is the default of every field but struct_size and the three sizes. */
struct tuff_picture_fit_params {
    size_t struct_size;     /* sizeof(struct tuff_picture_fit_params) */
    uint32_t channels;      /* 1 or 3 */
    uint32_t height, width; /* of the result, 1 .. 32768 */
    enum tuff_fit mode;
    enum tuff_filter filter;
    uint8_t padding; /* ground of TUFF_FIT_PAD, before inversion */
    bool invert;     /* v becomes 255 - v: dark writing on paper becomes the light writing of MNIST */
};

/* Resizes and converts a picture to out [channels, height, width] u8, planes one after the other (NCHW with n = 1).
 *   grey     (299 r + 587 g + 114 b + 500) / 1000 (ITU-R BT.601); grey to RGB repeats; alpha is blended over white first
 *   resize   each axis alone, out[i] = sum_k w[i,k] in[k] / sum_k w[i,k], source window [o, o + m), step s = m / n:
 *            bilinear  w[i,k] = max(0, 1 - |k + 1/2 - (o + (i + 1/2) s)| / max(s, 1))
 *            bicubic   w[i,k] = K(d), d = |k + 1/2 - (o + (i + 1/2) s)| / max(s, 1), K(d) = 1.5 d^3 - 2.5 d^2 + 1 up to 1,
 *                      -0.5 d^3 + 2.5 d^2 - 4 d + 2 up to 2, kept within 0 .. 255 (Keys 1981)
 *            area      w[i,k] = length of [k, k+1) within [o + i s, o + (i+1) s)
 *   pad      the picture takes round(w f) x round(h f) pixels, f = min(width / w, height / h), at floor(rest / 2)
 * Numerics: weights have 22 bits and sum to one exactly; a constant picture stays constant; off by at most one level from
 * the exact sum; integer sums, the same on every machine.
 *   out      channels * height * width bytes, written on success only
 * Errors: USAGE, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_picture_fit(struct tuff_context *context, const struct tuff_picture *picture,
                                                      const struct tuff_picture_fit_params *params, uint8_t *out,
                                                      struct tuff_error *error);

/* Makes a sample of a picture, as a model file says: preprocess of struct tuff_saved_info.
 *   out      channels * height * width bytes, written on success only
 * Errors: as tuff_picture_fit. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_preprocess_run(struct tuff_context *context,
                                                         const struct tuff_preprocess *preprocess,
                                                         const struct tuff_picture *picture, uint8_t *out,
                                                         struct tuff_error *error);

/* ---- IDX -------------------------------------------------------------------------------------------------------------- */

/* The array of an IDX file, row-major, in the host's byte order. Zero it before the first use. */
struct tuff_idx {
    enum tuff_element element; /* U8, I8, I16, I32, F32 or F64 */
    uint32_t rank;             /* 1 .. TUFF_FILE_RANK */
    uint64_t dim[TUFF_FILE_RANK];
    uint64_t count; /* product of dim; 0 is legal */
    void *data;     /* [owned] count elements, aligned as by malloc */
};

/* Reads an IDX file, plain or compressed by gzip (found by its first bytes, not by its name).
 * Source: the IDX description of the MNIST database; RFC 1951 and 1952.
 *   limit  most bytes of the decompressed file; 0: 4 GiB, of a gzip file also 100 times its size where that is above 256 MiB
 *   idx    filled on success; finish it with tuff_idx_finish
 * The file must end exactly where its header says. Of a gzip file length and CRC-32 are checked, so every flipped bit of
 * the compressed data is refused, and so is a header that sets a reserved or the text flag, or an unknown compression
 * hint or system. What no reader can check is what carries no information about the data: the modification time (4
 * bytes), which of the known systems and hints is named (2 bytes), and the text of an original file name or comment
 * (unless the header carries its own CRC, which is checked).
 * Errors: FILE, FORMAT, MEMORY, UNSUPPORTED (gzip in a build without zlib). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_idx_read(struct tuff_context *context, const char *path, size_t limit,
                                                   struct tuff_idx *idx, struct tuff_error *error);
/* Frees the data and zeroes the struct. */
TUFF_API void tuff_idx_finish(struct tuff_context *context, struct tuff_idx *idx);

/* ---- data sets ---------------------------------------------------------------------------------------------------------- */

/* Labelled pictures in memory. Zero it before the first use. */
struct tuff_dataset {
    uint64_t count; /* n >= 1 */
    uint32_t channels, height, width;
    uint8_t *pictures;        /* [owned] [n, c, h, w] u8 */
    int32_t *labels;          /* [owned] [n], 0 .. class_count - 1 */
    uint32_t class_count;     /* >= 1 */
    const char **class_names; /* [owned] one allocation with its texts, class_count of them */
    uint64_t skipped;         /* unreadable pictures that were left out */
};
/* Frees what it owns and zeroes the struct. */
TUFF_API void tuff_dataset_finish(struct tuff_context *context, struct tuff_dataset *dataset);

/* Reads a folder with the files of MNIST, Fashion-MNIST or EMNIST: train-images-idx3-ubyte, train-labels-idx1-ubyte,
 * t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, each plain or with .gz, with '.' in place of the second '-', with a prefix that ends
 * in '-', and with "test" in place of "t10k". Images are u8 [n, h, w] or [n, c, h, w], labels u8 [n]. There are as many classes as the
 * largest label asks for, 10 at least. Their names are those of Fashion-MNIST when the folder's own name contains "fashion" (in any
 * case) and there are 10; else letters as a file mapping.txt has them (lines of label and ASCII code), else "0", "1", ..
 *   train, test  both filled, or neither; finish each
 * Errors: FILE (the folder or one of the files is missing), FORMAT (damage; numbers of images and labels that differ; sizes
 * of train and test that differ; no pictures; files of several sets), MEMORY, UNSUPPORTED (gzip in a build without zlib). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_dataset_read_idx(struct tuff_context *context, const char *folder,
                                                           struct tuff_dataset *train, struct tuff_dataset *test,
                                                           struct tuff_error *error);

/* Why a file of the folder is not in a data set. */
enum tuff_left_out {
    TUFF_LEFT_OUT_UNREADABLE = 0, /* first: the sentence of why */
    TUFF_LEFT_OUT_ENDING,         /* its name does not end as that of a picture */
    TUFF_LEFT_OUT_HIDDEN,         /* its name begins with '.' */
    TUFF_LEFT_OUT_NESTED,         /* a folder within a class folder */
    TUFF_LEFT_OUT_BESIDE,         /* a file beside the class folders */
    TUFF_LEFT_OUT_REASONS
};
/* "cannot be read", "..."; NULL for another number. Static text. Thread-safe. */
TUFF_API const char *tuff_left_out_name(enum tuff_left_out reason);
struct tuff_folder_report {
    struct {
        uint64_t count;
        char first[300]; /* of them: its path within the folder, or the sentence; as by tuff_printable */
    } left_out[TUFF_LEFT_OUT_REASONS], damaged /* read all the same: tuff_picture_damage; first: path and warning */;
};

/* How a folder of class folders becomes a data set. Zero is the default of every field but struct_size and fit. */
struct tuff_folder_params {
    size_t struct_size;                 /* sizeof(struct tuff_folder_params) */
    struct tuff_picture_fit_params fit; /* size and shape of every picture (its struct_size too) */
    double test_fraction;               /* 0 .. 1: part of the pictures that go into test */
    bool skip_unreadable;          /* leave a bad picture out and count it; otherwise it is an error that names the file */
    uint64_t max_bytes;            /* of all pictures together; 0: 4 GiB */
    struct tuff_progress progress; /* "reading pictures", once a picture */
    struct tuff_folder_report *report; /* written, also on failure: what was left out or is damaged; may be NULL */
};

/* Reads folder/CLASS/PICTURE: every folder is a class, in the order of the bytes of its name; every file that ends in .png,
 * .jpg, .jpeg, .webp, .gif, .bmp, .pgm, .ppm, .pnm, .tif, .tiff, .jp2 or .j2k (in any case) is a picture; other files, and what begins with '.', are left out and counted.
 * A picture goes into test when hash("CLASS/PICTURE") / 2^64 < test_fraction, so adding pictures moves no other; a class
 * that would have none left to train on keeps all of its pictures in train.
 *   train, test  both filled, or neither; finish each. test->count is 0, with no arrays, when nothing falls into test
 * Errors: FILE (no such folder, an unreadable file), FORMAT (no class folders, a class without pictures, a damaged
 * picture, more than max_bytes), CANCELLED (by progress), MEMORY, UNSUPPORTED. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_dataset_read_folder(struct tuff_context *context, const char *folder,
                                                              const struct tuff_folder_params *params,
                                                              struct tuff_dataset *train, struct tuff_dataset *test,
                                                              struct tuff_error *error);

/* ---- numpy's arrays ------------------------------------------------------------------------------------------------------ */

/* Opens a file of numpy's: .npy (its array is called as the file, without the ending), or .npz, an archive of such (each called as
 * numpy.load calls it). Found by its first bytes.
 * Source: numpy.lib.format, versions 1.0 to 3.0; PKWARE's APPNOTE of zip, members stored or deflated.
 *   limit    most bytes of all arrays of an .npz together; 0: 256 MiB, or 100 times the file where that is more
 *   tensors  destroy with tuff_tensors_destroy
 * bool, whole numbers and floats of 16 to 64 bits, of either byte order, in C or Fortran order; what comes out is row-major and little-endian.
 * An .npy that lies so is not copied; members of archives, and what is turned, are held in memory. A file must end where its header says,
 * and members of an archive must have their CRC-32. In an archive, members that are no such arrays are left out: each is a text of tensors
 * (tuff_tensors_text_get), its name and why.
 * Errors: FILE, FORMAT, MEMORY, UNSUPPORTED (texts, records, complex numbers, Python objects; encryption; an .npz in a build without libzip). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_numpy_open(struct tuff_context *context, const char *path, size_t limit,
                                                     struct tuff_tensors **tensors, struct tuff_error *error);
/* The same from memory, which is copied; the array of an .npy is called "memory". */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_numpy_decode(struct tuff_context *context, struct tuff_span file, size_t limit,
                                                       struct tuff_tensors **tensors, struct tuff_error *error);
/* Writes an .npy file of version 1.0, in C order; path holds the old or the new content whole. The array's name is not used.
 * Errors: USAGE (bytes that do not fit the shape, BF16, which numpy lacks), FILE, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_npy_write(struct tuff_context *context, const char *path,
                                                    const struct tuff_array *array, struct tuff_error *error);
/* Writes an .npz file, as numpy.savez does: an .npy for each array, called NAME.npy, not compressed; in any build.
 * Errors: as tuff_npy_write; USAGE also for a name that is empty, no UTF-8, or there twice. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_npz_write(struct tuff_context *context, const char *path,
                                                    const struct tuff_array *arrays, size_t count, struct tuff_error *error);

/* ---- weights of other frameworks --------------------------------------------------------------------------------------------- */

/* Opens tensors that PyTorch saved by torch.save (.pt, .pth, .bin): a state dict, or dicts, lists and tuples of tensors, as checkpoints are.
 * Both of its forms: zip archives, and what PyTorch wrote from 0.1.10 until 1.6 (pickles, then the storages, little-endian whatever machine wrote them),
 * also in a build without libzip.
 * Source: torch/serialization.py of PyTorch 1.6 to 2.7; Python's pickletools, protocols 2 to 4.
 *   limit    most bytes of what is read and made: storages and pickle, and once more tensors that do not lie row-major without gaps, those of BOOL,
 *            and (as F32) of floats of 8 bits; 0: 256 MiB, or 100 times the file where that is more
 *   tensors  destroy with tuff_tensors_destroy
 * Beside that, at most 256 MiB for what else the pickle makes: containers, numbers, texts, and the tensors' names.
 * Nothing of the file is executed. Tensors are called by the way that leads to them, joined by '.': "model.conv1.weight", "optimizer.state.0.step"; a
 * file that is one tensor calls it "tensor". They are row-major, whatever their strides. Other values are left out: the text "left out" counts them.
 * Types as of tuff_safetensors_open; floats of 8 bits become F32.
 * Errors: FILE, FORMAT, MEMORY, UNSUPPORTED (anything but tensors in containers, by the name of what the file would call; complex, quantized and sparse
 * tensors; several objects in one file; tar archives of PyTorch before 0.1.10; a zip archive in a build without libzip). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_torch_open(struct tuff_context *context, const char *path, size_t limit,
                                                     struct tuff_tensors **tensors, struct tuff_error *error);
/* The same from memory, which is copied. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_torch_decode(struct tuff_context *context, struct tuff_span file, size_t limit,
                                                       struct tuff_tensors **tensors, struct tuff_error *error);

/* Opens the weights of a Keras model, .weights.h5, .h5 or .keras (an archive with such a file in it), and other HDF5 files of arrays.
 * Source: HDF5 File Format Specification, version 3.0, as far as h5py writes it unless it is told otherwise: superblocks 0 and 1, groups with symbol tables,
 * contiguous and compact data of whole numbers and floats of 16 to 64 bits, of either byte order.
 * Arrays are called by their path without the first '/', "layers/dense/vars/0". Attributes are not read; data of other types is left out, and is a text of
 * tensors: its name and why.
 *   limit    of what a .keras archive holds; 0: 256 MiB, or 100 times the file where that is more
 * Errors: FILE, FORMAT, MEMORY, UNSUPPORTED (the newer form of groups, chunked or compressed data; .keras in a build without libzip). */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_hdf5_open(struct tuff_context *context, const char *path, size_t limit,
                                                    struct tuff_tensors **tensors, struct tuff_error *error);
/* The same from memory, which is copied. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_hdf5_decode(struct tuff_context *context, struct tuff_span file, size_t limit,
                                                      struct tuff_tensors **tensors, struct tuff_error *error);

/* Opens a file of weights of any of these kinds, found by its first bytes: safetensors or their index, PyTorch's, Keras', numpy's, Tuff's models and
 * checkpoints. limit as there. Errors: those of the kind; UNSUPPORTED where it is none. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_tensors_open(struct tuff_context *context, const char *path, size_t limit,
                                                       struct tuff_tensors **tensors, struct tuff_error *error);
/* Which kind: "safetensors", "PyTorch", "HDF5", "numpy", "tuff"; NULL: none of them. Static text. Errors: FILE, MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_tensors_kind(struct tuff_context *context, const char *path, const char **kind,
                                                       struct tuff_error *error);

/* How names of a file become names of parameters; the first rule that matches counts:
 *     {"module.*", "*"}, {"*.num_batches_tracked", NULL}, {"*:kernel", "*.weight", "10"} */
struct tuff_name_rule {
    const char *from; /* '*' stands for any letters, also none, as few as will do; at most 8 of them */
    const char *to;   /* its '*' are what those of `from` stood for, in their order; NULL: such tensors are left out */
    const char
        *axes; /* the tensor's axis for each of the parameter's: "10" transposes, "3201" makes Keras' kernels of convolutions
                         PyTorch's and Tuff's; NULL: as they are */
};
enum tuff_weight_fate {
    TUFF_WEIGHT_WRITTEN = 0,
    TUFF_WEIGHT_LEFT_OUT, /* by a rule */
    TUFF_WEIGHT_UNUSED,   /* no parameter is called so */
    TUFF_WEIGHT_UNSET     /* no tensor is called so */
};
struct tuff_weights_report {
    uint64_t written, left_out, unused, unset;
};
struct tuff_weights_params {
    size_t struct_size;             /* sizeof(struct tuff_weights_params) */
    struct tuff_model *model;       /* either this, before the first fit or behind one, */
    struct tuff_session *session;   /* or this, with */
    const struct tuff_graph *graph; /* its graph */
    const struct tuff_name_rule
        *rules; /* a name that none matches stays as it is; layers are called as PyTorch's modules, and so are their
                                           parameters, which lie as PyTorch's do */
    size_t rule_count;
    bool allow_unused, allow_unset; /* else such tensors and parameters are an error that counts them and names the first */
    void (*told)(void *user, enum tuff_weight_fate fate, const char *tensor,
                 const char *parameter); /* of each; NULL: nobody is. What a name
                                                                                                       does not lead to is NULL */
    void *told_user;
};
/* Writes the tensors of a file into the parameters and states of that name. Nothing is written unless all fit: shapes, where dimensions of 1 count for
 * nothing, names on both sides, and types (no floats where whole numbers are). Elements are converted as by tuff_array_convert, one tensor after the
 * other: one that its type cannot hold (1e6 as f16) leaves the tensors before it written. Unset are parameters, and the states of layers that have some.
 *   report  written, also on failure; may be NULL
 * Errors: FORMAT (names or shapes that do not fit, an element that the type cannot hold), USAGE, MEMORY, DEVICE_LOST. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_weights_load(struct tuff_context *context, const struct tuff_tensors *tensors,
                                                       const struct tuff_weights_params *params,
                                                       struct tuff_weights_report *report, struct tuff_error *error);

/* ---- samples from arrays ------------------------------------------------------------------------------------------------ */

/* Samples of a model from arrays, whatever file they are of:
 *     struct tuff_array arrays[TUFF_MODEL_FIELDS];
 *     tuff_numpy_open(context, "digits.npz", 0, &file, &error);
 *     tuff_tensors_find(file, "x", &arrays[0]), tuff_tensors_find(file, "y", &arrays[1]);
 *     tuff_columns_take(context, params.fields, arrays, &columns, &error);      fields of tuff_model_params
 *     tuff_model_fit(model, &columns.data, &fit, &error); */
struct tuff_columns {
    struct tuff_data data;        /* fields [count, sample..] of each: views of the arrays, or copies */
    void *own[TUFF_MODEL_FIELDS]; /* [owned] those that are copies */
};
/* Row k of each array is sample k.
 *   fields   up to the first without a name, at most TUFF_MODEL_FIELDS
 *   arrays   one for each field, of the shape [count, sample..]; dimensions of 1 behind the first count for nothing. What answers have no array
 *            (zeros in its place) are NULL. Their memory must last as long as the columns
 *   columns  filled on success; finish them with tuff_columns_finish
 * Elements of another type are converted: floats are rounded and must not become infinite, whole numbers must be possible in the field's type
 * (i64 labels in i32), and floats do not become whole numbers.
 * Errors: FORMAT (an array that does not fit its field, numbers of samples that differ, none), MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_columns_take(struct tuff_context *context, const struct tuff_field *fields,
                                                       const struct tuff_array *arrays, struct tuff_columns *columns,
                                                       struct tuff_error *error);
TUFF_API void tuff_columns_finish(struct tuff_context *context, struct tuff_columns *columns);

#ifdef __cplusplus
}
#endif
#endif
