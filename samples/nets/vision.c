/* vision.c - nets of convolutions for small devices, a detector, and one that finds what each pixel belongs to. */
#include "parts.h"

/* 1x1 and 3x3 convolutions with norm */
static tuff_val point(struct zoo_build *b, tuff_val x, uint32_t channels, double gain, zoo_activation *activation)
{
    return zoo_conv_norm(b, x, zoo_window(channels, 1, 1, gain), activation);
}

static tuff_val depthwise(struct zoo_build *b, tuff_val x, uint32_t kernel, uint32_t stride, double gain,
                          zoo_activation *activation)
{
    return zoo_conv_norm(b, x, zoo_depthwise(tuff_type_of(b->g, x).shape.dim[1], kernel, stride, gain), activation);
}

static tuff_val stem(struct zoo_build *b, tuff_val x, uint32_t channels, zoo_activation *activation)
{
    return zoo_conv_norm(b, x, zoo_window(channels, 3, 2, ZOO_GAIN_RELU), activation);
}

/* ---- SqueezeNet 1.1: Iandola et al. 2016 and their repository ---------------------------------------------------------------- */

static tuff_val fire(struct zoo_build *b, tuff_val x, uint32_t squeeze, uint32_t expand)
{
    x = tuff_relu(b->g, tuff_layer_conv2d(b->g, x, zoo_next(b, NULL), zoo_window(squeeze, 1, 1, ZOO_GAIN_RELU)));
    tuff_val one = tuff_relu(b->g, tuff_layer_conv2d(b->g, x, zoo_next(b, NULL), zoo_window(expand, 1, 1, ZOO_GAIN_RELU)));
    tuff_val three = tuff_relu(b->g, tuff_layer_conv2d(b->g, x, zoo_next(b, NULL), zoo_window(expand, 3, 1, ZOO_GAIN_RELU)));
    return tuff_concat(b->g, (tuff_val[]){one, three}, 2, 1);
}

tuff_val zoo_build_squeezenet(struct zoo_build *b, tuff_val x)
{
    static const struct {
        uint32_t squeeze, expand;
        bool pool; /* before it */
    } fires[] = {{16, 64, true},  {16, 64, false},  {32, 128, true},  {32, 128, false},
                 {48, 192, true}, {48, 192, false}, {64, 256, false}, {64, 256, false}};
    x = tuff_relu(b->g, tuff_layer_conv2d(b->g, x, zoo_next(b, NULL),
                                          (struct tuff_layer_conv2d_params){.channels = 64,
                                                                            .kernel = {3},
                                                                            .conv = {.stride = {2, 2}},
                                                                            .weight = zoo_gain(ZOO_GAIN_RELU),
                                                                            .bias = zoo_small()}));
    for (size_t i = 0; i < sizeof fires / sizeof fires[0]; i++) {
        if (fires[i].pool) x = zoo_max_pool(b->g, x, 3, 2, 0, true);
        x = fire(b, x, fires[i].squeeze, fires[i].expand);
    }
    x = tuff_relu(b->g,
                  tuff_layer_conv2d(b->g, x, zoo_next(b, NULL), zoo_window(zoo_classes(b, 1000), 1, 1, ZOO_GAIN_RELU)));
    return zoo_pooled(b->g, x);
}

/* ---- MobileNetV2: Sandler et al. 2018 ---------------------------------------------------------------------------------------- */

static tuff_val inverted_residual(struct zoo_build *b, tuff_val x, uint32_t expand, uint32_t channels, uint32_t stride)
{
    uint32_t in = tuff_type_of(b->g, x).shape.dim[1];
    bool residual = stride == 1 && in == channels;
    tuff_val y = expand == 1 ? x : point(b, x, in * expand, 1, zoo_relu6);
    y = depthwise(b, y, 3, stride, ZOO_GAIN_RELU, zoo_relu6);
    y = point(b, y, channels, ZOO_GAIN_RELU * (residual ? ZOO_BRANCH_GAIN : 1), NULL);
    return residual ? tuff_add(b->g, x, y) : y;
}

tuff_val zoo_build_mobilenet_v2(struct zoo_build *b, tuff_val x)
{
    static const struct {
        uint32_t expand, channels, blocks, stride;
    } rows[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    x = stem(b, x, 32, zoo_relu6);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (uint32_t k = 0; k < rows[i].blocks; k++)
            x = inverted_residual(b, x, rows[i].expand, rows[i].channels, k == 0 ? rows[i].stride : 1);
    x = point(b, x, 1280, 1, zoo_relu6);
    return tuff_layer_dense(b->g, zoo_pooled(b->g, x), zoo_next(b, NULL), zoo_units(zoo_classes(b, 1000), ZOO_GAIN_RELU));
}

/* ---- MobileNetV3-large: Howard et al. 2019; EfficientNet-B0: Tan and Le 2019 ------------------------------------------------------- */

/* Squeeze and excitation (Hu et al. 2018): each channel times a number in [0, 1] that depends on all channels' means */
static tuff_val excite(struct zoo_build *b, tuff_val x, uint32_t squeezed, zoo_activation *inner, zoo_activation *gate)
{
    uint32_t c = tuff_type_of(b->g, x).shape.dim[1];
    tuff_val s = tuff_global_avg_pool(b->g, x);
    s = inner(b->g, tuff_layer_conv2d(b->g, s, zoo_next(b, NULL), zoo_window(squeezed, 1, 1, 3)));
    s = gate(b->g, tuff_layer_conv2d(b->g, s, zoo_next(b, NULL), zoo_window(c, 1, 1, ZOO_GAIN_RELU)));
    return tuff_mul(b->g, x, s);
}

struct inverted {
    uint32_t kernel, expanded, channels, stride, squeezed; /* squeezed: 0 without excitation */
    zoo_activation *activation, *inner, *gate;
    double gain; /* of the layer behind the activation */
};

static tuff_val inverted(struct zoo_build *b, tuff_val x, const struct inverted *p)
{
    uint32_t in = tuff_type_of(b->g, x).shape.dim[1];
    bool residual = p->stride == 1 && in == p->channels;
    double gain = p->gain * (p->squeezed ? 2 : 1) * (residual ? ZOO_BRANCH_GAIN : 1); /* a gate is 1/2 in the middle */
    tuff_val y = p->expanded == in ? x : point(b, x, p->expanded, 1, p->activation);
    y = depthwise(b, y, p->kernel, p->stride, p->expanded == in ? 1 : p->gain, p->activation);
    if (p->squeezed) y = excite(b, y, p->squeezed, p->inner, p->gate);
    y = point(b, y, p->channels, gain, NULL);
    return residual ? tuff_add(b->g, x, y) : y;
}

tuff_val zoo_build_mobilenet_v3(struct zoo_build *b, tuff_val x)
{
    static const struct {
        uint32_t kernel, expanded, channels, stride, squeezed;
        bool hard; /* hardswish for relu */
    } rows[] = {{3, 16, 16, 1, 0, false},    {3, 64, 24, 2, 0, false},    {3, 72, 24, 1, 0, false},
                {5, 72, 40, 2, 24, false},   {5, 120, 40, 1, 32, false},  {5, 120, 40, 1, 32, false},
                {3, 240, 80, 2, 0, true},    {3, 200, 80, 1, 0, true},    {3, 184, 80, 1, 0, true},
                {3, 184, 80, 1, 0, true},    {3, 480, 112, 1, 120, true}, {3, 672, 112, 1, 168, true},
                {5, 672, 160, 2, 168, true}, {5, 960, 160, 1, 240, true}, {5, 960, 160, 1, 240, true}};
    x = stem(b, x, 16, tuff_hardswish);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        x = inverted(b, x,
                     &(struct inverted){rows[i].kernel, rows[i].expanded, rows[i].channels, rows[i].stride, rows[i].squeezed,
                                        rows[i].hard ? tuff_hardswish : tuff_relu, tuff_relu, tuff_hardsigmoid,
                                        rows[i].hard ? ZOO_GAIN_HARDSWISH : ZOO_GAIN_RELU});
    x = zoo_pooled(b->g, point(b, x, 960, 1, tuff_hardswish));
    x = tuff_hardswish(b->g, tuff_layer_dense(b->g, x, zoo_next(b, NULL), zoo_units(1280, ZOO_GAIN_HARDSWISH * 2)));
    return tuff_layer_dense(b->g, x, zoo_next(b, NULL), zoo_units(zoo_classes(b, 1000), ZOO_GAIN_HARDSWISH));
}

tuff_val zoo_build_efficientnet_b0(struct zoo_build *b, tuff_val x)
{
    static const struct {
        uint32_t expand, kernel, stride, channels, blocks;
    } rows[] = {{1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3},
                {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};
    x = stem(b, x, 32, tuff_silu);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (uint32_t k = 0; k < rows[i].blocks; k++) {
            uint32_t in = tuff_type_of(b->g, x).shape.dim[1];
            x = inverted(b, x,
                         &(struct inverted){rows[i].kernel, in * rows[i].expand, rows[i].channels,
                                            k == 0 ? rows[i].stride : 1, in / 4, tuff_silu, tuff_silu, tuff_sigmoid,
                                            ZOO_GAIN_SILU});
        }
    x = zoo_pooled(b->g, point(b, x, 1280, 1, tuff_silu));
    return tuff_layer_dense(b->g, x, zoo_next(b, NULL), zoo_units(zoo_classes(b, 1000), ZOO_GAIN_SILU * 2));
}

/* ---- ShuffleNetV2 x1.0: Ma et al. 2018 -------------------------------------------------------------------------------------------- */

/* Channels of two halves by turns */
static tuff_val shuffle(struct tuff_graph *g, tuff_val first, tuff_val second)
{
    tuff_val x = tuff_concat(g, (tuff_val[]){first, second}, 2, 1);
    struct tuff_shape s = tuff_type_of(g, x).shape;
    x = tuff_reshape(g, x, TUFF_SHAPE(s.dim[0], 2, s.dim[1] / 2, s.dim[2], s.dim[3]));
    return tuff_reshape(g, tuff_permute(g, x, (uint32_t[]){0, 2, 1, 3, 4}), s);
}

static tuff_val shuffle_branch(struct zoo_build *b, tuff_val x, uint32_t channels, uint32_t stride)
{
    x = depthwise(b, point(b, x, channels, ZOO_GAIN_RELU, tuff_relu), 3, stride, ZOO_GAIN_RELU, NULL);
    return point(b, x, channels, 1, tuff_relu);
}

tuff_val zoo_build_shufflenet_v2(struct zoo_build *b, tuff_val x)
{
    static const uint32_t channels[3] = {116, 232, 464}, blocks[3] = {4, 8, 4};
    x = zoo_max_pool(b->g, stem(b, x, 24, tuff_relu), 3, 2, 1, false);
    for (uint32_t stage = 0; stage < 3; stage++) {
        uint32_t half = channels[stage] / 2;
        tuff_val around = point(b, depthwise(b, x, 3, 2, ZOO_GAIN_RELU, NULL), half, 1, tuff_relu);
        x = shuffle(b->g, around, shuffle_branch(b, x, half, 2));
        for (uint32_t k = 1; k < blocks[stage]; k++) {
            tuff_val first = zoo_part(b->g, x, 1, 0, half);
            x = shuffle(b->g, first, shuffle_branch(b, zoo_part(b->g, x, 1, half, half), half, 1));
        }
    }
    x = zoo_pooled(b->g, point(b, x, 1024, ZOO_GAIN_RELU, tuff_relu));
    return tuff_layer_dense(b->g, x, zoo_next(b, NULL), zoo_units(zoo_classes(b, 1000), ZOO_GAIN_RELU));
}

/* ---- YOLOv8n's shape: Jocher et al. 2023 (Ultralytics); its head after Li et al. 2020 (Generalized Focal Loss) ----------------------- */

static tuff_val conv_silu(struct zoo_build *b, tuff_val x, uint32_t channels, uint32_t kernel, uint32_t stride)
{
    return zoo_conv_norm(b, x, zoo_window(channels, kernel, stride, ZOO_GAIN_SILU), tuff_silu);
}

/* "C2f": half of the channels go around a chain of blocks of which each leaves its result */
static tuff_val cross_stage(struct zoo_build *b, tuff_val x, uint32_t channels, uint32_t blocks, bool residual)
{
    uint32_t half = channels / 2;
    tuff_val y = conv_silu(b, x, channels, 1, 1);
    tuff_val parts[4] = {zoo_part(b->g, y, 1, 0, half)};
    parts[1] = zoo_part(b->g, y, 1, half, half);
    for (uint32_t k = 0; k < blocks && k < 2; k++) {
        tuff_val z = conv_silu(b, conv_silu(b, parts[k + 1], half, 3, 1), half, 3, 1);
        parts[k + 2] = residual ? tuff_affine(b->g, tuff_add(b->g, parts[k + 1], z), 0.7071, 0) : z;
    }
    return conv_silu(b, tuff_concat(b->g, parts, blocks + 2, 1), channels, 1, 1);
}

/* "SPPF": maxima over 5x5, 9x9 and 13x13 */
static tuff_val pyramid_pool(struct zoo_build *b, tuff_val x, uint32_t channels)
{
    tuff_val parts[4] = {conv_silu(b, x, channels / 2, 1, 1)};
    for (uint32_t k = 0; k < 3; k++) parts[k + 1] = zoo_max_pool(b->g, parts[k], 5, 1, 2, false);
    return conv_silu(b, tuff_concat(b->g, parts, 4, 1), channels, 1, 1);
}

static tuff_val upsampled_beside(struct tuff_graph *g, tuff_val x, tuff_val finer)
{
    return tuff_concat(g, (tuff_val[]){tuff_upsample_nearest2d(g, x, 2, 2), finer}, 2, 1);
}

/* One scale: 4 distances as distributions over 16 cells, and 80 classes: [n, 144, cells] */
static tuff_val detect(struct zoo_build *b, tuff_val x)
{
    tuff_val box = conv_silu(b, conv_silu(b, x, 64, 3, 1), 64, 3, 1),
             class = conv_silu(b, conv_silu(b, x, 80, 3, 1), 80, 3, 1);
    box = tuff_layer_conv2d(b->g, box, zoo_next(b, NULL), zoo_window(64, 1, 1, ZOO_GAIN_SILU));
    class = tuff_layer_conv2d(b->g, class, zoo_next(b, NULL), zoo_window(80, 1, 1, ZOO_GAIN_SILU));
    tuff_val y = tuff_concat(b->g, (tuff_val[]){box, class}, 2, 1);
    struct tuff_shape s = tuff_type_of(b->g, y).shape;
    return tuff_reshape(b->g, y, TUFF_SHAPE(s.dim[0], s.dim[1], s.dim[2] * s.dim[3]));
}

/* [n, 144, cells] -> [n, 84, cells]: mean of each distribution, in cells; sigmoid of the classes */
static tuff_val decode(struct zoo_build *b, tuff_val x)
{
    static const float places[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct tuff_shape s = tuff_type_of(b->g, x).shape;
    tuff_val box = tuff_reshape(b->g, zoo_part(b->g, x, 1, 0, 64), TUFF_SHAPE(s.dim[0], 4, 16, s.dim[2]));
    /* in the source a convolution of fixed weights */
    tuff_val place = tuff_param(b->g, zoo_next(b, "places"), TUFF_SHAPE(16, 1),
                                (struct tuff_init){.kind = TUFF_INIT_DATA, .data = places});
    box = tuff_sum(b->g, tuff_mul(b->g, tuff_softmax(b->g, box, 2), place), 1u << 2, TUFF_DROP_AXES);
    tuff_val class = tuff_sigmoid(b->g, zoo_part(b->g, x, 1, 64, 80));
    return tuff_concat(b->g, (tuff_val[]){box, class}, 2, 1);
}

tuff_val zoo_build_yolov8n(struct zoo_build *b, tuff_val x)
{
    x = conv_silu(b, conv_silu(b, x, 16, 3, 2), 32, 3, 2);
    x = conv_silu(b, cross_stage(b, x, 32, 1, true), 64, 3, 2);
    tuff_val eighth = cross_stage(b, x, 64, 2, true);
    tuff_val sixteenth = cross_stage(b, conv_silu(b, eighth, 128, 3, 2), 128, 2, true);
    tuff_val last = cross_stage(b, conv_silu(b, sixteenth, 256, 3, 2), 256, 1, true);
    last = pyramid_pool(b, last, 256);
    tuff_val middle = cross_stage(b, upsampled_beside(b->g, last, sixteenth), 128, 1, false);
    tuff_val fine = cross_stage(b, upsampled_beside(b->g, middle, eighth), 64, 1, false);
    middle = tuff_concat(b->g, (tuff_val[]){conv_silu(b, fine, 64, 3, 2), middle}, 2, 1);
    middle = cross_stage(b, middle, 128, 1, false);
    last = tuff_concat(b->g, (tuff_val[]){conv_silu(b, middle, 128, 3, 2), last}, 2, 1);
    last = cross_stage(b, last, 256, 1, false);
    tuff_val scales[3] = {detect(b, fine)}; /* one after the other: layers are numbered */
    scales[1] = detect(b, middle);
    scales[2] = detect(b, last);
    return decode(b, tuff_concat(b->g, scales, 3, 2));
}

/* ---- U-Net: Ronneberger et al. 2015 ----------------------------------------------------------------------------------------------- */

static tuff_val two_windows(struct zoo_build *b, tuff_val x, uint32_t channels)
{
    x = zoo_conv_norm(b, x, zoo_window(channels, 3, 1, ZOO_GAIN_RELU), tuff_relu);
    return zoo_conv_norm(b, x, zoo_window(channels, 3, 1, ZOO_GAIN_RELU), tuff_relu);
}

tuff_val zoo_unet(struct zoo_build *b, tuff_val x, uint32_t width, uint32_t levels, uint32_t classes)
{
    tuff_val beside[8];
    for (uint32_t i = 0; i < levels && i < 8; i++) {
        beside[i] = two_windows(b, x, width << i);
        x = zoo_max_pool(b->g, beside[i], 2, 2, 0, false);
    }
    x = two_windows(b, x, width << levels);
    for (uint32_t i = levels; i-- > 0;) {
        struct tuff_layer_conv_transpose2d_params twice = {.channels = width << i,
                                                           .kernel = {2},
                                                           .conv = {.stride = {2, 2}},
                                                           .weight = zoo_gain(2), /* fan_in counts twice what meets here */
                                                           .bias = zoo_small()};
        x = tuff_layer_conv_transpose2d(b->g, x, zoo_next(b, NULL), twice);
        x = two_windows(b, tuff_concat(b->g, (tuff_val[]){beside[i], x}, 2, 1), width << i);
    }
    return tuff_layer_conv2d(b->g, x, zoo_next(b, NULL), zoo_window(classes, 1, 1, ZOO_GAIN_RELU));
}

tuff_val zoo_build_unet(struct zoo_build *b, tuff_val x)
{
    x = tuff_permute(b->g, zoo_unet(b, x, 16, 4, 4), (uint32_t[]){0, 2, 3, 1});
    return tuff_reshape(b->g, x, TUFF_SHAPE(0, 4)); /* a row of logits for each pixel */
}
