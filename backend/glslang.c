/* glslang.c - the compiler callback built on glslang's C interface: GLSL to SPIR-V 1.3 for Vulkan 1.1.
 *
 * In libtuff alone; a build without glslang has a tuff_glslang() that returns NULL. Thread-safe. */
#include "backend/backend.h"
#include "backend/core.h"
#include "backend/spirv_words.h"

#if defined(TUFF_HAVE_GLSLANG)

#include <glslang/Include/glslang_c_interface.h>
#include <glslang/Public/resource_limits_c.h>
#include <glslang/build_info.h>
#include <stdatomic.h>

#define GLSLANG_TEXT                                                                                                        \
    TUFF_TEXT_OF(GLSLANG_VERSION_MAJOR) "." TUFF_TEXT_OF(GLSLANG_VERSION_MINOR) "." TUFF_TEXT_OF(GLSLANG_VERSION_PATCH)

/* glslang starts once per process and stays: its symbol tables take longer to make than a kernel takes to compile, and its
 * own count is set up anew by every start (12.0), so starts must not overlap. The state is of the process as glslang's is. */
static bool start_glslang(void)
{
    static atomic_int state; /* 0: not yet, 1: a thread is at it, 2: runs, 3: failed */
    int seen = 0;
    if (atomic_compare_exchange_strong(&state, &seen, 1)) {
        seen = glslang_initialize_process() ? 2 : 3;
        atomic_store(&state, seen);
    }
    while (seen == 1) seen = atomic_load(&state); /* some milliseconds, once */
    return seen == 2;
}

/* The preamble goes behind the #version line, as string 1, so that a message tells it from the file, string 0.
 * (glslang_shader_set_preamble of 12.0 puts it before #version when a shader is preprocessed and then parsed.) */
static char *join(struct tuff_context *context, const char *source, const char *preamble)
{
    const char *rest = strchr(source, '\n');
    rest = rest ? rest + 1 : source + strlen(source);
    struct tuff_text text = {.context = context};
    tuff_text_append(&text, source, (size_t)(rest - source));
    tuff_text_add(&text, "#line 1 1\n%s\n#line 2 0\n%s", preamble, rest);
    return tuff_text_take(&text);
}

/* "ERROR: 0:12: 'x' : undeclared identifier" becomes "name.comp:12: 'x' : ..", up to the end of the line. */
static void fail_log(struct tuff_context *context, struct tuff_error *error, const char *name, const char *log)
{
    const char *line = log ? strstr(log, "ERROR: ") : NULL;
    const char *part = "";
    if (!line) line = log && log[0] ? log : " no message";
    if (!strncmp(line, "ERROR: ", 7)) line += 7;
    if (!strncmp(line, "1:", 2)) part = " (hooks)";
    if (!strncmp(line, "0:", 2) || !strncmp(line, "1:", 2)) line += 2;
    tuff_fail(context, error, TUFF_ERR_COMPILE, "%s.comp%s:%.*s", name, part, (int)strcspn(line, "\n"), line);
}

/* GLSL of 2022 has no way to give a type to spirv_type (GL_EXT_spirv_intrinsics): shaders give the bits of a cooperative matrix's elements, 16 or
 * 32, in its place. glslang declares types where they are first used, so that a shader uses floats of both before matrices of them. False: it did not. */
static bool complete_matrices(uint32_t *words, size_t count)
{
    uint32_t half = 0, whole = 0;
    for (size_t at = 5; at < count && words[at] >> 16; at += words[at] >> 16) {
        uint32_t op = words[at] & 0xffff, *type = &words[at + 2];
        if (op == OP_TYPE_FLOAT) *(*type == 16 ? &half : &whole) = words[at + 1];
        if (op == OP_TYPE_COOPERATIVE_MATRIX) *type = *type == 16 ? half : whole;
        if (op == OP_TYPE_COOPERATIVE_MATRIX && !*type) return false;
    }
    return true;
}

static tuff_status take_spirv(struct tuff_context *context, const char *name, glslang_program_t *program, uint32_t **spirv,
                              size_t *words, struct tuff_error *error)
{
    glslang_spv_options_t options = {.disable_optimizer = true};
    glslang_program_SPIRV_generate_with_options(program, GLSLANG_STAGE_COMPUTE, &options);
    size_t count = glslang_program_SPIRV_get_size(program);
    if (!count) {
        fail_log(context, error, name, glslang_program_SPIRV_get_messages(program));
        return TUFF_ERR_COMPILE;
    }
    uint32_t *copy = tuff_alloc(context, count * sizeof *copy);
    if (!copy) return tuff_fail_memory(context, error);
    glslang_program_SPIRV_get(program, copy);
    if (!complete_matrices(copy, count)) {
        tuff_free(context, copy);
        return tuff_fail(context, error, TUFF_ERR_COMPILE, "%s.comp: a matrix before a float of its elements", name);
    }
    *spirv = copy;
    *words = count;
    return TUFF_OK;
}

static tuff_status link_and_take(struct tuff_context *context, const char *name, glslang_shader_t *shader, int messages,
                                 uint32_t **spirv, size_t *words, struct tuff_error *error)
{
    glslang_program_t *program = glslang_program_create();
    if (!program) return tuff_fail_memory(context, error);
    tuff_status status = TUFF_ERR_COMPILE;
    glslang_program_add_shader(program, shader);
    if (!glslang_program_link(program, messages))
        fail_log(context, error, name, glslang_program_get_info_log(program));
    else
        status = take_spirv(context, name, program, spirv, words, error);
    glslang_program_delete(program);
    return status;
}

static tuff_status compile_text(struct tuff_context *context, const char *name, const char *text, uint32_t **spirv,
                                size_t *words, struct tuff_error *error)
{
    const int messages = GLSLANG_MSG_SPV_RULES_BIT | GLSLANG_MSG_VULKAN_RULES_BIT;
    const glslang_input_t input = {.language = GLSLANG_SOURCE_GLSL,
                                   .stage = GLSLANG_STAGE_COMPUTE,
                                   .client = GLSLANG_CLIENT_VULKAN,
                                   .client_version = GLSLANG_TARGET_VULKAN_1_1,
                                   .target_language = GLSLANG_TARGET_SPV,
                                   .target_language_version = GLSLANG_TARGET_SPV_1_3,
                                   .code = text,
                                   .default_version = 450,
                                   .default_profile = GLSLANG_NO_PROFILE,
                                   .messages = messages,
                                   .resource = glslang_default_resource()};
    tuff_status status = TUFF_ERR_COMPILE;
    glslang_shader_t *shader = glslang_shader_create(&input);
    if (!shader) return tuff_fail_memory(context, error);
    if (!glslang_shader_preprocess(shader, &input) || !glslang_shader_parse(shader, &input))
        fail_log(context, error, name, glslang_shader_get_info_log(shader));
    else
        status = link_and_take(context, name, shader, messages, spirv, words, error);
    glslang_shader_delete(shader);
    return status;
}

static tuff_status compile(void *user, struct tuff_context *context, const char *name, const char *source,
                           const char *preamble, uint32_t **spirv, size_t *words, struct tuff_error *error)
{
    (void)user;
    if (!start_glslang()) return tuff_fail(context, error, TUFF_ERR_COMPILE, "glslang does not start");
    char *text = join(context, source, preamble);
    if (!text) return tuff_fail_memory(context, error);
    tuff_status status = compile_text(context, name, text, spirv, words, error);
    tuff_free(context, text);
    return status;
}

const struct tuff_compiler *tuff_glslang(void)
{
    static const struct tuff_compiler compiler = {
        .struct_size = sizeof compiler, .version = "glslang " GLSLANG_TEXT " vulkan1.1 spv1.3", .compile = compile};
    return &compiler;
}

#else

const struct tuff_compiler *tuff_glslang(void) { return NULL; }

#endif
