/* dataset.h - what the two kinds of data sets share. Private to samples/data/. */
#ifndef TUFF_DATA_DATASET_H
#define TUFF_DATA_DATASET_H

#include "backend/core.h"
#include "backend/os.h"
#include "samples/data/data.h"

tuff_status tuff_dataset_check_folder(struct tuff_context *context, const char *folder, struct tuff_error *error);
/* Fills class_names and class_count with copies. false: out of memory. */
bool tuff_dataset_name_classes(struct tuff_context *context, struct tuff_dataset *dataset, const char *const *names,
                               size_t count);

#endif
