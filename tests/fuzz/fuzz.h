/* fuzz.h - what the fuzz targets share. A target is a file of this folder with one LLVMFuzzerTestOneInput, which must return for
 * any bytes; some have a mutator of their own, which mends checksums that no mutation would hit. */
#ifndef FUZZ_H
#define FUZZ_H

#include "backend/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most); /* libFuzzer's */

/* A silent context, whose allocator holds 64 MiB at most and counts. With one input of eight an allocation fails, the same one every
 * time; cache_dir may be NULL: none. Ends the process where there is no memory. */
struct tuff_context *fuzz_begin(const uint8_t *data, size_t size, const char *cache_dir);
/* After the reader: a failure has its sentence, without control characters, and want of memory is one alone where an allocation
 * failed. None fails from here on. Returns status == TUFF_OK. */
bool fuzz_read(struct tuff_context *context, tuff_status status, const struct tuff_error *error);
/* Requires that all memory was given back. */
void fuzz_end(struct tuff_context *context);
/* Text that can be shown: UTF-8 without control characters. */
bool fuzz_is_shown(const char *text);
/* Every byte read, so that a sanitizer sees an array whose end is not that of its memory. */
void fuzz_touch(const void *data, size_t bytes);
/* A promise of the reader: stops the process, which makes a finding of the input. */
#define FUZZ_REQUIRE(condition) fuzz_require(condition, #condition, __FILE__, __LINE__)
void fuzz_require(bool good, const char *condition, const char *file, int line);

/* A ".tuff" file (container.h): one section's content, name or kind is mutated, a section goes, comes twice or changes places, and the
 * whole is signed again. What is no such file is mutated as bytes, and signed as far as it reaches. */
size_t fuzz_mutate_container(uint8_t *data, size_t size, size_t most, unsigned seed);

/* A zip archive: one member's content is mutated, and all is written again, with its checksum. What is none is mutated as bytes. */
size_t fuzz_mutate_zip(uint8_t *data, size_t size, size_t most, unsigned seed);

/* Folder of this process for targets that read files: made empty, in memory where the system has a folder there. */
void fuzz_folder_make(char *path, size_t bytes);
void fuzz_folder_clear(const char *path); /* removes what is in it */

#endif
