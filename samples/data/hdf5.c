/* hdf5.c - arrays of HDF5 files, as Keras keeps weights (.weights.h5, .h5; .keras is an archive with one in it): views of the mapped file.
 *
 * Source: HDF5 File Format Specification, version 3.0; sections in brackets. The classic form alone, which is what h5py writes unless it is told
 * otherwise. Read here, not by the HDF Group's library, which is not made for files of strangers: every address and length is checked against the
 * file before it is used, and what is visited is counted, so that no loop of links goes on. */
#include "loaders/tensors.h"
#include "samples/data/archive.h"
#include "samples/data/weights.h"

#include <stdio.h>

enum { DEPTH_MAX = 32, LEVEL_MAX = 16, VISITS_MAX = 1 << 22, NAME_BYTES = 1000, ENTRY = 40, PENDING = 16 };
#define NOWHERE UINT64_MAX /* the undefined address */

struct job {
    struct tuff_context *context;
    struct tuff_error *error;
    const char *name;
    struct tuff_tensors *tensors;
    const uint8_t *data; /* of the file */
    uint64_t bytes, left /* that may be looked at or copied */, visits /* of nodes, entries, messages */;
    char path[NAME_BYTES];
};
/* Messages of an object's header that matter. */
struct object {
    const uint8_t *space, *type, *layout, *table;
    uint64_t space_bytes, type_bytes, layout_bytes;
    bool shared, filtered, links;
    uint64_t more[PENDING][2]; /* address and bytes of blocks of messages that are still to be read */
    uint32_t more_count;
};

static tuff_status bad(struct job *job, const char *why)
{
    return tuff_fail(job->context, job->error, TUFF_ERR_FORMAT, "%s: bad HDF5 file: %s%s%s", job->name, job->path,
                     job->path[0] ? ": " : "", why);
}

static tuff_status refuse(struct job *job, const char *why)
{
    return tuff_fail(job->context, job->error, TUFF_ERR_UNSUPPORTED, "%s: %s%s%s", job->name, job->path,
                     job->path[0] ? ": " : "", why);
}

static tuff_status no_memory(struct job *job) { return tuff_fail_memory(job->context, job->error); }

/* Bytes of the file, or NULL: it does not have them. */
static const uint8_t *at(const struct job *job, uint64_t address, uint64_t bytes)
{
    return address > job->bytes || bytes > job->bytes - address ? NULL : job->data + address;
}

/* Bytes that are looked at or copied, and of names: many entries may lead to one text of the file. */
static tuff_status charge(struct job *job, uint64_t bytes)
{
    if (bytes > job->left) return bad(job, "its arrays and names are larger than the file");
    job->left -= bytes;
    return TUFF_OK;
}

static bool count_visit(struct job *job) { return ++job->visits <= VISITS_MAX; }

/* ---- object headers [IV.A.1] --------------------------------------------------------------------------------------------------- */

enum { SPACE = 1, LINK_INFO = 2, TYPE = 3, LINK = 6, LAYOUT = 8, FILTERS = 11, CONTINUATION = 16, TABLE = 17 };

/* A block of messages, of which any number may say where a further block is. */
static tuff_status read_messages(struct job *job, const uint8_t *block, uint64_t bytes, uint32_t *left, struct object *o)
{
    while (bytes >= 8 && *left) {
        const uint32_t type = (uint32_t)tuff_little(block, 2), size = (uint32_t)tuff_little(block + 2, 2);
        const uint8_t *body = block + 8;
        const bool shared = block[4] & 2;
        if (size > bytes - 8) return bad(job, "a message is longer than its header");
        if (!count_visit(job)) return bad(job, "it has too many objects, or loops of them");
        if (type == SPACE) o->space = body, o->space_bytes = size;
        if (type == TYPE) o->type = body, o->type_bytes = size;
        if (type == LAYOUT) o->layout = body, o->layout_bytes = size;
        if (type == TABLE && size >= 16) o->table = body;
        o->shared = o->shared || (shared && (type == SPACE || type == TYPE || type == LAYOUT));
        o->filtered = o->filtered || type == FILTERS;
        o->links = o->links || type == LINK_INFO || type == LINK;
        if (type == CONTINUATION && size >= 16) {
            if (o->more_count == PENDING) return bad(job, "an object's header lies in too many places");
            for (uint32_t i = 0; i < 2; i++) o->more[o->more_count][i] = tuff_little(body + 8 * i, 8);
            o->more_count++;
        }
        block = body + size;
        bytes -= 8 + size;
        --*left;
    }
    return TUFF_OK;
}

static tuff_status read_object(struct job *job, uint64_t address, struct object *o)
{
    const uint8_t *head = at(job, address, 16);
    *o = (struct object){.space = NULL};
    if (!head) return bad(job, "an object's header lies outside of the file");
    if (!memcmp(head, "OHDR", 4))
        return refuse(job, "the newer form of HDF5 is not read; write it without libver and track_order");
    if (head[0] != 1) return bad(job, "an object's header is of no known version");
    uint32_t left = (uint32_t)tuff_little(head + 2, 2);
    o->more[o->more_count][0] = address + 16;
    o->more[o->more_count++][1] = tuff_little(head + 8, 4);
    while (o->more_count && left) {
        const uint64_t from = o->more[--o->more_count][0], bytes = o->more[o->more_count][1];
        const uint8_t *block = at(job, from, bytes);
        if (!block) return bad(job, "an object's header lies outside of the file");
        if (!count_visit(job)) return bad(job, "it has too many objects, or loops of them");
        TUFF_TRY(read_messages(job, block, bytes, &left, o));
    }
    return TUFF_OK;
}

/* ---- data sets [IV.A.2.b, d, i] ------------------------------------------------------------------------------------------------ */

static tuff_status leave_out(struct job *job, const char *why)
{
    struct tuff_tensors *t = job->tensors;
    TUFF_TRY(charge(job, strlen(job->path) + sizeof *t->texts));
    if ((t->text_count & (t->text_count - 1)) == 0) { /* a power of two: full */
        struct tuff_pair *more = tuff_arena_alloc(&t->arena, (2 * t->text_count + 1) * sizeof *more);
        if (!more) return no_memory(job);
        if (t->text_count) memcpy(more, t->texts, t->text_count * sizeof *more);
        t->texts = more;
    }
    struct tuff_pair *text = &t->texts[t->text_count];
    text->key = tuff_arena_strdup(&t->arena, job->path);
    text->value = why;
    if (!text->key) return no_memory(job);
    t->text_count++;
    return TUFF_OK;
}

static tuff_status read_space(struct job *job, const struct object *o, struct tuff_array *a)
{
    const uint8_t *s = o->space;
    if (o->space_bytes < 4 || s[0] < 1 || s[0] > 2) return bad(job, "its dataspace is of no known version");
    const uint64_t from = s[0] == 1 ? 8 : 4;
    if (s[1] > TUFF_FILE_RANK) return refuse(job, "more than 8 dimensions");
    if (o->space_bytes < from + 8u * s[1]) return bad(job, "its dataspace is cut off");
    a->rank = s[1];
    for (uint32_t d = 0; d < a->rank; d++) a->dim[d] = tuff_little(s + from + 8 * d, 8);
    if (s[0] == 2 && s[3] == 2) a->rank = 1, a->dim[0] = 0; /* null: no element */
    return TUFF_OK;
}

/* The element, or 0: none that arrays here have. */
static enum tuff_element read_type(const struct object *o, bool *big)
{
    static const struct {
        uint32_t size;
        uint8_t fields[8]; /* location and size of the exponent, of the mantissa, bias */
        enum tuff_element element;
    } floats[] = {{2, {10, 5, 0, 10, 15, 0, 0, 0}, TUFF_ELEMENT_F16},
                  {2, {7, 8, 0, 7, 127, 0, 0, 0}, TUFF_ELEMENT_BF16},
                  {4, {23, 8, 0, 23, 127, 0, 0, 0}, TUFF_ELEMENT_F32},
                  {8, {52, 11, 0, 52, 0xff, 3, 0, 0}, TUFF_ELEMENT_F64}};
    static const enum tuff_element whole[2][4] = {{TUFF_ELEMENT_U8, TUFF_ELEMENT_U16, TUFF_ELEMENT_U32, TUFF_ELEMENT_U64},
                                                  {TUFF_ELEMENT_I8, TUFF_ELEMENT_I16, TUFF_ELEMENT_I32, TUFF_ELEMENT_I64}};
    const uint8_t *t = o->type;
    if (o->type_bytes < 12) return 0;
    const uint32_t size = (uint32_t)tuff_little(t + 4, 4), class = t[0] & 15;
    const bool full = tuff_little(t + 8, 2) == 0 && tuff_little(t + 10, 2) == (uint64_t)size * 8;
    *big = t[1] & 1;
    if (class == 8) return size == 1 ? TUFF_ELEMENT_BOOL : 0; /* an enumeration: what h5py makes of bool */
    for (uint32_t k = 0; class == 0 && full && k < 4; k++)
        if (size == 1u << k) return whole[t[1] >> 3 & 1][k];
    for (size_t k = 0; class == 1 && full && !(t[1] & 0x40) && o->type_bytes >= 20 && k < TUFF_COUNT(floats); k++)
        if (size == floats[k].size && !memcmp(t + 12, floats[k].fields, 8)) return floats[k].element;
    return 0;
}

static tuff_status find_data(struct job *job, const struct object *o, struct tuff_array *a)
{
    const uint8_t *l = o->layout;
    uint64_t address = 0, bytes = 0;
    if (o->layout_bytes < 4 || l[0] < 3 || l[0] > 4) return refuse(job, "its layout is of a version that is not read");
    if (l[1] > 1 || o->filtered) return refuse(job, "chunked or compressed data is not read; write it contiguous");
    if (l[1] == 0) {
        bytes = tuff_little(l + 2, 2);
        if (bytes > o->layout_bytes - 4) return bad(job, "its data is cut off");
        a->data = l + 4;
    } else {
        if (o->layout_bytes < 18) return bad(job, "its layout is cut off");
        address = tuff_little(l + 2, 8);
        bytes = tuff_little(l + 10, 8);
        if (address == NOWHERE && a->bytes) return refuse(job, "its data was never written");
        a->data = at(job, a->bytes ? address : 0, bytes);
        if (!a->data) return bad(job, "its data lies outside of the file");
    }
    return bytes == a->bytes ? TUFF_OK : bad(job, "its data does not fit its shape");
}

static tuff_status add_dataset(struct job *job, const struct object *o)
{
    struct tuff_tensors *t = job->tensors;
    struct tuff_array a = {.rank = 0};
    bool big = false;
    if (o->shared) return leave_out(job, "its type is shared with others");
    a.element = read_type(o, &big);
    if (!a.element) return leave_out(job, "its elements are no numbers of 8 to 64 bits");
    TUFF_TRY(read_space(job, o, &a));
    if (!tuff_array_bytes(a.element, a.rank, a.dim, &a.bytes)) return bad(job, "its shape is larger than any memory");
    TUFF_TRY(find_data(job, o, &a));
    const size_t size = tuff_element_bytes(a.element);
    if (a.element == TUFF_ELEMENT_BOOL || (big && size > 1)) TUFF_TRY(charge(job, a.bytes));
    TUFF_TRY(charge(job, strlen(job->path) + sizeof a));
    for (uint64_t i = 0; a.element == TUFF_ELEMENT_BOOL && i < a.bytes; i++)
        if (((const uint8_t *)a.data)[i] > 1) a.element = TUFF_ELEMENT_U8;
    if (big && size > 1) {
        uint8_t *copy = tuff_arena_alloc(&t->arena, (size_t)a.bytes + 1);
        if (!copy) return no_memory(job);
        memcpy(copy, a.data, (size_t)a.bytes);
        tuff_swap_elements(copy, a.bytes / size, size);
        a.data = copy;
    }
    a.name = tuff_arena_strdup(&t->arena, job->path);
    return a.name && tuff_tensors_add(t, &a) ? TUFF_OK : no_memory(job);
}

/* ---- groups [III.A.1, III.B, III.C, III.D] ------------------------------------------------------------------------------------- */

struct names {
    const uint8_t *data;
    uint64_t bytes;
};
static tuff_status read_group(struct job *job, uint64_t tree, uint64_t heap, size_t length, uint32_t depth);

static tuff_status read_names(struct job *job, uint64_t heap, struct names *names)
{
    const uint8_t *h = at(job, heap, 32);
    if (!h || memcmp(h, "HEAP", 4) != 0 || h[4] != 0) return bad(job, "a group has no heap of names");
    names->bytes = tuff_little(h + 8, 8);
    names->data = at(job, tuff_little(h + 24, 8), names->bytes);
    return names->data ? TUFF_OK : bad(job, "a heap of names lies outside of the file");
}

/* What an entry leads to, whose name is put behind the path of `length` bytes. */
static tuff_status read_entry(struct job *job, const uint8_t *entry, const struct names *names, size_t length,
                              uint32_t depth)
{
    struct object o;
    const uint64_t from = tuff_little(entry, 8), address = tuff_little(entry + 8, 8);
    if (!count_visit(job)) return bad(job, "it has too many objects, or loops of them");
    const uint64_t room = from < names->bytes ? names->bytes - from : 0;
    if (!room || !memchr(names->data + from, 0, (size_t)(room < NAME_BYTES ? room : NAME_BYTES)))
        return bad(job, "a name lies outside of its heap, or is too long");
    const char *name = (const char *)names->data + from;
    const int n = snprintf(job->path + length, NAME_BYTES - length, "%s%s", length ? "/" : "", name);
    if (!name[0] || n < 0 || (size_t)n >= NAME_BYTES - length || !tuff_utf8_valid(name, strlen(name))) {
        job->path[length] = 0;
        return bad(job, "a name is empty, too long, or not UTF-8");
    }
    if (tuff_little(entry + 16, 4) == 2) return leave_out(job, "a link to elsewhere");
    TUFF_TRY(read_object(job, address, &o));
    if (o.table) return read_group(job, tuff_little(o.table, 8), tuff_little(o.table + 8, 8), length + (size_t)n, depth + 1);
    if (o.links) return refuse(job, "the newer form of groups is not read; write it without libver and track_order");
    if (o.space && o.type && o.layout) return add_dataset(job, &o);
    return leave_out(job, "neither a group nor data");
}

static tuff_status read_leaf(struct job *job, uint64_t address, const struct names *names, size_t length, uint32_t depth)
{
    const uint8_t *s = at(job, address, 8);
    if (!s || memcmp(s, "SNOD", 4) != 0 || s[4] != 1) return bad(job, "a group's table is none");
    const uint32_t count = (uint32_t)tuff_little(s + 6, 2);
    const uint8_t *entries = at(job, address + 8, (uint64_t)count * ENTRY);
    if (!entries) return bad(job, "a group's table lies outside of the file");
    for (uint32_t i = 0; i < count; i++) TUFF_TRY(read_entry(job, entries + (size_t)i * ENTRY, names, length, depth));
    return TUFF_OK;
}

/* level: that the node must have; LEVEL_MAX: any, of the root. */
static tuff_status read_tree(struct job *job, uint64_t address, uint32_t level, const struct names *names, size_t length,
                             uint32_t depth)
{
    const uint8_t *node = at(job, address, 24);
    job->path[length] = 0;
    if (!count_visit(job)) return bad(job, "it has too many objects, or loops of them");
    if (!node || memcmp(node, "TREE", 4) != 0 || node[4] != 0 ||
        (level == LEVEL_MAX ? node[5] >= LEVEL_MAX : node[5] != level))
        return bad(job, "a group's tree is none");
    const uint32_t count = (uint32_t)tuff_little(node + 6, 2);
    const uint8_t *children = at(job, address + 24, 8 + 16 * (uint64_t)count);
    if (!children) return bad(job, "a group's tree lies outside of the file");
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t child = tuff_little(children + 8 + 16 * (size_t)i, 8);
        TUFF_TRY(node[5] ? read_tree(job, child, node[5] - 1u, names, length, depth)
                         : read_leaf(job, child, names, length, depth));
    }
    return TUFF_OK;
}

static tuff_status read_group(struct job *job, uint64_t tree, uint64_t heap, size_t length, uint32_t depth)
{
    struct names names = {NULL, 0};
    if (depth > DEPTH_MAX) return bad(job, "its groups are nested too deep, or in themselves");
    TUFF_TRY(read_names(job, heap, &names));
    return read_tree(job, tree, LEVEL_MAX, &names, length, depth);
}

/* ---- the file [II.A] ----------------------------------------------------------------------------------------------------------- */

static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

bool tuff_hdf5_is(const uint8_t *data, size_t bytes) { return bytes >= 96 && !memcmp(data, signature, sizeof signature); }

static tuff_status read_file(struct job *job)
{
    struct object root;
    if (!tuff_hdf5_is(job->data, (size_t)job->bytes)) return bad(job, "it does not begin as one");
    const uint8_t *s = job->data;
    if (s[8] > 1) return refuse(job, "the newer form of HDF5 is not read; write it without libver and track_order");
    if (s[13] != 8 || s[14] != 8) return refuse(job, "its addresses or lengths have not 8 bytes");
    const size_t from = s[8] == 0 ? 24 : 28; /* of the addresses */
    if (job->bytes < from + 32 + ENTRY) return bad(job, "it is cut off");
    if (tuff_little(s + from, 8) != 0) return refuse(job, "its addresses do not begin with the file");
    if (tuff_little(s + from + 16, 8) > job->bytes) return bad(job, "it is cut off");
    TUFF_TRY(read_object(job, tuff_little(s + from + 32 + 8, 8), &root));
    if (!root.table) return refuse(job, "the newer form of groups is not read; write it without libver and track_order");
    TUFF_TRY(read_group(job, tuff_little(root.table, 8), tuff_little(root.table + 8, 8), 0, 0));
    const char *twice = NULL;
    if (tuff_texts_twice(job->tensors, &twice) != TUFF_OK) return no_memory(job);
    job->path[0] = 0;
    if (twice) return bad(job, "a name is there twice");
    return tuff_tensors_index(job->tensors, job->name, job->error);
}

/* The weights in a .keras archive, which then are the job's file. */
static tuff_status unpack(struct job *job, struct tuff_archive *a, size_t limit)
{
    struct tuff_member m = {.name = ""};
    uint8_t *data = NULL;
    bool found = false;
    TUFF_TRY(tuff_archive_open(a, job->data, (size_t)job->bytes, limit));
    TUFF_TRY(tuff_archive_find(a, "model.weights.h5", &m, &found));
    if (!found) return bad(job, "the archive holds no model.weights.h5");
    TUFF_TRY(tuff_archive_read(a, &job->tensors->arena, &m, &data));
    job->data = data;
    job->bytes = m.bytes;
    return TUFF_OK;
}

static tuff_status parse(struct tuff_tensors *t, const char *name, const void *limit, struct tuff_error *error)
{
    struct job job = {.context = t->context, .error = error, .name = name, .tensors = t, .data = t->data, .bytes = t->bytes};
    tuff_status status = TUFF_OK;
    if (tuff_archive_is(t->data, t->bytes)) {
        struct tuff_archive a = {.context = t->context,
                                 .error = error,
                                 .name = name,
                                 .kind = "neither an HDF5 file nor an archive as Keras writes"};
        status = unpack(&job, &a, *(const size_t *)limit);
        tuff_archive_close(&a);
    }
    job.left = 2 * job.bytes + (1 << 20); /* names are short beside what else an object has */
    return status == TUFF_OK ? read_file(&job) : status;
}

tuff_status tuff_hdf5_open(struct tuff_context *context, const char *path, size_t limit, struct tuff_tensors **tensors,
                           struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && tensors);
    return tuff_tensors_read(context, &(struct tuff_tensors_file){path, {0}, 0, parse, &limit}, tensors, error);
}

tuff_status tuff_hdf5_decode(struct tuff_context *context, struct tuff_span span, size_t limit,
                             struct tuff_tensors **tensors, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && tensors);
    TUFF_REQUIRE_THAT(context, error, span.data || span.bytes == 0, "the data is NULL, though it has bytes");
    return tuff_tensors_read(context, &(struct tuff_tensors_file){NULL, span, 0, parse, &limit}, tensors, error);
}
