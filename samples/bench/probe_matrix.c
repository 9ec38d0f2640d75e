/* probe_matrix.c - the kernel that measures cooperative matrices, written as SPIR-V words.
 *
 * glslang before 14 knows no GL_KHR_cooperative_matrix and no type parameters in GL_EXT_spirv_intrinsics; and the shape is the
 * device's. Sources: SPIR-V 1.3, SPV_KHR_cooperative_matrix, SPV_KHR_vulkan_memory_model. tests/bench_probe.c has the words
 * checked by spirv-val. */
#include "probe_matrix.h"

#include "backend/spirv_words.h"

#include <stdio.h>

tuff_status probe_matrix_shape(struct tuff_device *device, struct probe_shape *shape, struct tuff_error *error)
{
    const struct tuff_caps *caps = &device->caps;
    if (!caps->cooperative_matrix || !caps->matrix_m || !caps->f16_storage || !caps->f16_arithmetic)
        return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED,
                         "%s has no cooperative matrices of f16 x f16 summed in f32 by a subgroup", caps->name);
    *shape = (struct probe_shape){caps->matrix_m, caps->matrix_n, caps->matrix_k};
    return TUFF_OK;
}

/* ---- the words --------------------------------------------------------------------------------------------------------------------- */

/* Beside those of spirv_words.h. */
enum { OP_MEMORY_MODEL = 14, OP_TYPE_VOID = 19, OP_TYPE_RUNTIME_ARRAY = 29, OP_TYPE_FUNCTION = 33, OP_FUNCTION = 54 };
enum { OP_FUNCTION_END = 56, OP_LOAD = 61, OP_STORE, OP_ACCESS_CHAIN = 65, OP_COMPOSITE_EXTRACT = 81 };
enum { OP_I_ADD = 128, OP_F_ADD, OP_I_MUL = 132, OP_I_EQUAL = 170, OP_U_LESS_THAN = 176 };
enum { OP_PHI = 245, OP_LOOP_MERGE, OP_SELECTION_MERGE, OP_LABEL, OP_BRANCH, OP_BRANCH_CONDITIONAL, OP_RETURN = 253 };
enum { OP_COOPERATIVE_MATRIX_LOAD = 4457, OP_COOPERATIVE_MATRIX_STORE };
enum { OP_COOPERATIVE_MATRIX_MUL_ADD = 4459, BLOCK = 2, DESCRIPTOR_SET = 34, CLASS_INPUT = 1, CLASS_FUNCTION = 7 };
enum { WORKGROUP_ID = 26, SCOPE_SUBGROUP = 3, USE_A = 0, USE_B = 1, USE_SUM = 2 };

/* Ids that have a name; those of the function's values come after. */
enum {
    MAIN = 1,
    GROUP_ID,
    FACTORS,
    START,
    RESULT,
    PUSH,
    VOID,
    FUNCTION_TYPE,
    BOOL,
    UINT,
    HALF,
    FLOAT,
    UINT3,
    HALVES,
    FLOATS
};
enum { HALF_BLOCK = FLOATS + 1, FLOAT_BLOCK, PUSH_BLOCK, TO_HALF_BLOCK, TO_FLOAT_BLOCK, TO_PUSH_BLOCK };
enum { TO_HALF = TO_PUSH_BLOCK + 1, TO_FLOAT, TO_PUSH, TO_UINT3, MATRIX_A, MATRIX_B, MATRIX_SUM, TO_A, TO_SUM };
enum {
    NUMBER = TO_SUM + 1,
    M = NUMBER + 4,
    N,
    K,
    SUM_SIZE,
    FIRST_VALUE
}; /* NUMBER: of constant 0; those of 1, 2, 3 follow */

static void emit(struct probe_module *module, uint32_t op, const uint32_t *operands, uint32_t count)
{
    if (module->count + 1 + count > TUFF_COUNT(module->words)) return; /* tests see the cut */
    module->words[module->count++] = (count + 1) << 16 | op;
    if (count) memcpy(module->words + module->count, operands, count * sizeof *operands);
    module->count += count;
}
#define EMIT(op, ...)                                                                                                       \
    emit(module, op, (const uint32_t[]){__VA_ARGS__}, (uint32_t)TUFF_COUNT(((const uint32_t[]){__VA_ARGS__})))

static uint32_t new_id(struct probe_module *module) { return module->bound++; }

/* Four characters a word, the first lowest, with a zero at the end. */
static void emit_extension(struct probe_module *module, const char *name)
{
    uint32_t words[16] = {0}, length = (uint32_t)strlen(name);
    for (uint32_t i = 0; i < length; i++) words[i / 4] |= (uint32_t)(unsigned char)name[i] << i % 4 * 8;
    emit(module, OP_EXTENSION, words, length / 4 + 1);
}

static void emit_head(struct probe_module *module, uint32_t lanes)
{
    static const uint32_t capabilities[] = {1, 9, 4433, 5345, 6022}; /* Shader, Float16, StorageBuffer16BitAccess,
                                                                      * VulkanMemoryModel, CooperativeMatrixKHR */
    static const uint32_t header[] = {0x07230203, 0x00010300, 0, 0, 0};
    memcpy(module->words, header, sizeof header);
    module->count = TUFF_COUNT(header);
    module->bound = FIRST_VALUE;
    for (uint32_t i = 0; i < TUFF_COUNT(capabilities); i++) EMIT(OP_CAPABILITY, capabilities[i]);
    emit_extension(module, "SPV_KHR_vulkan_memory_model");
    emit_extension(module, "SPV_KHR_cooperative_matrix");
    EMIT(OP_MEMORY_MODEL, 0, 3);                                       /* Logical, Vulkan */
    EMIT(OP_ENTRY_POINT, 5, MAIN, 0x6e69616d /* main */, 0, GROUP_ID); /* GLCompute */
    EMIT(OP_EXECUTION_MODE, MAIN, 17, lanes, 1, 1);                    /* LocalSize */
    EMIT(OP_DECORATE, GROUP_ID, BUILTIN, WORKGROUP_ID);
    EMIT(OP_DECORATE, HALVES, ARRAY_STRIDE, 2);
    EMIT(OP_DECORATE, FLOATS, ARRAY_STRIDE, 4);
    for (uint32_t block = HALF_BLOCK; block <= PUSH_BLOCK; block++) {
        EMIT(OP_DECORATE, block, BLOCK);
        EMIT(OP_MEMBER_DECORATE, block, 0, OFFSET, 0);
    }
    EMIT(OP_MEMBER_DECORATE, PUSH_BLOCK, 1, OFFSET, 4);
    for (uint32_t i = 0; i < 3; i++) {
        EMIT(OP_DECORATE, FACTORS + i, DESCRIPTOR_SET, 0);
        EMIT(OP_DECORATE, FACTORS + i, BINDING, i);
    }
}

static void emit_types(struct probe_module *module, const struct probe_shape *shape)
{
    EMIT(OP_TYPE_VOID, VOID);
    EMIT(OP_TYPE_FUNCTION, FUNCTION_TYPE, VOID);
    EMIT(OP_TYPE_BOOL, BOOL);
    EMIT(OP_TYPE_INT, UINT, 32, 0);
    EMIT(OP_TYPE_FLOAT, HALF, 16);
    EMIT(OP_TYPE_FLOAT, FLOAT, 32);
    EMIT(OP_TYPE_VECTOR, UINT3, UINT, 3);
    for (uint32_t i = 0; i < M - NUMBER; i++) EMIT(OP_CONSTANT, UINT, NUMBER + i, i);
    EMIT(OP_CONSTANT, UINT, M, shape->m);
    EMIT(OP_CONSTANT, UINT, N, shape->n);
    EMIT(OP_CONSTANT, UINT, K, shape->k);
    EMIT(OP_CONSTANT, UINT, SUM_SIZE, shape->m * shape->n);
    EMIT(OP_TYPE_RUNTIME_ARRAY, HALVES, HALF);
    EMIT(OP_TYPE_RUNTIME_ARRAY, FLOATS, FLOAT);
    EMIT(OP_TYPE_STRUCT, HALF_BLOCK, HALVES);
    EMIT(OP_TYPE_STRUCT, FLOAT_BLOCK, FLOATS);
    EMIT(OP_TYPE_STRUCT, PUSH_BLOCK, UINT, UINT);
    EMIT(OP_TYPE_POINTER, TO_HALF_BLOCK, CLASS_STORAGE_BUFFER, HALF_BLOCK);
    EMIT(OP_TYPE_POINTER, TO_FLOAT_BLOCK, CLASS_STORAGE_BUFFER, FLOAT_BLOCK);
    EMIT(OP_TYPE_POINTER, TO_PUSH_BLOCK, CLASS_PUSH_CONSTANT, PUSH_BLOCK);
    EMIT(OP_TYPE_POINTER, TO_HALF, CLASS_STORAGE_BUFFER, HALF);
    EMIT(OP_TYPE_POINTER, TO_FLOAT, CLASS_STORAGE_BUFFER, FLOAT);
    EMIT(OP_TYPE_POINTER, TO_PUSH, CLASS_PUSH_CONSTANT, UINT);
    EMIT(OP_TYPE_POINTER, TO_UINT3, CLASS_INPUT, UINT3);
    EMIT(OP_TYPE_COOPERATIVE_MATRIX, MATRIX_A, HALF, NUMBER + SCOPE_SUBGROUP, M, K, NUMBER + USE_A);
    EMIT(OP_TYPE_COOPERATIVE_MATRIX, MATRIX_B, HALF, NUMBER + SCOPE_SUBGROUP, K, N, NUMBER + USE_B);
    EMIT(OP_TYPE_COOPERATIVE_MATRIX, MATRIX_SUM, FLOAT, NUMBER + SCOPE_SUBGROUP, M, N, NUMBER + USE_SUM);
    EMIT(OP_TYPE_POINTER, TO_A, CLASS_FUNCTION, MATRIX_A);
    EMIT(OP_TYPE_POINTER, TO_SUM, CLASS_FUNCTION, MATRIX_SUM);
    EMIT(OP_VARIABLE, TO_UINT3, GROUP_ID, CLASS_INPUT);
    EMIT(OP_VARIABLE, TO_HALF_BLOCK, FACTORS, CLASS_STORAGE_BUFFER);
    EMIT(OP_VARIABLE, TO_FLOAT_BLOCK, START, CLASS_STORAGE_BUFFER);
    EMIT(OP_VARIABLE, TO_FLOAT_BLOCK, RESULT, CLASS_STORAGE_BUFFER);
    EMIT(OP_VARIABLE, TO_PUSH_BLOCK, PUSH, CLASS_PUSH_CONSTANT);
}

/* type(block[0][index]), row-major; returns its id. */
static uint32_t emit_matrix_load(struct probe_module *module, uint32_t type, uint32_t block, uint32_t index, uint32_t stride)
{
    uint32_t at = new_id(module), value = new_id(module);
    EMIT(OP_ACCESS_CHAIN, block == FACTORS ? TO_HALF : TO_FLOAT, at, block, NUMBER, index);
    EMIT(OP_COOPERATIVE_MATRIX_LOAD, type, value, at, NUMBER, stride);
    return value;
}

/* What the function works on: ids, of several the first one. */
struct values {
    uint32_t entry, rounds, never; /* block, numbers */
    uint32_t a, sums;              /* variables */
    uint32_t b[PROBE_MATRIX_SUMS]; /* matrices */
    uint32_t offsets;              /* constants: index of a[t], then of b[s], then of start[s] */
    uint32_t sum_count;
};

static uint32_t emit_push_load(struct probe_module *module, uint32_t member)
{
    uint32_t at = new_id(module), value = new_id(module);
    EMIT(OP_ACCESS_CHAIN, TO_PUSH, at, PUSH, NUMBER + member);
    EMIT(OP_LOAD, UINT, value, at);
    return value;
}

/* if (i == never) a[t] = those at index i */
static void emit_never(struct probe_module *module, const struct values *v, uint32_t i)
{
    uint32_t now = new_id(module), then = new_id(module), after = new_id(module);
    EMIT(OP_I_EQUAL, BOOL, now, i, v->never);
    EMIT(OP_SELECTION_MERGE, after, 0);
    EMIT(OP_BRANCH_CONDITIONAL, now, then, after);
    EMIT(OP_LABEL, then);
    for (uint32_t t = 0; t < PROBE_MATRIX_STEPS; t++) {
        uint32_t index = new_id(module);
        EMIT(OP_I_ADD, UINT, index, i, v->offsets + t);
        uint32_t other = emit_matrix_load(module, MATRIX_A, FACTORS, index, K);
        EMIT(OP_STORE, v->a + t, other);
    }
    EMIT(OP_BRANCH, after);
    EMIT(OP_LABEL, after);
}

/* for (i = 0; i < rounds; i++), in blocks of its own; goes on in the one behind it. */
static void emit_loop(struct probe_module *module, const struct values *v)
{
    uint32_t head = new_id(module), body = new_id(module), next = new_id(module), after = new_id(module);
    uint32_t i = new_id(module), more = new_id(module), increased = new_id(module);
    EMIT(OP_BRANCH, head);
    EMIT(OP_LABEL, head);
    EMIT(OP_PHI, UINT, i, NUMBER, v->entry, increased, next);
    EMIT(OP_U_LESS_THAN, BOOL, more, i, v->rounds);
    EMIT(OP_LOOP_MERGE, after, next, 0);
    EMIT(OP_BRANCH_CONDITIONAL, more, body, after);
    EMIT(OP_LABEL, body);
    emit_never(module, v, i);
    for (uint32_t k = 0; k < PROBE_MATRIX_STEPS * v->sum_count; k++) {
        uint32_t a = new_id(module), old = new_id(module), sum = new_id(module), s = k % v->sum_count;
        EMIT(OP_LOAD, MATRIX_A, a, v->a + k / v->sum_count);
        EMIT(OP_LOAD, MATRIX_SUM, old, v->sums + s);
        EMIT(OP_COOPERATIVE_MATRIX_MUL_ADD, MATRIX_SUM, sum, a, v->b[s], old);
        EMIT(OP_STORE, v->sums + s, sum);
    }
    EMIT(OP_BRANCH, next);
    EMIT(OP_LABEL, next);
    EMIT(OP_I_ADD, UINT, increased, i, NUMBER + 1);
    EMIT(OP_BRANCH, head);
    EMIT(OP_LABEL, after);
}

/* y[group] = sum_s c[s] */
static void emit_store(struct probe_module *module, const struct values *v)
{
    uint32_t total = new_id(module), ids = new_id(module), group = new_id(module), index = new_id(module);
    uint32_t at = new_id(module);
    EMIT(OP_LOAD, MATRIX_SUM, total, v->sums);
    for (uint32_t s = 1; s < v->sum_count; s++) {
        uint32_t part = new_id(module), both = new_id(module);
        EMIT(OP_LOAD, MATRIX_SUM, part, v->sums + s);
        EMIT(OP_F_ADD, MATRIX_SUM, both, total, part);
        total = both;
    }
    EMIT(OP_LOAD, UINT3, ids, GROUP_ID);
    EMIT(OP_COMPOSITE_EXTRACT, UINT, group, ids, 0);
    EMIT(OP_I_MUL, UINT, index, group, SUM_SIZE);
    EMIT(OP_ACCESS_CHAIN, TO_FLOAT, at, RESULT, NUMBER, index);
    EMIT(OP_COOPERATIVE_MATRIX_STORE, at, total, NUMBER, N);
}

/* Constants of the indices at which the matrices begin. */
static void emit_offsets(struct probe_module *module, const struct probe_shape *shape, struct values *v)
{
    const uint32_t a_size = shape->m * shape->k, b_size = shape->k * shape->n, steps = PROBE_MATRIX_STEPS;
    v->offsets = module->bound;
    for (uint32_t t = 0; t < steps; t++) EMIT(OP_CONSTANT, UINT, new_id(module), t * a_size);
    for (uint32_t s = 0; s < v->sum_count; s++) EMIT(OP_CONSTANT, UINT, new_id(module), steps * a_size + s * b_size);
    for (uint32_t s = 0; s < v->sum_count; s++) EMIT(OP_CONSTANT, UINT, new_id(module), s * shape->m * shape->n);
}

/* Variables come first in a function; then everything is loaded. */
static void emit_entry(struct probe_module *module, struct values *v)
{
    const uint32_t steps = PROBE_MATRIX_STEPS;
    v->entry = new_id(module);
    EMIT(OP_FUNCTION, VOID, MAIN, 0, FUNCTION_TYPE);
    EMIT(OP_LABEL, v->entry);
    v->a = module->bound;
    for (uint32_t t = 0; t < steps; t++) EMIT(OP_VARIABLE, TO_A, new_id(module), CLASS_FUNCTION);
    v->sums = module->bound;
    for (uint32_t s = 0; s < v->sum_count; s++) EMIT(OP_VARIABLE, TO_SUM, new_id(module), CLASS_FUNCTION);
    for (uint32_t t = 0; t < steps; t++) {
        uint32_t value = emit_matrix_load(module, MATRIX_A, FACTORS, v->offsets + t, K);
        EMIT(OP_STORE, v->a + t, value);
    }
    for (uint32_t s = 0; s < v->sum_count; s++) {
        uint32_t value = emit_matrix_load(module, MATRIX_SUM, START, v->offsets + steps + v->sum_count + s, N);
        EMIT(OP_STORE, v->sums + s, value);
        v->b[s] = emit_matrix_load(module, MATRIX_B, FACTORS, v->offsets + steps + s, N);
    }
    v->rounds = emit_push_load(module, 0);
    v->never = emit_push_load(module, 1);
}

void probe_matrix_module(const struct probe_shape *shape, uint32_t lanes, uint32_t sums, struct probe_module *module)
{
    struct values v = {.sum_count = sums};
    emit_head(module, lanes);
    emit_types(module, shape);
    emit_offsets(module, shape, &v);
    emit_entry(module, &v);
    emit_loop(module, &v);
    emit_store(module, &v);
    emit(module, OP_RETURN, NULL, 0);
    emit(module, OP_FUNCTION_END, NULL, 0);
    module->words[3] = module->bound;
    snprintf(module->version, sizeof module->version, "probe-%016llx",
             (unsigned long long)tuff_hash(0, module->words, module->count * sizeof *module->words));
}
