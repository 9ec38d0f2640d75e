/* spatial.h - layers over space: convolutions in one to three dimensions, their transposes, padding. Public, part of graph.h.
 *
 * Values are [n, c, ..]: pictures of c channels whose further axes are space; L stands for one, [d, h, w] for three. Layers are as layers.h says:
 * parameters called NAME.weight and NAME.bias, zero the default of every field but sizes. */
#ifndef TUFF_SPATIAL_H
#define TUFF_SPATIAL_H

#include "graph/operators.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- padding ------------------------------------------------------------------------------------------------------------------- */

enum tuff_pad_mode {
    TUFF_PAD_ZEROS = 0,
    TUFF_PAD_REFLECT,   /* c b | a b c | b a: less than the axis; numpy.pad's reflect */
    TUFF_PAD_REPLICATE, /* a a | a b c | c c: edge */
    TUFF_PAD_CIRCULAR   /* b c | a b c | a b: at most the axis; wrap */
};
/* x with before[i] elements more at the begin of axis i, and after[i] at its end. Source: torch.nn.functional.pad; ONNX Pad-19.
 *   x  any shape and type but block-quantized weights; arrays of x's rank
 * A composition of slices; the gradient adds up what each element was copied to. Errors: SHAPE (more than the mode can give), USAGE (mode). */
TUFF_API tuff_val tuff_pad_with(struct tuff_graph *g, tuff_val x, const uint32_t *before, const uint32_t *after,
                                enum tuff_pad_mode mode);

/* ---- convolution ------------------------------------------------------------------------------------------------------------------ */

struct tuff_conv1d_params {
    uint32_t stride, dilation; /* 0 stands for 1 */
    uint32_t pad[2];           /* begin, end */
    uint32_t groups;           /* 0 stands for 1 */
};
/* As tuff_conv2d (which it is, of pictures of one row) of x [n, ci, L], w [co, ci/groups, k], b [co] or 0: [n, co, L'],
 * L' = floor((L + begin + end - dilation (k - 1) - 1) / stride) + 1. Errors: SHAPE. */
TUFF_API tuff_val tuff_conv1d(struct tuff_graph *g, tuff_val x, tuff_val w, tuff_val b, struct tuff_conv1d_params params);
struct tuff_conv3d_params {
    uint32_t stride[3], dilation[3]; /* d, h, w; 0 stands for 1 */
    uint32_t pad[6];                 /* begins of d, h, w, then their ends */
    uint32_t groups;                 /* 0 stands for 1 */
};
/* x [n, ci, d, h, w], w [co, ci/groups, kd, kh, kw], b [co] or 0. One tuff_conv2d of x copied for each depth tap. Errors: SHAPE. */
TUFF_API tuff_val tuff_conv3d(struct tuff_graph *g, tuff_val x, tuff_val w, tuff_val b, struct tuff_conv3d_params params);

struct tuff_conv_transpose1d_params {
    uint32_t stride, dilation, pad[2], output_pad, groups;
};
/* The gradient of the convolution by its input, as an operator (tuff_conv_transpose2d): x [n, ci, L], w [ci, co/groups, k], b [co] or 0.
 * L' = (L - 1) stride - begin - end + dilation (k - 1) + output_pad + 1. Source: torch.nn.functional.conv_transpose1d. Errors: SHAPE (also an
 * output_pad that is not less than the stride). */
TUFF_API tuff_val tuff_conv_transpose1d(struct tuff_graph *g, tuff_val x, tuff_val w, tuff_val b,
                                        struct tuff_conv_transpose1d_params params);
struct tuff_conv_transpose3d_params {
    uint32_t stride[3], dilation[3], pad[6], output_pad[3], groups;
};
/* x [n, ci, d, h, w], w [ci, co/groups, kd, kh, kw], b [co] or 0; one tuff_conv_transpose2d and a sum over the depth taps. Errors: SHAPE. */
TUFF_API tuff_val tuff_conv_transpose3d(struct tuff_graph *g, tuff_val x, tuff_val w, tuff_val b,
                                        struct tuff_conv_transpose3d_params params);

/* ---- an axis by tables ------------------------------------------------------------------------------------------------------------- */

/* y[.., i, ..] = sum_k weights[i,k] x[.., places[i,k], ..]: interpolation, filters, windows of any size along one axis.
 *   x [..]  floats; places [n, taps]  i32; weights [n, taps]  floats; negative axes and places count from the end
 * Returns f32 of x's shape, n along the axis. A weight of 0 reads nothing. Gradients by x, and by weights that are no constant; with constant
 * tables that by x is as quick as the result. Numerics: sums in f32; |error| <= 2 taps eps |weights||x|. Errors: SHAPE. */
TUFF_API tuff_val tuff_resample(struct tuff_graph *g, tuff_val x, tuff_val places, tuff_val weights, int axis);

/* ---- layers of them ------------------------------------------------------------------------------------------------------------------
 *
 * Weight and bias begin uniform within 1 / sqrt(n), n the product of the weight's sizes but the first, as those of torch.nn.Conv1d and its
 * neighbours. Errors, beside those of layers.h: SHAPE (x, groups), USAGE (channels or kernel of 0, `same` with a stride). */

struct tuff_layer_conv1d_params {
    uint32_t channels; /* of the result */
    uint32_t kernel;
    struct tuff_conv1d_params conv;
    enum tuff_pad_mode pad_mode; /* what conv.pad and `same` pad with: torch's padding_mode */
    bool same;                   /* the result is as long as x: pads dilation (k - 1), the odd one at the end; of stride 1 */
    /* Not 0: a depthwise convolution. Each channel of x is a group of so many results; channels and groups are left out. */
    uint32_t depth_multiplier;
    bool no_bias;
    struct tuff_init weight, bias;
};
/* tuff_conv1d of x [n, ci, L], weight [channels, ci/groups, kernel], bias [channels]. */
TUFF_API tuff_val tuff_layer_conv1d(struct tuff_graph *g, tuff_val x, const char *name,
                                    struct tuff_layer_conv1d_params params);

struct tuff_layer_conv2d_params {
    uint32_t channels;              /* of the result */
    uint32_t kernel[2];             /* h, w; a width of 0 stands for the height: {3} is 3 x 3 */
    struct tuff_conv2d_params conv; /* stride, dilation, padding, groups */
    bool no_bias;
    struct tuff_init weight, bias;
    enum tuff_pad_mode pad_mode; /* as in conv1d */
    bool same;
    uint32_t depth_multiplier;
};
/* tuff_conv2d of x [n, ci, h, w] and weight [channels, ci/groups, kh, kw], bias [channels]. */
TUFF_API tuff_val tuff_layer_conv2d(struct tuff_graph *g, tuff_val x, const char *name,
                                    struct tuff_layer_conv2d_params params);

struct tuff_layer_conv3d_params {
    uint32_t channels;  /* of the result */
    uint32_t kernel[3]; /* d, h, w; a height or width of 0 stands for the depth */
    struct tuff_conv3d_params conv;
    bool no_bias;
    struct tuff_init weight, bias;
    enum tuff_pad_mode pad_mode; /* as in conv1d */
    bool same;
    uint32_t depth_multiplier;
};
/* tuff_conv3d of x [n, ci, d, h, w] and weight [channels, ci/groups, kd, kh, kw], bias [channels]. */
TUFF_API tuff_val tuff_layer_conv3d(struct tuff_graph *g, tuff_val x, const char *name,
                                    struct tuff_layer_conv3d_params params);

struct tuff_layer_conv_transpose1d_params {
    uint32_t channels, kernel;
    struct tuff_conv_transpose1d_params conv;
    bool no_bias;
    struct tuff_init weight, bias;
};
/* tuff_conv_transpose1d of x [n, ci, L] and weight [ci, channels/groups, kernel], bias [channels]. */
TUFF_API tuff_val tuff_layer_conv_transpose1d(struct tuff_graph *g, tuff_val x, const char *name,
                                              struct tuff_layer_conv_transpose1d_params params);
struct tuff_layer_conv_transpose2d_params {
    uint32_t channels, kernel[2]; /* a width of 0 stands for the height */
    struct tuff_conv_transpose2d_params conv;
    bool no_bias;
    struct tuff_init weight, bias;
};
/* tuff_conv_transpose2d of x [n, ci, h, w] and weight [ci, channels/groups, kh, kw], bias [channels]. */
TUFF_API tuff_val tuff_layer_conv_transpose2d(struct tuff_graph *g, tuff_val x, const char *name,
                                              struct tuff_layer_conv_transpose2d_params params);
struct tuff_layer_conv_transpose3d_params {
    uint32_t channels, kernel[3]; /* a height or width of 0 stands for the depth */
    struct tuff_conv_transpose3d_params conv;
    bool no_bias;
    struct tuff_init weight, bias;
};
/* tuff_conv_transpose3d of x [n, ci, d, h, w] and weight [ci, channels/groups, kd, kh, kw], bias [channels]. */
TUFF_API tuff_val tuff_layer_conv_transpose3d(struct tuff_graph *g, tuff_val x, const char *name,
                                              struct tuff_layer_conv_transpose3d_params params);

/* ---- pools ------------------------------------------------------------------------------------------------------------------------ */

struct tuff_pool1d_params {
    uint32_t kernel, stride; /* stride 0 stands for kernel */
    uint32_t pad[2];         /* begin, end */
    uint32_t dilation;       /* for max only */
    bool ceil_mode;          /* output size rounds up; windows that start in the end padding are dropped */
    bool count_include_pad;  /* average only */
};
struct tuff_pool3d_params {
    uint32_t kernel[3], stride[3]; /* d, h, w; stride 0 stands for kernel */
    uint32_t pad[6], dilation[3];  /* begins of d, h, w, then their ends; dilation for max only */
    bool ceil_mode, count_include_pad;
};
/* As tuff_max_pool2d and tuff_avg_pool2d, of x [n, c, L] and [n, c, d, h, w], floats; f32. Source: torch.nn.MaxPool1d and its neighbours, ONNX
 * MaxPool-12, AveragePool-19; PyTorch includes padding by default. Of equal elements the first gets the gradient, NaN is largest. Errors: SHAPE. */
TUFF_API tuff_val tuff_max_pool1d(struct tuff_graph *g, tuff_val x, struct tuff_pool1d_params params);
TUFF_API tuff_val tuff_max_pool3d(struct tuff_graph *g, tuff_val x, struct tuff_pool3d_params params);
TUFF_API tuff_val tuff_avg_pool1d(struct tuff_graph *g, tuff_val x, struct tuff_pool1d_params params);
TUFF_API tuff_val tuff_avg_pool3d(struct tuff_graph *g, tuff_val x, struct tuff_pool3d_params params);
/* (sum over a window of x^p)^(1 / p), p from 0.001 to 1000. Source: torch.nn.functional.lp_pool1d and its neighbours. count_include_pad and dilation
 * are not read. Errors: SHAPE, USAGE (p). */
TUFF_API tuff_val tuff_lp_pool1d(struct tuff_graph *g, tuff_val x, double p, struct tuff_pool1d_params params);
TUFF_API tuff_val tuff_lp_pool2d(struct tuff_graph *g, tuff_val x, double p, struct tuff_pool2d_params params);
TUFF_API tuff_val tuff_lp_pool3d(struct tuff_graph *g, tuff_val x, double p, struct tuff_pool3d_params params);
/* Mean or largest element of windows that cover each axis of space, i m / n to (i + 1) m / n rounded outwards, of x [n, c, ..] of any rank: size says n
 * for each axis of space, 0: as it is. Source: torch.nn.AdaptiveAvgPool1d to 3d, AdaptiveMaxPool1d to 3d. Returns f32; ties as above. Errors: SHAPE. */
TUFF_API tuff_val tuff_adaptive_avg_pool(struct tuff_graph *g, tuff_val x, struct tuff_shape size);
TUFF_API tuff_val tuff_adaptive_max_pool(struct tuff_graph *g, tuff_val x, struct tuff_shape size);
/* [n, c, ..] -> [n, c, 1, ..]; equal elements share the gradient, as in torch.amax. Source: ONNX GlobalMaxPool-1. Errors: SHAPE. */
TUFF_API tuff_val tuff_global_max_pool(struct tuff_graph *g, tuff_val x);

/* ---- other sizes -------------------------------------------------------------------------------------------------------------------- */

enum tuff_resize_mode { TUFF_RESIZE_NEAREST = 0, TUFF_RESIZE_LINEAR, TUFF_RESIZE_CUBIC };
/* Where element i of n results lies among m elements whose first has place 0; s is the scale, w = s m. */
enum tuff_resize_coordinates {
    TUFF_RESIZE_HALF_PIXEL = 0,       /* (i + 0.5) / s - 0.5 */
    TUFF_RESIZE_HALF_PIXEL_SYMMETRIC, /* the same, and m / 2 (1 - n / w) */
    TUFF_RESIZE_PYTORCH_HALF_PIXEL,   /* as half pixel; 0 of one result */
    TUFF_RESIZE_ALIGN_CORNERS,        /* i (m - 1) / (w - 1) */
    TUFF_RESIZE_ASYMMETRIC,           /* i / s */
    TUFF_RESIZE_CROP /* TensorFlow's tf_crop_and_resize: the part from crop_begin to crop_end, corners aligned */
};
enum tuff_resize_nearest {
    TUFF_RESIZE_ROUND_PREFER_FLOOR = 0,
    TUFF_RESIZE_ROUND_PREFER_CEIL,
    TUFF_RESIZE_FLOOR,
    TUFF_RESIZE_CEIL
};
struct tuff_resize_params {
    /* For each axis of x: elements of the result, 0: floor(scale x's); and the scale, 0: size / x's. An axis without either stays. */
    uint32_t size[TUFF_MAX_RANK];
    double scale[TUFF_MAX_RANK];
    enum tuff_resize_mode mode;
    enum tuff_resize_coordinates coordinates;
    enum tuff_resize_nearest nearest;
    struct tuff_number cubic_a; /* -0.75 */
    bool exclude_outside;       /* elements outside weigh nothing; else they are the outermost ones */
    bool antialias;             /* what shrinks is a mean over 1 / scale as many elements; not of nearest */
    double crop_begin[TUFF_MAX_RANK], crop_end[TUFF_MAX_RANK]; /* of crop: parts of each axis; both 0: all of it */
    double extrapolation;                                      /* of crop: what lies outside of x */
};
/* x with other sizes; axes are interpolated one by one. Source: ONNX Resize-19 in all its modes.
 *   x  floats of any rank; of any type for nearest neighbours without a crop
 * Returns f32, or x's type where it is a view of x, as nearest neighbours of whole factors are, or not of floats. Gradients flow into floats, as
 * quickly as the result. Numerics: tables of weights come from double; as tuff_resample. Errors: SHAPE (an axis of no element; type), USAGE. */
TUFF_API tuff_val tuff_resize(struct tuff_graph *g, tuff_val x, const struct tuff_resize_params *params);

enum tuff_interpolate_mode {
    TUFF_INTERPOLATE_NEAREST = 0,
    TUFF_INTERPOLATE_NEAREST_EXACT,
    TUFF_INTERPOLATE_LINEAR, /* bilinear, trilinear */
    TUFF_INTERPOLATE_CUBIC,
    TUFF_INTERPOLATE_AREA /* tuff_adaptive_avg_pool */
};
struct tuff_interpolate_params {
    uint32_t size[3]; /* of each axis of space; 0: floor(scale x's) */
    double scale[3];  /* 0: as the first */
    enum tuff_interpolate_mode mode;
    bool align_corners, antialias; /* of linear and cubic */
};
/* tuff_resize of the space of x [n, c, ..], one to three axes, as torch.nn.functional.interpolate and torch.nn.Upsample do. Returns f32. Errors:
 * SHAPE, USAGE (neither size nor scale). */
TUFF_API tuff_val tuff_interpolate(struct tuff_graph *g, tuff_val x, struct tuff_interpolate_params params);

enum tuff_sample_mode { TUFF_SAMPLE_LINEAR = 0, TUFF_SAMPLE_NEAREST, TUFF_SAMPLE_CUBIC };
enum tuff_sample_padding { TUFF_SAMPLE_ZEROS = 0, TUFF_SAMPLE_BORDER, TUFF_SAMPLE_REFLECTION };
struct tuff_grid_sample_params {
    enum tuff_sample_mode mode;
    enum tuff_sample_padding padding;
    bool align_corners; /* -1 and 1 are the centres of the outer elements; else their outer edges */
};
/* y[n,c,i,j] = x[n, c, .., ..] at the place (grid[n,i,j,0], grid[n,i,j,1]) = (across, down), from -1 to 1; of volumes (across, down, deep). Source:
 * torch.nn.functional.grid_sample, ONNX GridSample-20 (Jaderberg et al. 2015).
 *   x [n, c, h, w], grid [n, h', w', 2]; or x [n, c, d, h, w], grid [n, d', h', w', 3]   floats; no axis of space longer than 2^24
 * Returns f32 [n, c, h', w'], or [n, c, d', h', w']. Gradients flow into both (nearest: into x alone); that by x compares every element with every
 * place (tuff_scatter_add). Of a place that is NaN the result is NaN. Errors: SHAPE, USAGE. */
TUFF_API tuff_val tuff_grid_sample(struct tuff_graph *g, tuff_val x, tuff_val grid, struct tuff_grid_sample_params params);
struct tuff_affine_grid_params {
    uint32_t height, width;
    bool align_corners;
};
/* The grid [n, height, width, 2] of maps theta [n, 2, 3]: theta (across, down, 1). Source: torch.nn.functional.affine_grid. Errors: SHAPE. */
TUFF_API tuff_val tuff_affine_grid(struct tuff_graph *g, tuff_val theta, struct tuff_affine_grid_params params);
struct tuff_affine_sample_params {
    uint32_t height, width; /* of the result; 0: x's */
    enum tuff_sample_mode mode;
    enum tuff_sample_padding
        padding; /* zeros: beyond x's outer edges; reflection: about the centres of its outer elements */
};
/* y[n,c,i,j] = x[n, c, .., ..] at the place (across, down) = map[n] (j, i, 1), counted in elements: whole maps copy. Source: cv::warpAffine with
 * WARP_INVERSE_MAP, but that elements within half of one of the border are not mixed with zeros, as when a picture is resized.
 *   x [n, c, h, w], h and w at most 2^24; map [n, 2, 3]   floats, finite
 * Returns f32 [n, c, height, width]. Gradients as tuff_grid_sample. Errors: SHAPE, USAGE. */
TUFF_API tuff_val tuff_affine_sample(struct tuff_graph *g, tuff_val x, tuff_val map,
                                     struct tuff_affine_sample_params params);

/* ---- channels and space ----------------------------------------------------------------------------------------------------------- */

/* y[n, c, h r + i, w r + j] = x[n, c r^2 + i r + j, h, w]: [n, c r^2, h, w] -> [n, c, h r, w r], and back. Views. Source: torch.nn.PixelShuffle (Shi et
 * al. 2016), PixelUnshuffle; ONNX DepthToSpace-13 in mode CRD. Errors: SHAPE. */
TUFF_API tuff_val tuff_pixel_shuffle(struct tuff_graph *g, tuff_val x, uint32_t r);
TUFF_API tuff_val tuff_pixel_unshuffle(struct tuff_graph *g, tuff_val x, uint32_t r);
/* Channel g c' + i of [n, groups c', ..] becomes channel i groups + g. A view. Source: torch.nn.ChannelShuffle (Zhang et al. 2018). Errors: SHAPE. */
TUFF_API tuff_val tuff_channel_shuffle(struct tuff_graph *g, tuff_val x, uint32_t groups);

struct tuff_layer_squeeze_excite_params {
    uint32_t squeeze; /* channels between the two products */
    bool hard;        /* hardsigmoid for sigmoid, as in MobileNetV3 */
};
/* y = x sigmoid(fc2(relu(fc1(mean over space)))) of x [n, c, ..]. Source: Hu et al. 2018; torchvision.ops.SqueezeExcitation, whose names and shapes it
 * has: NAME.fc1.weight [squeeze, c, 1, 1], NAME.fc1.bias, NAME.fc2.weight [c, squeeze, 1, 1], NAME.fc2.bias, which begin as those of convolutions. */
TUFF_API tuff_val tuff_layer_squeeze_excite(struct tuff_graph *g, tuff_val x, const char *name,
                                            struct tuff_layer_squeeze_excite_params params);

#ifdef __cplusplus
}
#endif
#endif
