/* kernel.glsl - a kernel's constants and push words, as kernels.def declares them; included before what needs them. */
#include "kernels.def"
#define TUFF_DECLARE_CONSTANT(id, type, name, value) layout(constant_id = id) const type name = value;
#define TUFF_DECLARE_WORD(type, name) type name;
#define TUFF_DECLARE_WORDS(type, name, count) type name[count];
#define TUFF_CONSTANTS(part) TUFF_CONSTANTS_##part(TUFF_DECLARE_CONSTANT)
#define TUFF_WORDS(part) TUFF_WORDS_##part(TUFF_DECLARE_WORD, TUFF_DECLARE_WORDS)
