/* torch.c - state dicts and checkpoints that PyTorch wrote (.pt, .pth): a zip archive of storages and a pickle that says what is made of them; before
 * 1.6 pickles one after the other, and behind them the storages.
 *
 * Source: Python's pickletools, protocols 2 to 4; torch/serialization.py (_load, _legacy_load) and torch/_utils.py of PyTorch 1.6 to 2.7;
 * torch/csrc/serialization.cpp for the storages of the older form.
 * A pickle is a program, and running one is running what a stranger wrote. This reader runs none: its stack holds plain values, it knows the opcodes
 * that tensors in containers need, and the few functions of torch._utils that they name; any other function is refused by its name. */
#include "backend/lookup.h"
#include "loaders/tensors.h"
#include "samples/data/archive.h"
#include "samples/data/weights.h"

#include <stdio.h>

/* VALUES_MAX: bytes of what the pickle makes, tensors' elements not counted, and of names. */
enum { PICKLE_MAX = 64 << 20, VALUES_MAX = 256 << 20, DEPTH_MAX = 64, ENTRIES_MAX = 1 << 20, VISITS_MAX = 1 << 22 };
enum { NAME_MAX_BYTES = 1000, FOLDER_MAX_BYTES = 200 };

enum kind { NONE, NUMBER, INTEGER, TEXT, TUPLE, LIST, DICT, GLOBAL, STORAGE, TENSOR, MARK, OTHER };
struct value {
    enum kind kind;
    uint32_t count, capacity; /* of items */
    union {
        int64_t integer;
        const char *text;              /* [arena] */
        struct value **items;          /* [arena] of a DICT: key, value, key, value .. */
        const struct global *global;   /* static */
        const struct storage *storage; /* [arena] */
        struct tensor *tensor;         /* [arena] */
    } is;
};

/* What a pickle may name. */
enum call {
    MAKES_DICT,
    MAKES_OLD_TENSOR,
    MAKES_TENSOR,
    MAKES_TYPED_TENSOR,
    MAKES_PARAMETER,
    MAKES_OTHER,
    IS_STORAGE,
    IS_DTYPE
};
struct global {
    const char *module, *name;
    enum call call;
    enum tuff_element element; /* of a storage or dtype; 0: bytes of any, or */
    const char *small;         /* a float of 8 bits */
};
static const struct global globals[] = {
    {"collections", "OrderedDict", MAKES_DICT, 0, NULL},
    {"torch._utils", "_rebuild_tensor", MAKES_OLD_TENSOR, 0, NULL},
    {"torch._utils", "_rebuild_tensor_v2", MAKES_TENSOR, 0, NULL},
    {"torch._utils", "_rebuild_tensor_v3", MAKES_TYPED_TENSOR, 0, NULL},
    {"torch._utils", "_rebuild_parameter", MAKES_PARAMETER, 0, NULL},
    {"torch.nn.parameter", "Parameter", MAKES_PARAMETER, 0, NULL},
    {"torch", "Size", MAKES_OTHER, 0, NULL},
    {"torch", "device", MAKES_OTHER, 0, NULL},
    {"torch", "DoubleStorage", IS_STORAGE, TUFF_ELEMENT_F64, NULL},
    {"torch", "FloatStorage", IS_STORAGE, TUFF_ELEMENT_F32, NULL},
    {"torch", "HalfStorage", IS_STORAGE, TUFF_ELEMENT_F16, NULL},
    {"torch", "BFloat16Storage", IS_STORAGE, TUFF_ELEMENT_BF16, NULL},
    {"torch", "LongStorage", IS_STORAGE, TUFF_ELEMENT_I64, NULL},
    {"torch", "IntStorage", IS_STORAGE, TUFF_ELEMENT_I32, NULL},
    {"torch", "ShortStorage", IS_STORAGE, TUFF_ELEMENT_I16, NULL},
    {"torch", "CharStorage", IS_STORAGE, TUFF_ELEMENT_I8, NULL},
    {"torch", "ByteStorage", IS_STORAGE, TUFF_ELEMENT_U8, NULL},
    {"torch", "BoolStorage", IS_STORAGE, TUFF_ELEMENT_BOOL, NULL},
    {"torch.storage", "UntypedStorage", IS_STORAGE, 0, NULL},
    {"torch", "UntypedStorage", IS_STORAGE, 0, NULL},
    {"torch", "float64", IS_DTYPE, TUFF_ELEMENT_F64, NULL},
    {"torch", "float32", IS_DTYPE, TUFF_ELEMENT_F32, NULL},
    {"torch", "float16", IS_DTYPE, TUFF_ELEMENT_F16, NULL},
    {"torch", "bfloat16", IS_DTYPE, TUFF_ELEMENT_BF16, NULL},
    {"torch", "int64", IS_DTYPE, TUFF_ELEMENT_I64, NULL},
    {"torch", "int32", IS_DTYPE, TUFF_ELEMENT_I32, NULL},
    {"torch", "int16", IS_DTYPE, TUFF_ELEMENT_I16, NULL},
    {"torch", "int8", IS_DTYPE, TUFF_ELEMENT_I8, NULL},
    {"torch", "uint64", IS_DTYPE, TUFF_ELEMENT_U64, NULL},
    {"torch", "uint32", IS_DTYPE, TUFF_ELEMENT_U32, NULL},
    {"torch", "uint16", IS_DTYPE, TUFF_ELEMENT_U16, NULL},
    {"torch", "uint8", IS_DTYPE, TUFF_ELEMENT_U8, NULL},
    {"torch", "bool", IS_DTYPE, TUFF_ELEMENT_BOOL, NULL},
    {"torch", "float8_e4m3fn", IS_DTYPE, 0, "F8_E4M3"},
    {"torch", "float8_e5m2", IS_DTYPE, 0, "F8_E5M2"},
    {"torch", "float8_e4m3fnuz", IS_DTYPE, 0, "F8_E4M3FNUZ"},
    {"torch", "float8_e5m2fnuz", IS_DTYPE, 0, "F8_E5M2FNUZ"},
    {"torch", "float8_e8m0fnu", IS_DTYPE, 0, "F8_E8M0"},
};

struct storage {
    const char *key;     /* [arena] */
    const uint8_t *data; /* [arena] or in the file; NULL: where is not known yet */
    uint64_t bytes;
    enum tuff_element element; /* 0: bytes of any */
};

struct tensor {
    struct tuff_array array; /* without a name; its data is NULL until it is wanted (fill) */
    const struct storage *storage;
    const char *small;                       /* a float of 8 bits */
    uint64_t offset, stride[TUFF_FILE_RANK]; /* in elements */
    bool contiguous;                         /* in C order without gaps */
};

struct job {
    struct tuff_archive archive;
    struct tuff_tensors *tensors;
    const char *folder;        /* of the archive, with its '/'; NULL: the form before 1.6 */
    struct storage **storages; /* [arena] that the pickle names */
    struct tuff_lookup keys;   /* of them */
    bool big;                  /* big-endian */
    const uint8_t *at, *end;   /* of the pickle */
    struct value **stack, **memo;
    size_t depth, room, memo_room, memo_end; /* memo_end: behind the last that MEMOIZE filled */
    uint64_t pickle_bytes;
    uint64_t visits, skipped, made /* bytes, of VALUES_MAX */;
    char first_skipped[80];
    char path[NAME_MAX_BYTES]; /* of the value that is looked at */
};

static tuff_status bad(struct job *job, const char *format, ...) TUFF_PRINTF(2, 3);
static tuff_status bad(struct job *job, const char *format, ...)
{
    char why[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return tuff_fail(job->archive.context, job->archive.error, TUFF_ERR_FORMAT, "%s: bad PyTorch file: %s",
                     job->archive.name, why);
}

static tuff_status refuse(struct job *job, const char *format, ...) TUFF_PRINTF(2, 3);
static tuff_status refuse(struct job *job, const char *format, ...)
{
    char why[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return tuff_fail(job->archive.context, job->archive.error, TUFF_ERR_UNSUPPORTED, "%s: %s", job->archive.name, why);
}

static tuff_status no_memory(struct job *job)
{
    if (job->made > VALUES_MAX) return bad(job, "its pickle makes more than %d MiB of values and names", VALUES_MAX >> 20);
    return tuff_fail_memory(job->archive.context, job->archive.error);
}

/* A file of a few kilobytes can hold a pickle that makes gigabytes: all that it makes is counted. NULL: no_memory says why. */
static void *make(struct job *job, size_t bytes)
{
    job->made += bytes;
    return job->made > VALUES_MAX ? NULL : tuff_arena_alloc(&job->tensors->arena, bytes);
}

/* ---- the stack ----------------------------------------------------------------------------------------------------------------- */

/* Room for one more of a list of pointers, which doubles; UINT32_MAX at most. */
static bool grow(struct job *job, struct value ***list, size_t count, size_t *room)
{
    if (count < *room) return true;
    const size_t more = *room ? *room * 2 : 8;
    struct value **wider = more <= UINT32_MAX ? make(job, more * sizeof(struct value *)) : NULL;
    if (!wider) return false;
    if (count) memcpy(wider, *list, count * sizeof(struct value *));
    *list = wider;
    *room = more;
    return true;
}

static tuff_status push_value(struct job *job, struct value *v)
{
    if (!grow(job, &job->stack, job->depth, &job->room)) return no_memory(job);
    job->stack[job->depth++] = v;
    return TUFF_OK;
}

static tuff_status push(struct job *job, struct value value)
{
    struct value *v = make(job, sizeof value);
    if (!v) return no_memory(job);
    *v = value;
    return push_value(job, v);
}

/* NULL: the stack, down to the last mark, is empty. */
static struct value *pop(struct job *job)
{
    if (!job->depth || job->stack[job->depth - 1]->kind == MARK) return NULL;
    return job->stack[--job->depth];
}

/* Values above the last mark, which goes. false: there is none. */
static bool pop_marked(struct job *job, struct value ***items, size_t *count)
{
    size_t at = job->depth;
    while (at && job->stack[at - 1]->kind != MARK) at--;
    if (!at) return false;
    *items = job->stack + at;
    *count = job->depth - at;
    job->depth = at - 1;
    return true;
}

static bool add_items(struct job *job, struct value *to, struct value *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t room = to->capacity;
        if (!grow(job, &to->is.items, to->count, &room)) return false;
        to->capacity = (uint32_t)room;
        to->is.items[to->count++] = items[i];
    }
    return true;
}

/* ---- tensors ------------------------------------------------------------------------------------------------------------------- */

static tuff_status find_member(struct job *job, const char *name, struct tuff_member *member, bool *found)
{
    char whole[FOLDER_MAX_BYTES + 200];
    snprintf(whole, sizeof whole, "%s%s", job->folder, name);
    return tuff_archive_find(&job->archive, whole, member, found);
}

static struct storage *find_storage(const struct job *job, const char *key)
{
    const uint64_t hash = tuff_hash_text(0, key);
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(&job->keys, hash, &step)) != TUFF_LOOKUP_END)
        if (!strcmp(job->storages[place]->key, key)) return job->storages[place];
    return NULL;
}

static tuff_status read_member(struct job *job, const char *name, struct storage *s)
{
    bool found = false;
    struct tuff_member m = {.name = ""};
    uint8_t *data = NULL;
    const size_t size = s->element ? tuff_element_bytes(s->element) : 1;
    TUFF_TRY(find_member(job, name, &m, &found));
    if (!found) return bad(job, "its storage %s is missing", name);
    TUFF_TRY(tuff_archive_read(&job->archive, &job->tensors->arena, &m, &data));
    if (job->big) tuff_swap_elements(data, m.bytes / size, size);
    s->data = data;
    s->bytes = m.bytes;
    return TUFF_OK;
}

static tuff_status add_storage(struct job *job, const char *name, const struct storage *wanted, struct storage **storage)
{
    struct storage *s = make(job, sizeof *s);
    const uint32_t count = job->keys.count;
    job->made += 2 * (sizeof *job->keys.entries + sizeof s); /* of the lists, which double */
    if (!s || !TUFF_GROW_ARENA(&job->tensors->arena, job->storages, count, 1)) return no_memory(job);
    *s = *wanted;
    if (job->folder) TUFF_TRY(read_member(job, name, s));
    if (!tuff_lookup_add(&job->keys, &job->tensors->arena, tuff_hash_text(0, s->key), count)) return no_memory(job);
    *storage = job->storages[count] = s;
    return TUFF_OK;
}

/* Of ('storage', type, key, location, number of elements), and before 1.6 None, or where it lies in another. */
static tuff_status read_storage(struct job *job, const struct value *id, const struct storage **storage)
{
    struct value **f = id->is.items;
    char name[140];
    if (id->kind != TUPLE || id->count < 5 || f[0]->kind != TEXT || strcmp(f[0]->is.text, "storage") != 0 ||
        f[1]->kind != GLOBAL || f[1]->is.global->call != IS_STORAGE || f[2]->kind != TEXT || f[4]->kind != INTEGER)
        return bad(job, "a persistent identifier is not that of a storage");
    if (id->count > 5 && f[5]->kind != NONE) return refuse(job, "a storage that is a part of another, as before 0.4");
    const enum tuff_element element = f[1]->is.global->element;
    const uint64_t size = element ? tuff_element_bytes(element) : 1, count = (uint64_t)f[4]->is.integer;
    snprintf(name, sizeof name, "%s%.100s", job->folder ? "data/" : "", f[2]->is.text);
    if (!job->folder && count > job->tensors->bytes / size) return bad(job, "its storage %s is larger than the file", name);
    struct storage wanted = {f[2]->is.text, NULL, count * size, element}, *s = find_storage(job, wanted.key);
    if (!s) TUFF_TRY(add_storage(job, name, &wanted, &s));
    if (count > s->bytes / size || count * size != s->bytes)
        return bad(job, "its storage %s has %llu bytes, which are not %lld elements of %u", name,
                   (unsigned long long)s->bytes, (long long)f[4]->is.integer, (unsigned)size);
    if (s->element != element) return bad(job, "its storage %s is of two types", name);
    *storage = s;
    return TUFF_OK;
}

/* Shape and strides, all of whose elements lie in the storage of `held` elements. */
static bool read_layout(const struct value *shape, const struct value *strides, uint64_t held, struct tensor *t)
{
    struct tuff_array *a = &t->array;
    uint64_t last = t->offset, wanted = 1;
    bool empty = false;
    a->rank = shape->count;
    for (uint32_t d = 0; d < a->rank; d++) {
        const struct value *n = shape->is.items[d], *s = strides->is.items[d];
        if (n->kind != INTEGER || s->kind != INTEGER || n->is.integer < 0 || s->is.integer < 0) return false;
        a->dim[d] = (uint64_t)n->is.integer;
        t->stride[d] = (uint64_t)s->is.integer;
        empty = empty || a->dim[d] == 0;
    }
    t->contiguous = true;
    for (uint32_t d = a->rank; d-- > 0 && !empty;) {
        const uint64_t steps = a->dim[d] - 1;
        if (!steps) continue;
        if (t->stride[d] > held / steps) return false;
        last += steps * t->stride[d]; /* both at most 2^63: checked before the next */
        if (last >= held) return false;
        t->contiguous = t->contiguous && t->stride[d] == wanted;
        wanted *= a->dim[d]; /* at most held while contiguous; else of no interest */
    }
    return empty || last < held;
}

/* Bytes that are looked at or copied count as what is read of members. */
static tuff_status take_budget(struct job *job, uint64_t bytes) { return tuff_archive_take(&job->archive, "", bytes); }

/* Memory for what is no view of a storage. */
static tuff_status take_memory(struct job *job, uint64_t bytes, uint8_t **memory)
{
    TUFF_TRY(take_budget(job, bytes));
    *memory = tuff_arena_alloc(&job->tensors->arena, (size_t)bytes + 1);
    return *memory ? TUFF_OK : no_memory(job);
}

static tuff_status expand(struct job *job, const char *small, struct tuff_array *a)
{
    uint8_t *wide = NULL;
    const uint64_t count = a->bytes;
    if (count > UINT64_MAX / sizeof(float)) return no_memory(job);
    TUFF_TRY(take_memory(job, count * sizeof(float), &wide));
    tuff_small_float_expand(tuff_small_float_find(small), a->data, count, (float *)(void *)wide);
    a->element = TUFF_ELEMENT_F32;
    a->bytes = count * sizeof(float);
    a->data = wide;
    return TUFF_OK;
}

/* Of (storage, offset, shape, strides[, requires_grad, hooks[, dtype][, metadata]]), the least of which there are. */
static tuff_status make_tensor(struct job *job, const struct value *arguments, uint32_t least)
{
    struct value **f = arguments->is.items;
    const bool typed = least > 6;
    if (arguments->count < least || f[0]->kind != STORAGE || f[1]->kind != INTEGER || f[2]->kind != TUPLE ||
        f[3]->kind != TUPLE || f[2]->count != f[3]->count ||
        (typed && (f[6]->kind != GLOBAL || f[6]->is.global->call != IS_DTYPE)))
        return bad(job, "the arguments of a tensor are not those that PyTorch writes");
    if (f[2]->count > TUFF_FILE_RANK)
        return refuse(job, "a tensor has %u dimensions; %d can be read", (unsigned)f[2]->count, TUFF_FILE_RANK);
    const struct storage *s = f[0]->is.storage;
    struct tensor *t = make(job, sizeof *t);
    if (!t) return no_memory(job);
    *t = (struct tensor){.storage = s, .small = typed ? f[6]->is.global->small : NULL, .offset = (uint64_t)f[1]->is.integer};
    struct tuff_array *a = &t->array;
    a->element = typed && !t->small ? f[6]->is.global->element : t->small ? TUFF_ELEMENT_U8 : s->element;
    const size_t size = tuff_element_bytes(a->element);
    if (!size || (typed && s->element)) return bad(job, "a tensor's type is not that of its storage");
    if (typed && job->big && size > 1) return refuse(job, "bytes of big-endian machines without a type");
    if (t->offset > s->bytes / size || !read_layout(f[2], f[3], s->bytes / size, t) ||
        !tuff_array_bytes(a->element, a->rank, a->dim, &a->bytes))
        return bad(job, "a tensor's shape and strides lead out of its storage");
    return push(job, (struct value){.kind = TENSOR, .is.tensor = t});
}

/* Its elements, row-major, once all storages have their place. */
static tuff_status fill(struct job *job, struct tensor *t)
{
    struct tuff_array *a = &t->array;
    if (a->data) return TUFF_OK;
    const uint8_t *from = t->storage->data + t->offset * tuff_element_bytes(a->element);
    if (!t->contiguous) {
        uint8_t *copy = NULL;
        TUFF_TRY(take_memory(job, a->bytes, &copy));
        tuff_array_gather(a, t->stride, from, copy);
        from = copy;
    }
    if (a->element == TUFF_ELEMENT_BOOL) TUFF_TRY(take_budget(job, a->bytes)); /* many may be of the same storage */
    for (uint64_t i = 0; a->element == TUFF_ELEMENT_BOOL && i < a->bytes; i++)
        if (from[i] > 1) return bad(job, "a bool is neither 0 nor 1");
    a->data = from;
    return t->small ? expand(job, t->small, a) : TUFF_OK;
}

/* ---- opcodes ------------------------------------------------------------------------------------------------------------------- */

struct argument {
    const uint8_t *data;
    uint64_t bytes, value; /* of fixed size: as a number */
};

static tuff_status op_skip(struct job *job, const struct argument *a) { return (void)job, (void)a, TUFF_OK; }
static tuff_status op_mark(struct job *job, const struct argument *a)
{
    return (void)a, push(job, (struct value){.kind = MARK});
}
static tuff_status op_none(struct job *job, const struct argument *a)
{
    return (void)a, push(job, (struct value){.kind = NONE});
}
static tuff_status op_other(struct job *job, const struct argument *a)
{
    return (void)a, push(job, (struct value){.kind = OTHER});
}
static tuff_status op_number(struct job *job, const struct argument *a)
{
    return (void)a, push(job, (struct value){.kind = NUMBER});
}
static tuff_status op_list(struct job *job, const struct argument *a)
{
    return (void)a, push(job, (struct value){.kind = LIST});
}
static tuff_status op_dict(struct job *job, const struct argument *a)
{
    return (void)a, push(job, (struct value){.kind = DICT});
}

static tuff_status op_integer(struct job *job, const struct argument *a)
{
    int64_t value = (int64_t)a->value;
    if (a->bytes == 4) value = (int32_t)a->value;
    return push(job, (struct value){.kind = INTEGER, .is.integer = value});
}

/* Two's complement of any length. */
static tuff_status op_long(struct job *job, const struct argument *a)
{
    if (a->bytes > 8) return push(job, (struct value){.kind = NUMBER});
    uint64_t value = tuff_little(a->data, (unsigned)a->bytes);
    if (a->bytes && a->bytes < 8 && a->data[a->bytes - 1] & 0x80) value |= UINT64_MAX << 8 * a->bytes;
    return push(job, (struct value){.kind = INTEGER, .is.integer = (int64_t)value});
}

static tuff_status op_text(struct job *job, const struct argument *a)
{
    if (memchr(a->data, 0, (size_t)a->bytes) || !tuff_utf8_valid((const char *)a->data, (size_t)a->bytes))
        return bad(job, "a text is not UTF-8, or has a zero byte");
    char *text = make(job, (size_t)a->bytes + 1);
    if (!text) return no_memory(job);
    memcpy(text, a->data, (size_t)a->bytes);
    return push(job, (struct value){.kind = TEXT, .is.text = text});
}

static tuff_status push_tuple(struct job *job, struct value *const *items, size_t count)
{
    struct value tuple = {.kind = TUPLE};
    if (!add_items(job, &tuple, items, count)) return no_memory(job);
    return push(job, tuple);
}

static tuff_status op_tuple(struct job *job, const struct argument *a)
{
    struct value **items = NULL;
    size_t count = 0;
    (void)a;
    if (!pop_marked(job, &items, &count)) return bad(job, "its pickle has a tuple without a mark");
    return push_tuple(job, items, count);
}

static tuff_status tuple_of(struct job *job, size_t count)
{
    struct value *items[3] = {NULL};
    for (size_t i = count; i-- > 0;)
        if (!(items[i] = pop(job))) return bad(job, "its pickle takes from an empty stack");
    return push_tuple(job, items, count);
}
static tuff_status op_tuple0(struct job *job, const struct argument *a) { return (void)a, tuple_of(job, 0); }
static tuff_status op_tuple1(struct job *job, const struct argument *a) { return (void)a, tuple_of(job, 1); }
static tuff_status op_tuple2(struct job *job, const struct argument *a) { return (void)a, tuple_of(job, 2); }
static tuff_status op_tuple3(struct job *job, const struct argument *a) { return (void)a, tuple_of(job, 3); }

/* Into the list, or (pairs) the dict, below. */
static tuff_status put_items(struct job *job, struct value *const *items, size_t count, bool pairs)
{
    struct value *to = job->depth ? job->stack[job->depth - 1] : NULL;
    if (!to || to->kind != (pairs ? DICT : LIST) || (pairs && count % 2))
        return bad(job, "its pickle adds to what is no container");
    return add_items(job, to, items, count) ? TUFF_OK : no_memory(job);
}

static tuff_status op_append(struct job *job, const struct argument *a)
{
    struct value *item = pop(job);
    (void)a;
    return item ? put_items(job, &item, 1, false) : bad(job, "its pickle takes from an empty stack");
}

static tuff_status put_marked(struct job *job, bool pairs)
{
    struct value **items = NULL;
    size_t count = 0;
    if (!pop_marked(job, &items, &count)) return bad(job, "its pickle has items without a mark");
    return put_items(job, items, count, pairs);
}
static tuff_status op_appends(struct job *job, const struct argument *a) { return (void)a, put_marked(job, false); }
static tuff_status op_setitems(struct job *job, const struct argument *a) { return (void)a, put_marked(job, true); }

static tuff_status op_setitem(struct job *job, const struct argument *a)
{
    struct value *value = pop(job), *key = pop(job);
    (void)a;
    if (!value || !key) return bad(job, "its pickle takes from an empty stack");
    struct value *pair[] = {key, value};
    return put_items(job, pair, 2, true);
}

static tuff_status put_memo(struct job *job, uint64_t index)
{
    if (!job->depth) return bad(job, "its pickle takes from an empty stack");
    if (index > job->pickle_bytes) return bad(job, "its pickle remembers more than there is");
    while (index >= job->memo_room)
        if (!grow(job, &job->memo, job->memo_room, &job->memo_room)) return no_memory(job);
    job->memo[index] = job->stack[job->depth - 1];
    return TUFF_OK;
}
static tuff_status op_put(struct job *job, const struct argument *a) { return put_memo(job, a->value); }
static tuff_status op_memoize(struct job *job, const struct argument *a) { return (void)a, put_memo(job, job->memo_end++); }

static tuff_status op_get(struct job *job, const struct argument *a)
{
    if (a->value >= job->memo_room || !job->memo[a->value]) return bad(job, "its pickle recalls what it never had");
    if (job->memo[a->value]->kind == MARK) return bad(job, "its pickle recalls a mark");
    return push_value(job, job->memo[a->value]);
}

static tuff_status push_global(struct job *job, const char *module, const char *name)
{
    char shown[200];
    for (size_t i = 0; i < TUFF_COUNT(globals); i++)
        if (!strcmp(globals[i].module, module) && !strcmp(globals[i].name, name))
            return push(job, (struct value){.kind = GLOBAL, .is.global = &globals[i]});
    snprintf(shown, sizeof shown, "%.90s.%.90s", module, name);
    tuff_printable(shown, shown, sizeof shown);
    return refuse(job,
                  "its pickle calls %s, which is not done: nothing of a file is executed. Save a state dict (tensors, and "
                  "containers of them) by torch.save",
                  shown);
}

static tuff_status op_global(struct job *job, const struct argument *a)
{
    char text[300], *end = NULL;
    if (a->bytes >= sizeof text || memchr(a->data, 0, (size_t)a->bytes)) return bad(job, "its pickle has a long name");
    memcpy(text, a->data, (size_t)a->bytes); /* two lines */
    text[a->bytes - 1] = 0;
    end = strchr(text, '\n');
    *end = 0;
    return push_global(job, text, end + 1);
}

static tuff_status op_stack_global(struct job *job, const struct argument *a)
{
    const struct value *name = pop(job), *module = pop(job);
    (void)a;
    if (!name || !module || name->kind != TEXT || module->kind != TEXT)
        return bad(job, "its pickle names a function by no text");
    return push_global(job, module->is.text, name->is.text);
}

static tuff_status op_persistent(struct job *job, const struct argument *a)
{
    const struct value *id = pop(job);
    const struct storage *storage = NULL;
    (void)a;
    if (!id) return bad(job, "its pickle takes from an empty stack");
    TUFF_TRY(read_storage(job, id, &storage));
    return push(job, (struct value){.kind = STORAGE, .is.storage = storage});
}

/* Of nothing, or, as Python 2 writes it, of a list of its pairs. */
static tuff_status make_dict(struct job *job, const struct value *arguments)
{
    struct value dict = {.kind = DICT};
    const struct value *pairs = arguments->count ? arguments->is.items[0] : NULL;
    if (arguments->count > 1 || (pairs && pairs->kind != LIST)) return refuse(job, "an OrderedDict of no list");
    for (uint32_t i = 0; pairs && i < pairs->count; i++) {
        const struct value *pair = pairs->is.items[i];
        if ((pair->kind != LIST && pair->kind != TUPLE) || pair->count != 2) return bad(job, "an OrderedDict of no pairs");
        if (!add_items(job, &dict, pair->is.items, 2)) return no_memory(job);
    }
    return push(job, dict);
}

static tuff_status op_reduce(struct job *job, const struct argument *a)
{
    struct value *arguments = pop(job);
    const struct value *function = pop(job);
    (void)a;
    if (!arguments || !function || arguments->kind != TUPLE || function->kind != GLOBAL)
        return bad(job, "its pickle calls what is no function");
    switch (function->is.global->call) {
    case MAKES_DICT: return make_dict(job, arguments);
    case MAKES_OLD_TENSOR: return make_tensor(job, arguments, 4);
    case MAKES_TENSOR: return make_tensor(job, arguments, 6);
    case MAKES_TYPED_TENSOR: return make_tensor(job, arguments, 7);
    case MAKES_PARAMETER:
        if (!arguments->count || arguments->is.items[0]->kind != TENSOR) return bad(job, "a parameter is no tensor");
        return push_value(job, arguments->is.items[0]);
    case MAKES_OTHER: return push(job, (struct value){.kind = OTHER});
    case IS_STORAGE:
    case IS_DTYPE: break;
    }
    return bad(job, "its pickle calls what is no function");
}

/* The state of an object, as _metadata of a state dict: of no use here. */
static tuff_status op_build(struct job *job, const struct argument *a)
{
    (void)a;
    return pop(job) && job->depth ? TUFF_OK : bad(job, "its pickle takes from an empty stack");
}

/* How an opcode's argument lies: so many bytes, or behind its length of so many, or two lines. */
enum { LENGTH_1 = 16, LENGTH_4 = LENGTH_1 + 3, LENGTH_8 = LENGTH_1 + 7, LINES = 64 };
static const struct {
    uint8_t code, argument;
    tuff_status (*run)(struct job *, const struct argument *);
} opcodes[] = {
    {0x80, 1, op_skip}, /* PROTO */
    {0x95, 8, op_skip}, /* FRAME */
    {'(', 0, op_mark},         {'N', 0, op_none},          {0x88, 0, op_number},
    {0x89, 0, op_number}, /* NEWTRUE, NEWFALSE */
    {'J', 4, op_integer},      {'K', 1, op_integer},       {'M', 2, op_integer},
    {0x8a, LENGTH_1, op_long}, {0x8b, LENGTH_4, op_long},  {'G', 8, op_number},
    {'X', LENGTH_4, op_text},  {0x8c, LENGTH_1, op_text},  {0x8d, LENGTH_8, op_text},
    {'U', LENGTH_1, op_text},  {'T', LENGTH_4, op_text},   {'C', LENGTH_1, op_other},
    {'B', LENGTH_4, op_other}, {0x8e, LENGTH_8, op_other}, /* bytes */
    {')', 0, op_tuple0},       {0x85, 0, op_tuple1},       {0x86, 0, op_tuple2},
    {0x87, 0, op_tuple3},      {'t', 0, op_tuple},         {']', 0, op_list},
    {'a', 0, op_append},       {'e', 0, op_appends},       {'}', 0, op_dict},
    {'s', 0, op_setitem},      {'u', 0, op_setitems},      {'q', 1, op_put},
    {'r', 4, op_put},          {0x94, 0, op_memoize},      {'h', 1, op_get},
    {'j', 4, op_get},          {'c', LINES, op_global},    {0x93, 0, op_stack_global},
    {'Q', 0, op_persistent},   {'R', 0, op_reduce},        {'b', 0, op_build},
};

static bool take_argument(struct job *job, uint8_t how, struct argument *a)
{
    const uint64_t left = (uint64_t)(job->end - job->at);
    *a = (struct argument){job->at, how, 0};
    if (how == LINES) {
        const uint8_t *first = memchr(job->at, '\n', (size_t)left);
        const uint8_t *second = first ? memchr(first + 1, '\n', (size_t)(job->end - first - 1)) : NULL;
        if (!second) return false;
        a->bytes = (uint64_t)(second + 1 - job->at);
    } else if (how >= LENGTH_1) {
        const unsigned size = how - LENGTH_1 + 1;
        if (left < size) return false;
        a->bytes = tuff_little(job->at, size);
        a->data = job->at += size;
        if (a->bytes > left - size) return false;
    } else {
        if (left < how) return false;
        a->value = tuff_little(job->at, how);
    }
    job->at += a->bytes;
    return true;
}

static tuff_status run_pickle(struct job *job, struct value **root)
{
    job->memo = NULL;
    job->memo_room = job->memo_end = 0;
    while (job->at < job->end) {
        const uint8_t code = *job->at++;
        struct argument a;
        size_t k = 0;
        if (code == '.') {
            *root = pop(job);
            return *root && !job->depth ? TUFF_OK : bad(job, "its pickle ends with another number of values than one");
        }
        while (k < TUFF_COUNT(opcodes) && opcodes[k].code != code) k++;
        if (k == TUFF_COUNT(opcodes))
            return refuse(job, "its pickle has the opcode 0x%02x, which tensors do not need: nothing of a file is executed",
                          (unsigned)code);
        if (!take_argument(job, opcodes[k].argument, &a)) return bad(job, "its pickle is cut off");
        TUFF_TRY(opcodes[k].run(job, &a));
    }
    return bad(job, "its pickle is cut off");
}

/* ---- names --------------------------------------------------------------------------------------------------------------------- */

static tuff_status add_tensor(struct job *job, const struct value *v, size_t length)
{
    struct tuff_tensors *t = job->tensors;
    if (t->array_count == ENTRIES_MAX) return bad(job, "it has more than %d tensors", ENTRIES_MAX);
    TUFF_TRY(fill(job, v->is.tensor));
    struct tuff_array a = v->is.tensor->array;
    char *name = length ? make(job, length + 1) : NULL;
    if (name) memcpy(name, job->path, length);
    a.name = length ? name : "tensor";
    job->made += 2 * sizeof a; /* of the list, which doubles */
    return a.name && tuff_tensors_add(t, &a) ? TUFF_OK : no_memory(job);
}

static tuff_status visit(struct job *job, const struct value *v, size_t length, uint32_t depth);

static tuff_status visit_item(struct job *job, const struct value *key, uint32_t index, const struct value *v, size_t length,
                              uint32_t depth)
{
    const size_t room = sizeof job->path - length;
    const char *dot = length ? "." : "";
    int n = -1;
    if (!key)
        n = snprintf(job->path + length, room, "%s%u", dot, (unsigned)index);
    else if (key->kind == TEXT)
        n = snprintf(job->path + length, room, "%s%s", dot, key->is.text);
    else if (key->kind == INTEGER)
        n = snprintf(job->path + length, room, "%s%lld", dot, (long long)key->is.integer);
    else
        return refuse(job, "a key of a dict is neither a text nor a whole number");
    if (n < 0 || (size_t)n >= room) return bad(job, "a name has more than %d bytes", NAME_MAX_BYTES);
    return visit(job, v, length + (size_t)n, depth + 1);
}

/* Tensors in containers, called by the way that leads to them; other values are counted. length: of the path so far. */
static tuff_status visit(struct job *job, const struct value *v, size_t length, uint32_t depth)
{
    if (depth > DEPTH_MAX || ++job->visits > VISITS_MAX)
        return bad(job, "its containers are nested too deep, or in themselves");
    if (v->kind == TENSOR) return add_tensor(job, v, length);
    if (v->kind == DICT)
        for (uint32_t i = 0; i < v->count; i += 2)
            TUFF_TRY(visit_item(job, v->is.items[i], 0, v->is.items[i + 1], length, depth));
    if (v->kind == LIST || v->kind == TUPLE)
        for (uint32_t i = 0; i < v->count; i++) TUFF_TRY(visit_item(job, NULL, i, v->is.items[i], length, depth));
    if (v->kind == DICT || v->kind == LIST || v->kind == TUPLE) return TUFF_OK;
    if (!job->skipped++) snprintf(job->first_skipped, sizeof job->first_skipped, "%.*s", (int)length, job->path);
    return TUFF_OK;
}

static tuff_status tell_skipped(struct job *job)
{
    struct tuff_tensors *t = job->tensors;
    char first[sizeof job->first_skipped];
    tuff_printable(job->first_skipped, first, sizeof first);
    if (!job->skipped) return TUFF_OK;
    t->texts = tuff_arena_alloc(&t->arena, sizeof *t->texts);
    if (!t->texts) return no_memory(job);
    t->texts->key = "left out";
    t->texts->value = tuff_arena_printf(&t->arena, "%llu values that are no tensors, first \"%s\"",
                                        (unsigned long long)job->skipped, first);
    if (!t->texts->value) return no_memory(job);
    t->text_count = 1;
    return TUFF_OK;
}

static tuff_status name_tensors(struct job *job, const struct value *root)
{
    TUFF_TRY(visit(job, root, 0, 0));
    TUFF_TRY(tell_skipped(job));
    return tuff_tensors_index(job->tensors, job->archive.name, job->archive.error);
}

/* ---- the archive --------------------------------------------------------------------------------------------------------------- */

static tuff_status find_pickle(struct job *job, struct tuff_member *pickle)
{
    bool found = false;
    for (uint64_t i = 0; i < job->archive.count && !found; i++) {
        TUFF_TRY(tuff_archive_member(&job->archive, i, pickle));
        const size_t length = strlen(pickle->name);
        const char *slash = strchr(pickle->name, '/');
        found = slash ? !strcmp(slash + 1, "data.pkl") : !strcmp(pickle->name, "data.pkl");
        if (!found) continue;
        if (length > FOLDER_MAX_BYTES) return bad(job, "its folder's name has more than %d bytes", FOLDER_MAX_BYTES);
        job->folder = tuff_arena_printf(&job->tensors->arena, "%.*s", (int)(length - strlen("data.pkl")), pickle->name);
        if (!job->folder) return no_memory(job);
    }
    if (!found) return bad(job, "the archive has no data.pkl");
    if (pickle->bytes > PICKLE_MAX) return bad(job, "its pickle has more than 64 MiB");
    return TUFF_OK;
}

static tuff_status read_order(struct job *job)
{
    struct tuff_member m = {.name = ""};
    uint8_t *text = NULL;
    bool found = false;
    TUFF_TRY(find_member(job, "byteorder", &m, &found));
    if (!found) return TUFF_OK; /* before 2.1: little */
    TUFF_TRY(tuff_archive_read(&job->archive, &job->tensors->arena, &m, &text));
    job->big = m.bytes == 3 && !memcmp(text, "big", 3);
    if (job->big || (m.bytes == 6 && !memcmp(text, "little", 6))) return TUFF_OK;
    return bad(job, "its byteorder is neither little nor big");
}

static tuff_status read_archive(struct job *job)
{
    struct tuff_member m = {.name = ""};
    struct value *root = NULL;
    uint8_t *pickle = NULL;
    TUFF_TRY(find_pickle(job, &m));
    TUFF_TRY(read_order(job));
    TUFF_TRY(tuff_archive_read(&job->archive, &job->tensors->arena, &m, &pickle));
    job->at = pickle;
    job->end = pickle + m.bytes;
    job->pickle_bytes = m.bytes;
    TUFF_TRY(run_pickle(job, &root));
    return name_tensors(job, root);
}

/* ---- before 1.6 ------------------------------------------------------------------------------------------------------------------ */

/* Of each key, in their order: the number of elements as i64, and these; little-endian, whatever machine wrote them. */
static tuff_status place_storages(struct job *job, const struct value *keys)
{
    if (keys->kind != LIST) return bad(job, "its storages have no list");
    for (uint32_t i = 0; i < keys->count; i++) {
        const struct value *key = keys->is.items[i];
        struct storage *s = key->kind == TEXT ? find_storage(job, key->is.text) : NULL;
        if (!s) return bad(job, "it has a storage that no tensor is of");
        if (s->data) return bad(job, "its storage %.100s is there twice", s->key);
        const uint64_t left = (uint64_t)(job->end - job->at), size = s->element ? tuff_element_bytes(s->element) : 1;
        if (left >= 8 && tuff_little(job->at, 8) != s->bytes / size)
            return bad(job, "its storage %.100s has %lld elements, not %llu", s->key, (long long)tuff_little(job->at, 8),
                       (unsigned long long)(s->bytes / size));
        if (left < 8 || s->bytes > left - 8) return bad(job, "its storage %.100s is cut off", s->key);
        TUFF_TRY(take_budget(job, s->bytes));
        s->data = job->at + 8;
        job->at = s->data + s->bytes;
    }
    for (uint32_t i = 0; i < job->keys.count; i++)
        if (!job->storages[i]->data) return bad(job, "its storage %.100s is missing", job->storages[i]->key);
    if (job->at == job->end) return TUFF_OK;
    return refuse(job, "more follows its storages, as where several objects were saved into one file");
}

/* Pickles: the magic number, the protocol's, about the machine (which nothing needs), the object, its storages' keys. */
static tuff_status read_pickles(struct job *job)
{
    enum { PROTOCOL = 1, OBJECT = 3, KEYS, PICKLES };
    struct value *roots[PICKLES];
    job->at = job->tensors->data;
    job->end = job->at + (job->pickle_bytes = job->tensors->bytes);
    for (int i = 0; i < PICKLES; i++) {
        TUFF_TRY(run_pickle(job, &roots[i]));
        if (i == PROTOCOL && (roots[i]->kind != INTEGER || roots[i]->is.integer != 1001))
            return refuse(job, "of another protocol than 1001, which PyTorch had until 1.6");
    }
    TUFF_TRY(place_storages(job, roots[KEYS]));
    return name_tensors(job, roots[OBJECT]);
}

static bool is_tar(const uint8_t *data, size_t bytes)
{
    return bytes >= 512 && !memcmp(data, "sys_info", 9) && !memcmp(data + 257, "ustar", 5);
}

/* A pickle of the magic number, by protocol 2 or 3, or (in a frame) 4. */
bool tuff_torch_is_old(const uint8_t *data, size_t bytes)
{
    static const uint8_t magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    for (size_t at = 2; at <= 11; at += 9)
        if (bytes >= at + sizeof magic && data[0] == 0x80 && !memcmp(data + at, magic, sizeof magic)) return true;
    return is_tar(data, bytes);
}

static tuff_status parse(struct tuff_tensors *t, const char *name, const void *limit, struct tuff_error *error)
{
    struct job job = {.archive = {.context = t->context,
                                  .error = error,
                                  .name = name,
                                  .kind = "no file of PyTorch's, which is a zip archive, or before 1.6 pickles"},
                      .tensors = t};
    if (is_tar(t->data, t->bytes))
        return refuse(&job, "in the form that PyTorch wrote before 0.1.10; load it there and save it again by torch.save");
    if (tuff_torch_is_old(t->data, t->bytes)) {
        tuff_archive_limit(&job.archive, t->bytes, *(const size_t *)limit);
        return read_pickles(&job);
    }
    tuff_status status = tuff_archive_open(&job.archive, t->data, t->bytes, *(const size_t *)limit);
    if (status == TUFF_OK) status = read_archive(&job);
    tuff_archive_close(&job.archive);
    return status;
}

tuff_status tuff_torch_open(struct tuff_context *context, const char *path, size_t limit, struct tuff_tensors **tensors,
                            struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && tensors);
    return tuff_tensors_read(context, &(struct tuff_tensors_file){path, {0}, 0, parse, &limit}, tensors, error);
}

tuff_status tuff_torch_decode(struct tuff_context *context, struct tuff_span span, size_t limit,
                              struct tuff_tensors **tensors, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && tensors);
    TUFF_REQUIRE_THAT(context, error, span.data || span.bytes == 0, "the data is NULL, though it has bytes");
    return tuff_tensors_read(context, &(struct tuff_tensors_file){NULL, span, 0, parse, &limit}, tensors, error);
}
