/* presets.c - see presets.h. */
#include "presets.h"

#include <stddef.h>
#include <string.h>

static const struct preset presets[] = {
    {"imagenet",
     255,
     {0.485, 0.456, 0.406},
     {0.229, 0.224, 0.225},
     0.875,
     false},                                                          /* torchvision, timm, the ONNX model zoo */
    {"unit", 255, {0, 0, 0}, {1, 1, 1}, 0.875, false},                /* 0 .. 1 */
    {"signed", 127.5, {1, 1, 1}, {1, 1, 1}, 0.875, false},            /* -1 .. 1: TensorFlow's Inception, MobileNet */
    {"lite", 1, {127, 127, 127}, {128, 128, 128}, 0.875, false},      /* TensorFlow's EfficientNet-Lite */
    {"caffe", 1, {103.939, 116.779, 123.68}, {1, 1, 1}, 0.875, true}, /* Keras's VGG and ResNet */
    {"bytes", 1, {0, 0, 0}, {1, 1, 1}, 1, false}};                    /* 0 .. 255 */
const char presets_names[] = "imagenet, unit, signed, lite, caffe, bytes";

const struct preset *preset_find(const char *name)
{
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++)
        if (!strcmp(name, presets[i].name)) return &presets[i];
    return NULL;
}
