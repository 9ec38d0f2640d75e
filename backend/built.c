/* built.c - the compiler callback of programs that have no compiler: it gives the kernels that were compiled when Tuff was
 * built, those of the files in shaders/ without hook text, each with the -D sets that its "tuff: variants" lines name.
 *
 * In libtuff alone. Thread-safe. */
#include "backend/backend.h"
#include "backend/core.h"
#include "backend/spirv.h"

/* Rows of cmake/shader.cmake. */
static const struct tuff_built_kernel kernels[] = {
#include "shaders/built.inc"
};

/* A preamble is the defines of a kernel, its last line being empty (backend/pipeline.c). */
static bool is_same(const char *defines, const char *preamble)
{
    size_t length = strlen(defines);
    return !strncmp(defines, preamble, length) && preamble[length + strspn(preamble + length, "\n")] == 0;
}

static tuff_status find(void *user, struct tuff_context *context, const char *name, const char *source, const char *preamble,
                        uint32_t **spirv, size_t *words, struct tuff_error *error)
{
    (void)user;
    (void)source;
    for (size_t i = 0; i < TUFF_COUNT(kernels); i++) {
        const struct tuff_built_kernel *k = &kernels[i];
        if (strcmp(k->file, name) != 0 || !is_same(k->defines, preamble)) continue;
        return tuff_spirv_give(context, k->spirv, k->words, spirv, words, error);
    }
    return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED,
                     "this program has no shader compiler, and kernel %s was not built as it is needed here: %.200s", name,
                     preamble[0] ? preamble : "without definitions");
}

const struct tuff_compiler *tuff_built_kernels(void)
{
    static const struct tuff_compiler compiler = {.struct_size = sizeof compiler, .version = "built", .compile = find};
    return &compiler;
}
