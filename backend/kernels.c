/* kernels.c - the parts of shaders/kernels.def as data. */
#include "backend/kernels.h"

#define CONSTANT(id, type, name, value) {#name, id, value},
#define WORD(type, name) +1
#define WORDS(type, name, count) +count
#define NO_CONSTANT(id, type, name, value)
#define NO_WORD(type, name)
#define NO_WORDS(type, name, count)
/* A last entry, as C knows no empty array. */
#define PART(part)                                                                                                          \
    static const struct tuff_kernel_constant constants_of_##part[] = {                                                      \
        TUFF_PART_##part(CONSTANT, NO_WORD, NO_WORDS){NULL, 0, 0}};                                                         \
    const struct tuff_kernel_part tuff_part_##part = {#part, constants_of_##part, TUFF_COUNT(constants_of_##part) - 1,      \
                                                      0 TUFF_PART_##part(NO_CONSTANT, WORD, WORDS)};
TUFF_PARTS(PART)

void tuff_part_split(const struct tuff_kernel_part *part, const void *fields, struct tuff_plan_spec *specs, uint32_t *words)
{
    const unsigned char *field = fields;
    for (uint32_t i = 0; i < part->constant_count; i++, field += sizeof(uint32_t)) {
        specs[i].id = part->constants[i].id;
        memcpy(&specs[i].value, field, sizeof specs[i].value);
    }
    if (part->word_count) memcpy(words, field, part->word_count * sizeof *words);
}
