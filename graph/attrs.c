/* attrs.c - attribute structs as their table describes them: compared, hashed and copied with what their lists and texts hold. */
#include "graph/op.h"

size_t tuff_attr_bytes(const struct tuff_attr *attr)
{
    switch (attr->kind) {
    case TUFF_ATTR_I32:
    case TUFF_ATTR_DTYPE: return sizeof(int32_t);
    case TUFF_ATTR_F64: return sizeof(double);
    case TUFF_ATTR_U32S:
    case TUFF_ATTR_I32S: return attr->count * sizeof(int32_t);
    case TUFF_ATTR_SHAPE: return sizeof(struct tuff_shape);
    case TUFF_ATTR_BODY: return sizeof(struct tuff_graph *);
    case TUFF_ATTR_LIST: return sizeof(struct tuff_list);
    case TUFF_ATTR_TEXT: return sizeof(const char *);
    }
    return 0;
}

/* What a field holds elsewhere, NULL where nothing; its bytes. */
static const void *behind(const struct tuff_attr *attr, const void *attrs, size_t *bytes)
{
    const void *field = (const char *)attrs + attr->offset, *at = NULL;
    *bytes = 0;
    if (attr->kind == TUFF_ATTR_LIST) {
        const struct tuff_list *list = field;
        at = list->at;
        *bytes = list->count * sizeof *list->at;
    } else if (attr->kind == TUFF_ATTR_TEXT) {
        at = *(const char *const *)field;
        *bytes = at ? strlen(at) + 1 : 0;
    }
    return *bytes ? at : NULL;
}

static bool is_elsewhere(const struct tuff_attr *attr)
{
    return attr->kind == TUFF_ATTR_LIST || attr->kind == TUFF_ATTR_TEXT;
}

uint64_t tuff_attrs_hash(const struct tuff_op *op, uint64_t hash, const void *attrs)
{
    for (uint32_t i = 0; i < op->attr_count; i++) {
        size_t bytes = tuff_attr_bytes(&op->attrs[i]);
        const void *field = (const char *)attrs + op->attrs[i].offset;
        if (is_elsewhere(&op->attrs[i])) field = behind(&op->attrs[i], attrs, &bytes);
        if (bytes) hash = tuff_hash(hash, field, bytes);
    }
    return hash;
}

bool tuff_attrs_equal(const struct tuff_op *op, const void *a, const void *b)
{
    for (uint32_t i = 0; i < op->attr_count; i++) {
        const struct tuff_attr *attr = &op->attrs[i];
        size_t bytes = tuff_attr_bytes(attr), other = bytes;
        const void *p = (const char *)a + attr->offset, *q = (const char *)b + attr->offset;
        if (is_elsewhere(attr)) p = behind(attr, a, &bytes), q = behind(attr, b, &other);
        if (bytes != other || (bytes && memcmp(p, q, bytes))) return false;
    }
    return true;
}

void *tuff_attrs_copy(struct tuff_arena *arena, const struct tuff_op *op, const void *attrs)
{
    char *copy = tuff_arena_copy(arena, attrs, op->attrs_bytes);
    for (uint32_t i = 0; copy && i < op->attr_count; i++) {
        size_t bytes;
        const void *from = behind(&op->attrs[i], attrs, &bytes), *to = from ? tuff_arena_copy(arena, from, bytes) : NULL;
        char *field = copy + op->attrs[i].offset;
        if (from && !to) return NULL;
        if (op->attrs[i].kind == TUFF_ATTR_LIST) ((struct tuff_list *)field)->at = to;
        if (op->attrs[i].kind == TUFF_ATTR_TEXT) *(const char **)field = to;
    }
    return copy;
}
