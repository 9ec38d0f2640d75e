/* net.h - a residual network of samples/nets with a head, as tuff_model takes it; made-up pictures. */
#ifndef NET_H
#define NET_H

#include "nets.h"
#include "presets.h"
#include "sample.h"

/* For tuff_model_params.build; user: struct net. Fields: x u8 [3, stored, stored], labels; with head_alone: features f32 [features], labels.
 * Outputs: probabilities, and of the whole network features. Parameters of the head begin with "head.". */
struct net {
    const struct zoo_residual *shape; /* NULL: */
    const struct tuff_onnx *onnx;     /* the backbone, up to the value `cut` */
    const char *cut;
    uint32_t features; /* what the backbone gives of a picture (net_features) */
    uint32_t size,
        stored; /* pixels of a side: of what the network reads, and of the pictures, which the device resizes first */
    uint32_t classes, seed, batch;
    bool head_alone;
    bool
        train_norms; /* batch norms take the statistics of the batch; else they stay as they are, trained or not (Keras's guide to transfer) */
    const struct preset *preset; /* how the backbone takes pictures; NULL: 0 .. 1 */
    bool augment;                /* changes pictures at random while it trains */
};
/* Finds out the number of features. */
tuff_status net_features(struct sample *s, struct net *net);
tuff_status net_create(struct sample *s, struct net *net, struct tuff_model **model);

/* Parameters and statistics of the head, or of all but the head, from one model to another. */
tuff_status net_copy(struct sample *s, struct tuff_model *from, struct tuff_model *to, bool of_head);

/* The backbone as nobody trained it: He's initialisation of weights, norms that do nothing. */
tuff_status net_forget(struct sample *s, struct tuff_model *model, uint64_t seed);

/* glyphs.c: folder/other, folder/train, folder/test with a folder a class: letters, of which a backbone learns, and ten digits, each of other fonts. */
tuff_status glyphs_make(struct sample *s, const char *folder, uint32_t size, uint32_t letters, uint32_t trained,
                        uint32_t tested, uint64_t seed);

#endif
