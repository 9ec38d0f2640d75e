/* backend_spirv.c - what is read out of SPIR-V: right for a compiled kernel, and an end for damaged and hostile modules. */
#include "backend/core.h"
#include "backend/spirv.h"

#include <stdio.h>
#include <stdlib.h>

static int failures;

static void check(bool condition, const char *what, unsigned long long got)
{
    if (condition) return;
    printf("%s: got %llu\n", what, got);
    failures++;
}

static const struct tuff_caps caps = {.struct_size = sizeof caps},
                              keeps_nan = {.struct_size = sizeof caps, .keeps_nan = true};

static const char source[] = "#version 450\n"
                             "layout(local_size_x_id = 0, local_size_y = 2) in;\n"
                             "layout(constant_id = 1) const uint rows = 4u;\n"
                             "struct pair { vec4 a; float b[3]; };\n"
                             "layout(push_constant) uniform P { uint n; uvec2 m; };\n"
                             "layout(std430, binding = 0) readonly buffer A { float a[]; };\n"
                             "layout(std430, binding = 2) buffer B { pair b[]; };\n"
                             "layout(std140, binding = 16) uniform N { uvec4 numbers[3]; };\n"
                             "shared float tile[rows * 8u];\n"
                             "shared pair both[2];\n"
                             "void main() {\n"
                             "    tile[gl_LocalInvocationIndex] = a[n];\n"
                             "    both[0].b[1] = a[m.y];\n"
                             "    barrier();\n"
                             "    b[m.x].b[0] = tile[0] + both[0].b[1] + float(numbers[2].w);\n"
                             "}\n";

static void rewrite(struct tuff_context *context, const uint32_t *spirv, size_t words)
{
    uint32_t *copy = NULL;
    size_t count = 0;
    if (tuff_spirv_keep_nan(context, spirv, words, true, &copy, &count, NULL) == TUFF_OK) tuff_free(context, copy);
    if (tuff_spirv_hostile(context, spirv, words, 4, true, &copy, &count, NULL) == TUFF_OK) tuff_free(context, copy);
}

/* Flips one bit after another in many places, and cuts the module short everywhere. */
static void test_damage(struct tuff_context *context, const struct tuff_plan_spec *specs, const uint32_t *spirv,
                        size_t words)
{
    struct tuff_spirv_info info;
    uint32_t *copy = malloc(words * sizeof *copy);
    if (!copy) exit(1);
    for (size_t bit = 0; bit < words * 32; bit++) {
        memcpy(copy, spirv, words * sizeof *copy);
        copy[bit / 32] ^= UINT32_C(1) << bit % 32;
        (void)!tuff_spirv_read(context, copy, words, specs, 2, &caps, &info, NULL);
        rewrite(context, copy, words);
    }
    free(copy);
    for (size_t length = 0; length < words; length++) {
        uint32_t *part = malloc(length * sizeof *part + !length); /* of its own, so that a sanitizer sees its end */
        if (!part) exit(1);
        if (length) memcpy(part, spirv, length * sizeof *part);
        (void)!tuff_spirv_read(context, part, length, specs, 2, &caps, &info, NULL);
        rewrite(context, part, length);
        free(part);
    }
}

static uint32_t count_of(const uint32_t *spirv, size_t words, uint32_t first, uint32_t at, uint32_t value)
{
    uint32_t count = 0;
    for (size_t i = 5; i < words; i += spirv[i] >> 16) count += spirv[i] == first && spirv[i + at] == value;
    return count;
}

/* The declarations stand where they belong, once; a device without the mode is told by the capability. */
static void test_declared(struct tuff_context *context, const uint32_t *spirv, size_t words)
{
    struct tuff_spirv_info info = {0};
    uint32_t *once = NULL, *twice = NULL;
    size_t one = 0, two = 0;
    if (tuff_spirv_keep_nan(context, spirv, words, true, &once, &one, NULL) != TUFF_OK ||
        tuff_spirv_keep_nan(context, once, one, true, &twice, &two, NULL) != TUFF_OK)
        exit(1);
    check(one == words + 2 + 7 + 4, "declared: expected 13 words more", one - words);
    check(two == one && !memcmp(once, twice, one * sizeof *once), "declared twice: expected the same words", two);
    check(count_of(once, one, 2u << 16 | 17, 1, 4466) == 1, "declared: expected the capability once", 0);
    check(count_of(once, one, 4u << 16 | 16, 2, 4461) == 1, "declared: expected the mode once, for f32", 0);
    bool lacking = tuff_spirv_read(context, once, one, NULL, 0, &caps, &info, NULL) == TUFF_OK;
    check(lacking && info.missing_capability == 4466, "declared: expected capability 4466 to be missing",
          info.missing_capability);
    bool keeping = tuff_spirv_read(context, once, one, NULL, 0, &keeps_nan, &info, NULL) == TUFF_OK;
    check(keeping && !info.missing_capability, "declared: expected nothing to be missing", info.missing_capability);
    tuff_free(context, once);
    tuff_free(context, twice);
}

/* A device must offer the same for it, and a barrier stands behind what fills shared memory. */
static void test_hostile(struct tuff_context *context, const struct tuff_plan_spec *specs, const uint32_t *spirv,
                         size_t words)
{
    struct tuff_spirv_info before, after;
    for (uint32_t seed = 1; seed <= 8; seed++) {
        uint32_t *made[3] = {NULL};
        size_t counts[3];
        for (uint32_t k = 0; k < 3; k++)
            if (tuff_spirv_hostile(context, spirv, words, seed + (k == 2) * 4, true, &made[k], &counts[k], NULL) != TUFF_OK)
                exit(1);
        if (tuff_spirv_read(context, spirv, words, specs, 2, &caps, &before, NULL) != TUFF_OK ||
            tuff_spirv_read(context, made[0], counts[0], specs, 2, &caps, &after, NULL) != TUFF_OK)
            exit(1);
        check(!memcmp(&before, &after, sizeof before), "hostile: expected the same needs, seed", seed);
        check(counts[0] == counts[1] && !memcmp(made[0], made[1], counts[0] * sizeof **made),
              "hostile: expected the same words, seed", seed);
        check(counts[0] != counts[2] || memcmp(made[0], made[2], counts[0] * sizeof **made) != 0,
              "hostile: expected other words, seed", seed);
        check(count_of(made[0], counts[0], 4u << 16 | 224, 0, 4u << 16 | 224) == 2, "hostile: expected two barriers, seed",
              seed);
        for (uint32_t k = 0; k < 3; k++) tuff_free(context, made[k]);
    }
}

/* Instructions of floats that hostile mode does not know are no part of any kernel. */
static void test_unknown(struct tuff_context *context, const struct tuff_compiler *compiler)
{
    static const char *const lines[] = {"mod(v, 3.0)", "isnan(v) ? 1.0 : v",         "sin(v)",
                                        "pow(v, 3.0)", "dot(vec2(v), vec2(v, 2.0))", "mix(v, 1.0, 0.3)"};
    char text[400];
    for (size_t i = 0; i < TUFF_COUNT(lines); i++) {
        uint32_t *spirv = NULL, *made = NULL;
        size_t words = 0, count = 0;
        struct tuff_error error = {0};
        snprintf(text, sizeof text,
                 "#version 450\nlayout(local_size_x = 1) in;\nlayout(std430, binding = 0) buffer A { float a[]; };\n"
                 "void main() { float v = a[gl_LocalInvocationIndex]; a[0] = %s; }\n",
                 lines[i]);
        if (compiler->compile(compiler->user, context, "test", text, "", &spirv, &words, &error) != TUFF_OK) exit(1);
        tuff_status status = tuff_spirv_hostile(context, spirv, words, 1, true, &made, &count, &error);
        check(status == TUFF_ERR_UNSUPPORTED && strstr(error.message, "TUFF_HOSTILE knows nothing of"), lines[i],
              (unsigned long long)status);
        tuff_free(context, spirv);
    }
}

static void test_compiled(struct tuff_context *context, const struct tuff_compiler *compiler)
{
    const struct tuff_plan_spec specs[] = {{0, 32}, {1, 16}};
    struct tuff_spirv_info info = {0};
    struct tuff_error error = {0};
    uint32_t *spirv = NULL;
    size_t words = 0;
    if (compiler->compile(compiler->user, context, "test", source, "", &spirv, &words, &error) != TUFF_OK ||
        tuff_spirv_read(context, spirv, words, specs, 2, &caps, &info, &error) != TUFF_OK) {
        printf("%s\n", error.message);
        failures++;
        return;
    }
    check(info.local_size[0] == 32 && info.local_size[1] == 2 && info.local_size[2] == 1, "local size: expected 32 x 2",
          info.local_size[0]);
    check(info.binding_end == 3, "bindings: expected to end at 3", info.binding_end);
    check(info.number_bytes == 48, "numbers: expected 48 bytes, which are no storage buffer", info.number_bytes);
    check(info.push_bytes == 16, "push constants: expected 16 bytes", info.push_bytes);
    check(info.shared_bytes >= 512 + 2 * 28 && info.shared_bytes <= 512 + 2 * 32, "shared: expected 568 to 576 bytes",
          info.shared_bytes);
    test_declared(context, spirv, words);
    test_hostile(context, specs, spirv, words);
    test_unknown(context, compiler);
    test_damage(context, specs, spirv, words);
    tuff_free(context, spirv);
}

/* Structs of 60000 members, each of which is the struct before: 60000^3 members in 720 KB. */
static void test_nested(struct tuff_context *context)
{
    enum { MEMBERS = 60000, WORDS = 5 + 3 * (MEMBERS + 2) + 4 + 4 };
    struct tuff_spirv_info info = {0};
    uint32_t *words = calloc(WORDS, sizeof *words);
    size_t count = 5;
    if (!words) exit(1);
    words[0] = 0x07230203;
    words[1] = 0x00010300;
    words[3] = 10;
    for (uint32_t id = 1; id <= 3; id++) {
        words[count++] = (MEMBERS + 2u) << 16 | 30; /* OpTypeStruct */
        words[count++] = id;
        for (int i = 0; i < MEMBERS; i++) words[count++] = id == 1 ? 9 : id - 1;
    }
    const uint32_t variable[] = {4u << 16 | 32, 4, 4, 3, 4u << 16 | 59, 4, 5, 4}; /* a pointer to it, shared memory */
    memcpy(words + count, variable, sizeof variable);
    tuff_status status = tuff_spirv_read(context, words, WORDS, NULL, 0, &caps, &info, NULL);
    check(status == TUFF_ERR_FORMAT, "nested types: expected TUFF_ERR_FORMAT soon", (unsigned long long)status);
    words[3] = UINT32_MAX;
    status = tuff_spirv_read(context, words, WORDS, NULL, 0, &caps, &info, NULL);
    check(status == TUFF_ERR_FORMAT, "bound of all ids: expected TUFF_ERR_FORMAT", (unsigned long long)status);
    free(words);
}

int main(void)
{
    struct tuff_context *context = NULL;
    if (tuff_context_create(NULL, &context, NULL) != TUFF_OK) return 1;
    test_nested(context);
    if (tuff_glslang()) test_compiled(context, tuff_glslang());
    tuff_context_destroy(context);
    printf("backend_spirv: %d failures\n", failures);
    return failures != 0;
}
