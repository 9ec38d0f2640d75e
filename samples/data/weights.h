/* weights.h - files of weights by their first bytes, and what their readers share. Private. */
#ifndef TUFF_DATA_WEIGHTS_H
#define TUFF_DATA_WEIGHTS_H

#include "samples/data/data.h"

bool tuff_torch_is_old(const uint8_t *data, size_t bytes); /* what PyTorch wrote before 1.6: no zip archive */
bool tuff_hdf5_is(const uint8_t *data, size_t bytes);
/* Elements of any strides (in elements), a->bytes of them, row-major. */
void tuff_array_gather(const struct tuff_array *a, const uint64_t *strides, const uint8_t *from, uint8_t *to);
/* Adds an array to those of a file; its name and elements stay where they are. false: MEMORY. */
bool tuff_tensors_add(struct tuff_tensors *tensors, const struct tuff_array *array);

#endif
