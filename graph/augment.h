/* augment.h - pictures changed at random while a network trains, and mixed; the same call prepares them where it predicts. Public, part of graph.h. */
#ifndef TUFF_AUGMENT_H
#define TUFF_AUGMENT_H

#include "graph/spatial.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tuff_range {
    double least, most;
};
/* Begin with .struct_size and zeros: each part is off. Names and ranges are torchvision's (transforms.v2), whose usual numbers stand behind the fields. All
 * that moves elements is one sampling of x; the order of the parts is that of the fields. */
struct tuff_augment_params {
    size_t struct_size;
    bool training;          /* else size and normalisation alone */
    uint32_t height, width; /* of the result; 0: x's */
    /* RandomResizedCrop's scale (.08, 1) and ratio: a part of x's area, its width by its height, stretched to the result's size. Of ten tries the first that
     * fits, else the first, cut to x. A ratio left out is 3/4 to 4/3. */
    struct tuff_range crop, crop_ratio;
    double flip, flip_vertical; /* probabilities of RandomHorizontalFlip, RandomVerticalFlip (.5) */
    double rotate, shear;       /* RandomAffine's degrees and shear, along rows: up to so many either way */
    struct tuff_range zoom;     /* RandomAffine's scale: above 1 enlarges */
    uint32_t shift;             /* RandomCrop's padding: moved by whole elements of the result, up to so many each way */
    enum tuff_sample_padding padding; /* what is seen beyond x: zeros, its border, or its reflection */
    /* ColorJitter's, of pictures of 1 or 3 channels within 0 .. 1: factors of 1 - b (at least 0) to 1 + b, and turns of hue of up to so much (.5 is half
     * of the circle); each clamps to 0 .. 1. The last two leave pictures of one channel as they are. Always in this order. */
    double brightness, contrast, saturation, hue;
    const double *mean, *std; /* Normalize: (y - mean[c]) / std[c], which is above 0; NULL: 0; 1 */
    /* RandomErasing's p (.5), scale and ratio, height by width (0: .02 to .33, .3 to 3.3): a rectangle becomes 0, which after normalisation is the mean.
     * Zhong et al. 2020. */
    double erase;
    struct tuff_range erase_scale, erase_ratio;
    /* alpha, up to 64, of MixUp (Zhang et al. 2018; .2) and CutMix (Yun et al. 2019; 1): w x + (1 - w) of the sample before, w of Beta(alpha, alpha) for each
     * sample; of CutMix w is the part of the area that a rectangle of the other leaves. With both, each sample gets one or the other. */
    double mixup, cutmix;
};
struct tuff_augmented {
    tuff_val x;       /* f32 [n, c, height, width] */
    tuff_val targets; /* f32 [n, ..], or 0: mixed as x is */
    tuff_val map;     /* f32 [n, 2, 3]: where x's elements come from, for tuff_affine_sample of masks and the like */
};
/* x and its targets as a batch to train on.
 *   x        [n, c, h, w]  floats, or u8, which is divided by 255
 *   targets  [n, ..]  floats, say tuff_one_hot of labels, for tuff_cross_entropy_soft; or 0 where nothing is mixed
 * All draws come from tuff_rng_state, so they follow from seed, step and sample, and a training that goes on draws what it would have. Beta is drawn by its
 * inverse distribution function, a table of 1024 rows made in double. Sampling is bilinear, of x itself, without a low-pass (antialias = False): make pictures
 * of more than twice the result's size smaller by tuff_interpolate. Numerics: as the operators; moves by whole elements copy. No gradient
 * is meant to flow. Errors: SHAPE (x, targets, channels for colour), USAGE (a number out of range, mixing without targets). */
TUFF_API struct tuff_augmented tuff_augment(struct tuff_graph *g, tuff_val x, tuff_val targets,
                                            const struct tuff_augment_params *params);

#ifdef __cplusplus
}
#endif
#endif
