/* leaves.c - parameters and states between a model and the arrays of a file. */
#include "loaders/leaves.h"
#include "graph/dtype.h"

#include <ctype.h>
#include <stdio.h>

/* "bf16" and "BF16" */
static bool same_name(const char *a, const char *b)
{
    while (*a && toupper((unsigned char)*a) == *b) a++, b++;
    return *a == *b;
}

static enum tuff_element element_of(enum tuff_dtype dtype)
{
    for (int e = TUFF_ELEMENT_BOOL; e <= TUFF_ELEMENT_U64; e++)
        if (same_name(tuff_dtype_name(dtype), tuff_element_name(e))) return e;
    return TUFF_ELEMENT_U8;
}

enum tuff_dtype tuff_element_dtype(enum tuff_element element)
{
    for (int d = 1; tuff_dtype_known(d); d++)
        if (same_name(tuff_dtype_name(d), tuff_element_name(element))) return d;
    return 0;
}

static struct tuff_array describe(const struct tuff_leaf *leaf)
{
    struct tuff_array array = {.name = leaf->name, .element = element_of(leaf->type.dtype), .rank = leaf->type.shape.rank};
    for (uint32_t i = 0; i < array.rank; i++) array.dim[i] = leaf->type.shape.dim[i];
    array.bytes = tuff_dtype_size(leaf->type.dtype, tuff_shape_count(&leaf->type.shape));
    if (array.element == TUFF_ELEMENT_U8 && array.rank) /* blocks are bytes in these files */
        array.dim[array.rank - 1] = tuff_dtype_size(leaf->type.dtype, array.dim[array.rank - 1]);
    return array;
}

static tuff_status start(struct tuff_context *context, uint32_t count, struct tuff_leaves *leaves, struct tuff_error *error)
{
    *leaves = (struct tuff_leaves){.context = context, .count = count};
    leaves->arrays = tuff_alloc(context, count * sizeof *leaves->arrays);
    return leaves->arrays ? TUFF_OK : tuff_fail_memory(context, error);
}

tuff_status tuff_leaves_of_model(struct tuff_context *context, const struct tuff_model *model, struct tuff_leaves *leaves,
                                 struct tuff_error *error)
{
    TUFF_TRY(start(context, tuff_model_leaf_count(model), leaves, error));
    for (uint32_t i = 0; i < leaves->count; i++) {
        struct tuff_leaf leaf = tuff_model_leaf(model, i);
        leaves->arrays[i] = describe(&leaf);
    }
    return TUFF_OK;
}

tuff_status tuff_leaves_of_graph(struct tuff_context *context, const struct tuff_graph *graph, struct tuff_leaves *leaves,
                                 struct tuff_error *error)
{
    TUFF_TRY(start(context, tuff_graph_leaf_count(graph), leaves, error));
    for (uint32_t i = 0; i < leaves->count; i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(graph, i);
        leaves->arrays[i] = describe(&leaf);
    }
    return TUFF_OK;
}

void tuff_leaves_finish(struct tuff_leaves *leaves)
{
    if (!leaves->context) return;
    tuff_free(leaves->context, leaves->arrays);
    *leaves = (struct tuff_leaves){0};
}

tuff_status tuff_leaves_read(void *model, const struct tuff_array *array, void *to, size_t bytes, struct tuff_error *error)
{
    return tuff_model_read(model, array->name, to, bytes, error);
}

const char *tuff_array_text(const struct tuff_array *array, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "%s [", tuff_element_name(array->element));
    for (uint32_t i = 0; i < array->rank && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%llu", i ? ", " : "", (unsigned long long)array->dim[i]);
    if (length < size) snprintf(text + length, size - length, "]");
    return text;
}

static bool same_type(const struct tuff_array *a, const struct tuff_array *b)
{
    return a->element == b->element && a->rank == b->rank && memcmp(a->dim, b->dim, a->rank * sizeof *a->dim) == 0;
}

tuff_status tuff_leaves_match(const struct tuff_leaves *leaves, const struct tuff_tensors *tensors, const char *file,
                              bool all, struct tuff_error *error)
{
    for (uint32_t i = 0; i < leaves->count; i++) {
        const struct tuff_array *wanted = &leaves->arrays[i];
        struct tuff_array found;
        char a[200], b[200];
        if (!tuff_tensors_find(tensors, wanted->name, &found))
            return tuff_fail(leaves->context, error, TUFF_ERR_FORMAT, "%s: lacks \"%.100s\", which the network has", file,
                             wanted->name);
        if (!same_type(wanted, &found))
            return tuff_fail(leaves->context, error, TUFF_ERR_FORMAT, "%s: \"%.100s\" is %s, in the network %s", file,
                             wanted->name, tuff_array_text(&found, a, sizeof a), tuff_array_text(wanted, b, sizeof b));
    }
    if (all && tuff_tensors_count(tensors) != leaves->count) /* names are unique on both sides */
        return tuff_fail(leaves->context, error, TUFF_ERR_FORMAT, "%s: holds %zu arrays, the network %u", file,
                         tuff_tensors_count(tensors), (unsigned)leaves->count);
    return TUFF_OK;
}

tuff_status tuff_leaves_write(const struct tuff_leaves *leaves, const struct tuff_tensors *tensors, struct tuff_model *model,
                              struct tuff_error *error)
{
    for (uint32_t i = 0; i < leaves->count; i++) {
        struct tuff_array array;
        if (!tuff_tensors_find(tensors, leaves->arrays[i].name, &array)) continue;
        if (array.bytes > SIZE_MAX) return tuff_fail_memory(leaves->context, error);
        if (array.bytes) TUFF_TRY(tuff_model_write(model, array.name, array.data, (size_t)array.bytes, error));
    }
    return TUFF_OK;
}

/* Whole numbers of types that graphs do not know, as i64. */
static bool widen(const struct tuff_array *a, uint64_t count, int64_t *to)
{
    const uint8_t *from = a->data;
    const size_t size = tuff_element_bytes(a->element);
    for (uint64_t i = 0; i < count; i++, from += size) {
        uint64_t bits = 0;
        memcpy(&bits, from, size); /* little-endian */
        to[i] = a->element == TUFF_ELEMENT_I16 ? (int16_t)bits : (int64_t)bits;
        if (to[i] < 0 && a->element == TUFF_ELEMENT_U64) return false;
    }
    return true;
}

tuff_status tuff_array_convert(struct tuff_context *context, const struct tuff_array *a, uint64_t count,
                               enum tuff_dtype dtype, void *to, const char *what, struct tuff_error *error)
{
    enum tuff_dtype known = tuff_element_dtype(a->element);
    struct tuff_error why = {0};
    void *wide = NULL;
    char text[200];
    tuff_status status = TUFF_OK;
    const void *from = a->data;
    if (!known || (uintptr_t)from % tuff_element_bytes(a->element)) { /* not as the memory of such numbers begins */
        wide = tuff_alloc(context, (size_t)(known ? a->bytes : count * sizeof(int64_t)));
        if (!wide) return tuff_fail_memory(context, error);
        if (known)
            memcpy(wide, from, (size_t)a->bytes);
        else if (!widen(a, count, wide))
            status = tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: the array \"%.60s\", %s, has an element above 2^63 - 1",
                               what, a->name ? a->name : "", tuff_array_text(a, text, sizeof text));
        from = wide;
    }
    if (status == TUFF_OK && tuff_convert(known ? known : TUFF_I64, from, dtype, to, count, what, NULL, &why) != TUFF_OK)
        status = tuff_fail(context, error, TUFF_ERR_FORMAT, "%s", why.message);
    tuff_free(context, wide);
    return status;
}
