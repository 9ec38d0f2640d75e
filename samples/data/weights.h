/* weights.h - files of weights by their first bytes. Private. */
#ifndef TUFF_DATA_WEIGHTS_H
#define TUFF_DATA_WEIGHTS_H

#include "samples/data/data.h"

bool tuff_torch_is_old(const uint8_t *data, size_t bytes); /* what PyTorch wrote before 1.6 */
bool tuff_hdf5_is(const uint8_t *data, size_t bytes);

#endif
