/* fuzz.h - what the fuzz targets share. A target is a file of this folder with one LLVMFuzzerTestOneInput, which must return for
 * any bytes; some have a mutator of their own, which mends checksums that no mutation would hit. */
#ifndef FUZZ_H
#define FUZZ_H

#include "backend/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most); /* libFuzzer's */

/* A silent context; ends the process where there is no memory. */
struct tuff_context *fuzz_begin(void);
/* Every byte read, so that a sanitizer sees an array whose end is not that of its memory. */
void fuzz_touch(const void *data, size_t bytes);
/* A promise of the reader: stops the process, which makes a finding of the input. */
#define FUZZ_REQUIRE(condition) fuzz_require(condition, #condition, __FILE__, __LINE__)
void fuzz_require(bool good, const char *condition, const char *file, int line);

#endif
