/* metadata.h - what an ONNX file carries beside its graph: the texts under keys (metadata_props) that tuff_onnx_write puts there. */
#ifndef METADATA_H
#define METADATA_H

#include <tuff/tuff.h>

struct metadata {
    bool prepared;
    struct tuff_preprocess preprocess; /* where prepared: "preprocess", in the form of tuff_model_save */
    char *labels;                      /* [owned] "labels": a line each; NULL: not there */
};
/* False: it cannot be read, or has a "preprocess" that is none. */
bool metadata_read(const char *path, struct metadata *metadata);

#endif
