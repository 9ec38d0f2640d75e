/* npy.c - arrays in numpy's .npy files: a header that is the text of a Python dict, then the elements. npz.c reads archives of them.
 *
 * Source: numpy.lib.format, "Format Version 1.0" to 3.0. What lies in C order and little-endian is a view of the file, else a copy in
 * the arena. Sentences go into the error alone; whoever asked logs them. */
#include "samples/data/npy.h"
#include "backend/core.h"

#include <stdio.h>

static const char magic[] = "\x93NUMPY";
enum { MAGIC = 6, ALIGN = 64, HEADER_MAX = 1 << 16 };

static const struct {
    char kind;
    enum tuff_element element;
} kinds[] = {{'b', TUFF_ELEMENT_BOOL}, {'u', TUFF_ELEMENT_U8},  {'i', TUFF_ELEMENT_I8},  {'i', TUFF_ELEMENT_I16},
             {'u', TUFF_ELEMENT_U16},  {'f', TUFF_ELEMENT_F16}, {'i', TUFF_ELEMENT_I32}, {'u', TUFF_ELEMENT_U32},
             {'f', TUFF_ELEMENT_F32},  {'f', TUFF_ELEMENT_F64}, {'i', TUFF_ELEMENT_I64}, {'u', TUFF_ELEMENT_U64}};

struct header {
    const char *name; /* for sentences */
    struct tuff_error *error;
    const char *at, *end; /* of the text */
    struct tuff_array *array;
    bool big, fortran;
};

static tuff_status bad(const struct header *h, const char *why)
{
    return tuff_fail(NULL, h->error, TUFF_ERR_FORMAT, "%s: bad npy file: %s", h->name, why);
}

/* ---- the header ----------------------------------------------------------------------------------------------------------------- */

static bool take(struct header *h, const char *word)
{
    size_t length = strlen(word);
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n')) h->at++;
    if ((size_t)(h->end - h->at) < length || memcmp(h->at, word, length) != 0) return false;
    h->at += length;
    return true;
}

static bool take_quoted(struct header *h, char *word, size_t size)
{
    const char quote = take(h, "'") ? '\'' : take(h, "\"") ? '"' : 0, *from = h->at;
    while (quote && h->at < h->end && *h->at != quote) h->at++;
    if (!quote || h->at == h->end || (size_t)(h->at - from) >= size) return false;
    memcpy(word, from, (size_t)(h->at - from));
    word[h->at++ - from] = 0;
    return true;
}

static tuff_status read_type(struct header *h)
{
    char text[64];
    if (take(h, "["))
        return tuff_fail(NULL, h->error, TUFF_ERR_UNSUPPORTED, "%s: holds records of several fields; save each as an array",
                         h->name);
    if (!take_quoted(h, text, sizeof text)) return bad(h, "its descr is no type");
    for (size_t i = 0; i < TUFF_COUNT(kinds); i++) {
        const size_t bytes = tuff_element_bytes(kinds[i].element);
        const char wanted[] = {kinds[i].kind, (char)('0' + bytes), 0};
        if (!text[0] || strcmp(text + 1, wanted) != 0 || !strchr(bytes > 1 ? "<>=" : "<>=|", text[0])) continue;
        h->array->element = kinds[i].element;
        h->big = text[0] == '>';
        return TUFF_OK;
    }
    tuff_printable(text, text, sizeof text);
    return tuff_fail(
        NULL, h->error, TUFF_ERR_UNSUPPORTED,
        "%s: its elements are of numpy's type '%s'; bool, whole numbers and floats of 16 to 64 bits can be read", h->name,
        text);
}

static tuff_status read_shape(struct header *h)
{
    struct tuff_array *a = h->array;
    if (!take(h, "(")) return bad(h, "its shape is no tuple");
    while (!take(h, ")")) {
        const char *from = h->at;
        uint64_t v = 0;
        if (a->rank == TUFF_FILE_RANK)
            return tuff_fail(NULL, h->error, TUFF_ERR_UNSUPPORTED, "%s: more than %d dimensions", h->name, TUFF_FILE_RANK);
        for (; h->at < h->end && *h->at >= '0' && *h->at <= '9' && v < INT64_MAX / 10; h->at++)
            v = v * 10 + (uint64_t)(*h->at - '0');
        if (h->at == from) return bad(h, "its shape has a dimension that is no whole number");
        a->dim[a->rank++] = v;
        take(h, "L"); /* of Python 2 */
        if (!take(h, ",")) {
            if (take(h, ")")) break;
            return bad(h, "its shape is not closed");
        }
    }
    return TUFF_OK;
}

static tuff_status read_order(struct header *h)
{
    h->fortran = take(h, "True");
    return h->fortran || take(h, "False") ? TUFF_OK : bad(h, "its fortran_order is neither True nor False");
}

static tuff_status read_dict(struct header *h)
{
    static const struct {
        const char *key;
        tuff_status (*read)(struct header *);
    } keys[] = {{"descr", read_type}, {"fortran_order", read_order}, {"shape", read_shape}};
    unsigned seen = 0;
    char key[16];
    if (!take(h, "{")) return bad(h, "its header is no dict");
    while (!take(h, "}")) {
        size_t k = 0;
        if (!take_quoted(h, key, sizeof key) || !take(h, ":")) return bad(h, "its header is no dict");
        while (k < TUFF_COUNT(keys) && strcmp(keys[k].key, key) != 0) k++;
        if (k == TUFF_COUNT(keys) || seen & 1u << k) return bad(h, "its header has an unknown key, or one twice");
        seen |= 1u << k;
        TUFF_TRY(keys[k].read(h));
        if (!take(h, ",") && !(take(h, "}") && h->at--)) return bad(h, "its header is no dict");
    }
    take(h, "");
    if (h->at != h->end) return bad(h, "something follows the dict of its header");
    return seen == (1u << TUFF_COUNT(keys)) - 1 ? TUFF_OK : bad(h, "its header lacks descr, fortran_order or shape");
}

/* ---- elements -------------------------------------------------------------------------------------------------------------------- */

/* Elements with the first axis fastest into C order. */
static void turn(const struct tuff_array *a, const uint8_t *from, uint8_t *to, size_t size)
{
    uint64_t at[TUFF_FILE_RANK] = {0}, stride[TUFF_FILE_RANK], step = size, offset = 0;
    for (uint32_t d = 0; d < a->rank; step *= a->dim[d++]) stride[d] = step;
    for (uint64_t i = 0; i < a->bytes; i += size) {
        memcpy(to + i, from + offset, size);
        for (uint32_t d = a->rank; d-- > 0;) {
            offset += stride[d];
            if (++at[d] < a->dim[d]) break;
            offset -= stride[d] * a->dim[d];
            at[d] = 0;
        }
    }
}

tuff_status tuff_npy_take(struct tuff_arena *arena, const struct tuff_source *source, struct tuff_array *array,
                          struct tuff_error *error)
{
    const uint8_t *file = source->data;
    struct header h = {.name = source->name, .error = error, .array = array};
    if (!tuff_npy_is(file, source->bytes)) return bad(&h, "it does not begin as one");
    const bool wide = file[MAGIC] > 1;
    const size_t from = MAGIC + 2 + (wide ? 4 : 2);
    if (file[MAGIC] < 1 || file[MAGIC] > 3)
        return tuff_fail(NULL, error, TUFF_ERR_UNSUPPORTED, "%s: version %u of npy files; 1 to 3 can be read", source->name,
                         (unsigned)file[MAGIC]);
    if (source->bytes < from) return bad(&h, "its header is cut off");
    size_t length = (size_t)file[MAGIC + 2] | (size_t)file[MAGIC + 3] << 8;
    if (wide) length |= (size_t)file[MAGIC + 4] << 16 | (size_t)file[MAGIC + 5] << 24;
    if (length > HEADER_MAX) return bad(&h, "its header is longer than 64 KiB");
    if (length > source->bytes - from) return bad(&h, "its header is cut off");
    h.at = (const char *)file + from;
    h.end = h.at + length;
    TUFF_TRY(read_dict(&h));
    const uint64_t held = source->bytes - from - length;
    const bool fits = tuff_array_bytes(array->element, array->rank, array->dim, &array->bytes);
    if (!fits || array->bytes != held)
        return tuff_fail(NULL, error, TUFF_ERR_FORMAT, "%s: npy file holds %llu bytes of data where its header says %s%llu",
                         source->name, (unsigned long long)held, fits ? "" : "more than ",
                         (unsigned long long)(fits ? array->bytes : INT64_MAX));
    array->data = file + from + length;
    const size_t size = tuff_element_bytes(array->element);
    for (uint64_t i = 0; array->element == TUFF_ELEMENT_BOOL && i < array->bytes; i++)
        if (((const uint8_t *)array->data)[i] > 1) return bad(&h, "a bool is neither 0 nor 1");
    if (!(h.fortran && array->rank > 1) && !(h.big && size > 1)) return TUFF_OK;
    uint8_t *copy = tuff_arena_alloc(arena, (size_t)array->bytes + 1);
    if (!copy) return tuff_fail_memory(NULL, error);
    if (h.fortran)
        turn(array, array->data, copy, size);
    else
        memcpy(copy, array->data, (size_t)array->bytes);
    if (h.big) tuff_swap_elements(copy, array->bytes / size, size);
    array->data = copy;
    return TUFF_OK;
}

bool tuff_npy_is(const uint8_t *data, size_t bytes) { return bytes >= MAGIC + 4 && !memcmp(data, magic, MAGIC); }

/* ---- writing -------------------------------------------------------------------------------------------------------------------- */

tuff_status tuff_npy_head(struct tuff_context *context, const char *path, const struct tuff_array *array,
                          char head[TUFF_NPY_HEAD], size_t *head_bytes, struct tuff_error *error)
{
    const size_t size = tuff_element_bytes(array->element);
    uint64_t bytes = 0;
    size_t k = 0;
    while (k < TUFF_COUNT(kinds) && kinds[k].element != array->element) k++;
    if (k == TUFF_COUNT(kinds))
        return tuff_fail(context, error, TUFF_ERR_USAGE, "%s: numpy has no type for elements %s", path,
                         tuff_element_name(array->element));
    if (array->rank > TUFF_FILE_RANK || !tuff_array_bytes(array->element, array->rank, array->dim, &bytes) ||
        bytes != array->bytes || (bytes && !array->data))
        return tuff_fail(context, error, TUFF_ERR_USAGE, "%s: %llu bytes do not fit the array's shape", path,
                         (unsigned long long)array->bytes);
    const size_t room = TUFF_NPY_HEAD;
    int n = snprintf(head, room, "%s%c%c  {'descr': '%c%c%d', 'fortran_order': False, 'shape': (", magic, 1, 0,
                     size > 1 ? '<' : '|', kinds[k].kind, (int)size);
    for (uint32_t d = 0; d < array->rank; d++)
        n += snprintf(head + n, room - (size_t)n, "%llu, ", (unsigned long long)array->dim[d]);
    if (array->rank > 1) n -= 2; /* (3,) but (3, 4) */
    n += snprintf(head + n, room - (size_t)n, "), }");
    const size_t whole = tuff_align((uint64_t)n + 1, ALIGN), length = whole - MAGIC - 4;
    memset(head + n, ' ', whole - (size_t)n);
    head[whole - 1] = '\n';
    head[MAGIC + 1] = 0; /* version 1.0 */
    head[MAGIC + 2] = (char)length, head[MAGIC + 3] = (char)(length >> 8);
    *head_bytes = whole;
    return TUFF_OK;
}

tuff_status tuff_npy_write(struct tuff_context *context, const char *path, const struct tuff_array *array,
                           struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && array);
    char head[TUFF_NPY_HEAD];
    size_t whole = 0;
    TUFF_TRY(tuff_npy_head(context, path, array, head, &whole, error));
    const struct tuff_os_part parts[] = {{.data = head, .bytes = whole},
                                         {.data = array->data, .bytes = (size_t)array->bytes}};
    return tuff_os_write_atomic(context, path, parts, array->bytes ? 2 : 1, error);
}
