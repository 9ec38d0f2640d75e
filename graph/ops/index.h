/* index.h - attributes of indexing operators, for the GLSL writer. Private. */
#ifndef TUFF_OPS_INDEX_H
#define TUFF_OPS_INDEX_H

#include "graph/op.h"

struct tuff_iota_attrs {
    int32_t axis;
    struct tuff_shape shape;
};
/* random_uniform: the element's number within the value is the counter */
struct tuff_random_attrs {
    int32_t stream; /* number of the value among the random ones of its graph */
    struct tuff_shape shape;
};

#endif
