/* kernels.h - what a launch of a kernel file gives it, by names: shaders/kernels.def for C. Private.
 *
 * Each part of a kernel has a struct of its constants and push words, in the table's order, and a description of them:
 *
 *     const struct tuff_kernel_topk fields = {.SIZE = 64, .SMALLEST = 0, .elements = 100, ..};
 *     tuff_part_split(&tuff_part_topk, &fields, specs, words); */
#ifndef TUFF_BACKEND_KERNELS_H
#define TUFF_BACKEND_KERNELS_H

#include "backend/plan.h"
#include "shaders/kernels.def"

struct tuff_kernel_constant {
    const char *name;
    uint32_t id, value; /* value: where nobody sets it */
};
struct tuff_kernel_part {
    const char *name;
    const struct tuff_kernel_constant *constants;
    uint32_t constant_count, word_count;
};

#define TUFF_FIELD_uint uint32_t
#define TUFF_FIELD_bool uint32_t /* 0 or 1 */
#define TUFF_FIELD_float float
#define TUFF_FIELD_OF_CONSTANT(id, type, name, value) TUFF_FIELD_##type name;
#define TUFF_FIELD_OF_WORD(type, name) TUFF_FIELD_##type name;
#define TUFF_FIELD_OF_WORDS(type, name, count) TUFF_FIELD_##type name[count];
#define TUFF_STRUCT_OF_PART(part)                                                                                           \
    struct tuff_kernel_##part {                                                                                             \
        TUFF_PART_##part(TUFF_FIELD_OF_CONSTANT, TUFF_FIELD_OF_WORD, TUFF_FIELD_OF_WORDS)                                   \
    };                                                                                                                      \
    extern const struct tuff_kernel_part tuff_part_##part;
TUFF_PARTS(TUFF_STRUCT_OF_PART)

/* fields: a struct of this part. specs: part->constant_count; words: part->word_count, their bits. */
void tuff_part_split(const struct tuff_kernel_part *part, const void *fields, struct tuff_plan_spec *specs, uint32_t *words);

#endif
