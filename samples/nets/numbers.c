/* numbers.c - nets that give numbers, not classes: pictures by way of a code, the next values of a series, an answer to a row of a table. Layers
 * have the names that the samples' checkpoints know them by, and the library's initial values but where it is said. */
#include "parts.h"

#include <stdio.h>

/* ---- autoencoder ------------------------------------------------------------------------------------------------------------------- */

/* So that what goes through eight layers keeps its size: with smaller weights they learn the mean picture first, for long (He et al. 2015). */
static const struct tuff_init kaiming = {.kind = TUFF_INIT_KAIMING_UNIFORM};

static tuff_val conv(struct tuff_graph *g, tuff_val x, const char *name, uint32_t channels, uint32_t stride)
{
    return tuff_layer_conv2d(g, x, name,
                             (struct tuff_layer_conv2d_params){.channels = channels,
                                                               .kernel = {3},
                                                               .weight = kaiming,
                                                               .conv = {.stride = {stride, stride}, .pad = {1, 1, 1, 1}}});
}

tuff_val zoo_encode(struct zoo_build *b, tuff_val x, uint32_t code, const char *norm)
{
    struct tuff_graph *g = b->g;
    x = tuff_mean(g, x, 1u << 1, TUFF_KEEP_AXES);
    x = tuff_relu(g, conv(g, x, "encoder.conv1", 16, 2));
    x = tuff_relu(g, conv(g, x, "encoder.conv2", 32, 2));
    x = tuff_relu(g, conv(g, x, "encoder.conv3", 64, 2));
    x = tuff_layer_dense(g, tuff_flatten(g, x), "encoder.code", (struct tuff_layer_dense_params){.units = code});
    return tuff_layer_batch_norm(g, x, norm, (struct tuff_layer_batch_norm_params){.training = b->training});
}

tuff_val zoo_decode(struct zoo_build *b, tuff_val code, const char *decoder)
{
    static const uint32_t channels[3] = {32, 16, 16};
    struct tuff_graph *g = b->g;
    char name[48];
    snprintf(name, sizeof name, "%s.start", decoder);
    tuff_val x = tuff_relu(
        g, tuff_layer_dense(g, code, name, (struct tuff_layer_dense_params){.units = 48 * 4 * 4, .weight = kaiming}));
    x = tuff_reshape(g, x, TUFF_SHAPE(0, 48, 4, 4));
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s.conv%d", decoder, i + 1);
        x = tuff_relu(g, conv(g, tuff_upsample_nearest2d(g, x, 2, 2), name, channels[i], 1));
    }
    snprintf(name, sizeof name, "%s.colours", decoder);
    return tuff_sigmoid(g, conv(g, x, name, 3, 1));
}

tuff_val zoo_build_autoencoder(struct zoo_build *b, tuff_val x)
{
    return zoo_decode(b, zoo_encode(b, x, 24, "encoder.norm_a"), "decoder_a");
}

/* ---- series: Hochreiter and Schmidhuber 1997 ------------------------------------------------------------------------------------------ */

tuff_val zoo_forecast(struct zoo_build *b, tuff_val x, const struct zoo_forecast *size)
{
    struct tuff_graph *g = b->g;
    struct tuff_shape s = tuff_type_of(g, x).shape; /* [n, past, features] */
    struct tuff_recurrent read = tuff_layer_recurrent(
        g, x, "lstm", (struct tuff_layer_recurrent_params){.units = size->units, .batch_first = true});
    tuff_val h = tuff_reshape(g, read.h_n, TUFF_SHAPE(s.dim[0], size->units));
    tuff_val y = tuff_layer_dense(g, h, "out", (struct tuff_layer_dense_params){.units = size->ahead});
    tuff_val before = tuff_slice(g, x, (uint32_t[]){0, s.dim[1] - size->period, 0}, (int32_t[]){1, 1, 1},
                                 (uint32_t[]){s.dim[0], size->ahead, 1});
    return tuff_add(g, y, tuff_reshape(g, before, TUFF_SHAPE(s.dim[0], size->ahead)));
}

tuff_val zoo_build_lstm(struct zoo_build *b, tuff_val x)
{
    return zoo_forecast(b, x, &(struct zoo_forecast){.units = 32, .ahead = 24, .period = 24});
}

/* ---- rows of a table -------------------------------------------------------------------------------------------------------------------- */

tuff_val zoo_rows(struct zoo_build *b, tuff_val x, uint32_t units, uint32_t answers)
{
    struct tuff_graph *g = b->g;
    const struct tuff_layer_dense_params hidden = {.units = units};
    x = tuff_relu(g, tuff_layer_dense(g, x, "hidden1", hidden));
    x = tuff_relu(g, tuff_layer_dense(g, tuff_layer_dropout(g, x, 0.1, b->training), "hidden2", hidden));
    return tuff_layer_dense(g, x, "out", (struct tuff_layer_dense_params){.units = answers});
}

tuff_val zoo_build_tabular(struct zoo_build *b, tuff_val x) { return zoo_rows(b, x, 64, 1); }
