/* caps_fields.c - the fields of struct tuff_caps by name, for programs that list them; as text, and back. */
#include "backend/instance.h"

#define FIELD(name, title, kind)                                                                                            \
    {                                                                                                                       \
#name, title, offsetof(struct tuff_caps, name), (enum tuff_field_kind)(kind)                                        \
    }

/* The order is that of listings. */
static const struct tuff_caps_field fields[] = {
    FIELD(subgroup_size, "subgroup size", TUFF_FIELD_U32),
    FIELD(subgroup_size_min, "subgroup size, least", TUFF_FIELD_U32),
    FIELD(subgroup_size_max, "subgroup size, most", TUFF_FIELD_U32),
    FIELD(subgroup_size_control, "subgroup size control", TUFF_FIELD_FLAG),
    FIELD(subgroup_basic, "subgroup basic", TUFF_FIELD_FLAG),
    FIELD(subgroup_arithmetic, "subgroup arithmetic", TUFF_FIELD_FLAG),
    FIELD(subgroup_ballot, "subgroup ballot", TUFF_FIELD_FLAG),
    FIELD(subgroup_shuffle, "subgroup shuffle", TUFF_FIELD_FLAG),
    FIELD(f16_storage, "f16 storage", TUFF_FIELD_FLAG),
    FIELD(f16_arithmetic, "f16 arithmetic", TUFF_FIELD_FLAG),
    FIELD(i8_storage, "int8 storage", TUFF_FIELD_FLAG),
    FIELD(i8_arithmetic, "int8 arithmetic", TUFF_FIELD_FLAG),
    FIELD(i16_arithmetic, "int16 arithmetic", TUFF_FIELD_FLAG),
    FIELD(i64_arithmetic, "int64 arithmetic", TUFF_FIELD_FLAG),
    FIELD(f64_arithmetic, "f64 arithmetic", TUFF_FIELD_FLAG),
    FIELD(bfloat16, "bfloat16", TUFF_FIELD_FLAG),
    FIELD(cooperative_matrix, "cooperative matrix", TUFF_FIELD_FLAG),
    FIELD(matrix_m, "its rows", TUFF_FIELD_U32),
    FIELD(matrix_n, "its columns", TUFF_FIELD_U32),
    FIELD(matrix_k, "its depth", TUFF_FIELD_U32),
    FIELD(integer_dot_product, "integer dot product", TUFF_FIELD_FLAG),
    FIELD(integer_dot_accelerated, "int8 dot product accelerated", TUFF_FIELD_FLAG),
    FIELD(keeps_nan, "NaN kept on demand", TUFF_FIELD_FLAG),
    FIELD(keeps_nan_f16, "NaN of f16 kept on demand", TUFF_FIELD_FLAG),
    FIELD(device_address, "buffer device address", TUFF_FIELD_FLAG),
    FIELD(timeline_semaphore, "timeline semaphore", TUFF_FIELD_FLAG),
    FIELD(synchronization2, "synchronization2", TUFF_FIELD_FLAG),
    FIELD(memory_budget, "memory budget", TUFF_FIELD_FLAG),
    FIELD(push_descriptor, "push descriptor", TUFF_FIELD_FLAG),
    FIELD(unified_memory, "unified memory", TUFF_FIELD_FLAG),
    FIELD(max_workgroup_invocations, "workgroup invocations", TUFF_FIELD_U32),
    FIELD(max_shared_bytes, "shared memory, bytes", TUFF_FIELD_U32),
    FIELD(max_push_bytes, "push constants, bytes", TUFF_FIELD_U32),
    FIELD(max_storage_buffers, "storage buffers per stage", TUFF_FIELD_U32),
    FIELD(storage_alignment, "storage alignment, bytes", TUFF_FIELD_U32),
    FIELD(max_storage_range, "storage range, bytes", TUFF_FIELD_U64),
    FIELD(max_texels, "texels of a buffer", TUFF_FIELD_U32),
    FIELD(texel_alignment, "texel alignment, bytes", TUFF_FIELD_U32),
    FIELD(max_allocation_bytes, "one allocation, bytes", TUFF_FIELD_U64),
    FIELD(max_allocation_count, "allocations", TUFF_FIELD_U32),
    FIELD(families_off, "families of kernels off, bits", TUFF_FIELD_U32),
    FIELD(flops_per_second, "FLOP/s to count on", TUFF_FIELD_U64),
    FIELD(bytes_per_second, "bytes/s to count on", TUFF_FIELD_U64),
};

bool tuff_caps_field(uint32_t index, struct tuff_caps_field *field)
{
    if (index >= sizeof fields / sizeof fields[0]) return false;
    *field = fields[index];
    return true;
}

uint64_t tuff_caps_value(const struct tuff_caps *caps, const struct tuff_caps_field *field)
{
    const char *at = (const char *)caps + field->offset;
    switch (field->kind) {
    case TUFF_FIELD_FLAG: return *(const bool *)at;
    case TUFF_FIELD_U32: return *(const uint32_t *)at;
    case TUFF_FIELD_U64: return *(const uint64_t *)at;
    }
    return 0;
}

const char *tuff_device_kind_name(enum tuff_device_kind kind)
{
    static const char *const names[] = {[TUFF_DEVICE_OTHER] = "other",
                                        [TUFF_DEVICE_DISCRETE] = "discrete",
                                        [TUFF_DEVICE_INTEGRATED] = "integrated",
                                        [TUFF_DEVICE_VIRTUAL] = "virtual",
                                        [TUFF_DEVICE_SOFTWARE] = "software"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "other";
}

/* ---- as text ---------------------------------------------------------------------------------------------------------------------
 *
 * A line a field, "subgroup_size 64", in the order of these tables; lines that begin with '#' say nothing. */

enum kind { TEXT = TUFF_FIELD_U64 + 1, NUMBERS, KIND, CLASS };

/* What is in the text besides, and no field of a listing. */
static const struct tuff_caps_field more[] = {
    FIELD(name, NULL, TEXT),
    FIELD(kind, NULL, KIND),
    FIELD(driver_name, NULL, TEXT),
    FIELD(driver_info, NULL, TEXT),
    FIELD(driver_id, NULL, TUFF_FIELD_U32),
    FIELD(driver_version, NULL, TUFF_FIELD_U32),
    FIELD(vendor_id, NULL, TUFF_FIELD_U32),
    FIELD(device_id, NULL, TUFF_FIELD_U32),
    FIELD(api_version, NULL, TUFF_FIELD_U32),
    FIELD(device_class, NULL, CLASS),
    FIELD(max_workgroup_size, NULL, NUMBERS),
    FIELD(max_workgroup_count, NULL, NUMBERS),
};
enum { FIELDS = TUFF_COUNT(more) + TUFF_COUNT(fields) };
_Static_assert(FIELDS <= 64, "a bit for each");

static const struct tuff_caps_field *field_at(uint32_t i)
{
    return i < TUFF_COUNT(more) ? &more[i] : &fields[i - TUFF_COUNT(more)];
}

tuff_status tuff_caps_print(struct tuff_context *context, const struct tuff_caps *caps, char **text,
                            struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context != NULL && caps != NULL && text != NULL);
    struct tuff_text out = {.context = context};
    for (uint32_t i = 0; i < FIELDS; i++) {
        const struct tuff_caps_field *field = field_at(i);
        const void *at = (const char *)caps + field->offset;
        const uint32_t *three = at;
        char shown[256];
        tuff_text_add(&out, "%s ", field->name);
        switch ((int)field->kind) {
        case TEXT: tuff_text_add(&out, "%s", tuff_printable(at, shown, sizeof shown)); break;
        case NUMBERS: tuff_text_add(&out, "%u %u %u", (unsigned)three[0], (unsigned)three[1], (unsigned)three[2]); break;
        case KIND: tuff_text_add(&out, "%s", tuff_device_kind_name(caps->kind)); break;
        case CLASS: tuff_text_add(&out, "%s", tuff_device_class_name(caps->device_class)); break;
        default: tuff_text_add(&out, "%llu", (unsigned long long)tuff_caps_value(caps, field));
        }
        tuff_text_add(&out, "\n");
    }
    return tuff_text_give(&out, text, error);
}

/* Whole numbers by single spaces, no larger than `most`. */
static bool read_numbers(const char *at, const char *end, uint64_t most, uint64_t *numbers, uint32_t count)
{
    struct tuff_parser p = {.of = "caps", .at = at, .end = end};
    for (uint32_t i = 0; i < count; i++) {
        if (i) tuff_expect(&p, " ");
        numbers[i] = tuff_read_number(&p, 10, most);
    }
    return tuff_reads(&p) && p.at == end;
}

static bool is_text(const char *text, const char *at, size_t length)
{
    return strlen(text) == length && !memcmp(text, at, length);
}

static bool read_field(struct tuff_caps *caps, const struct tuff_caps_field *field, const char *at, const char *end)
{
    void *to = (char *)caps + field->offset;
    const size_t length = (size_t)(end - at);
    uint64_t n[3] = {0};
    switch ((int)field->kind) {
    case TEXT:
        if (length < sizeof caps->name) memcpy(to, at, length); /* the others are as long */
        return length < sizeof caps->name;
    case NUMBERS:
        if (!read_numbers(at, end, UINT32_MAX, n, 3)) return false;
        for (int i = 0; i < 3; i++) ((uint32_t *)to)[i] = (uint32_t)n[i];
        return n[0] && n[1] && n[2];
    case KIND:
        for (int k = TUFF_DEVICE_OTHER; k <= TUFF_DEVICE_SOFTWARE; k++)
            if (is_text(tuff_device_kind_name((enum tuff_device_kind)k), at, length))
                return caps->kind = (enum tuff_device_kind)k, true;
        return false;
    case CLASS:
        for (int k = 0; k < TUFF_DEVICE_CLASS_COUNT; k++)
            if (is_text(tuff_device_class_name((enum tuff_device_class)k), at, length))
                return caps->device_class = (enum tuff_device_class)k, true;
        return false;
    case TUFF_FIELD_FLAG:
        if (!read_numbers(at, end, 1, n, 1)) return false;
        *(bool *)to = n[0] != 0;
        return true;
    case TUFF_FIELD_U32:
        if (!read_numbers(at, end, UINT32_MAX, n, 1)) return false;
        *(uint32_t *)to = (uint32_t)n[0];
        return true;
    }
    return read_numbers(at, end, UINT64_MAX, to, 1);
}

/* What plans divide by, or take for a power of two. */
static bool is_device(const struct tuff_caps *caps)
{
    const uint32_t powers[] = {caps->subgroup_size, caps->subgroup_size_min, caps->subgroup_size_max,
                               caps->storage_alignment};
    for (size_t i = 0; i < TUFF_COUNT(powers); i++)
        if (!powers[i] || powers[i] > 65536 || powers[i] & (powers[i] - 1)) return false;
    return caps->max_workgroup_invocations && caps->max_shared_bytes && caps->max_storage_buffers &&
           caps->max_storage_range && caps->max_allocation_bytes;
}

tuff_status tuff_caps_parse(struct tuff_context *context, const char *text, struct tuff_caps *caps, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context != NULL && text != NULL && caps != NULL);
    struct tuff_caps read = {.struct_size = sizeof read};
    uint64_t seen = 0;
    unsigned line = 1;
    for (const char *at = text, *end; *at; at = end + (*end != 0), line++) {
        end = at + strcspn(at, "\n");
        const char *stop = end > at && end[-1] == '\r' ? end - 1 : end;
        const size_t length = strcspn(at, " \r\n");
        uint32_t i = 0;
        if (stop == at || *at == '#') continue;
        while (i < FIELDS && !is_text(field_at(i)->name, at, length)) i++;
        if (i == FIELDS || seen >> i & 1)
            return tuff_fail(context, error, TUFF_ERR_FORMAT, "caps, line %u: \"%.*s\" %s", line,
                             (int)(length < 60 ? length : 60), at, i == FIELDS ? "is no field" : "is there twice");
        if (at[length] != ' ' || !read_field(&read, field_at(i), at + length + 1, stop))
            return tuff_fail(context, error, TUFF_ERR_FORMAT, "caps, line %u: %s cannot be this", line, field_at(i)->name);
        seen |= UINT64_C(1) << i;
    }
    for (uint32_t i = 0; i < FIELDS; i++)
        if (!(seen >> i & 1)) return tuff_fail(context, error, TUFF_ERR_FORMAT, "caps: %s is missing", field_at(i)->name);
    if (!is_device(&read))
        return tuff_fail(context, error, TUFF_ERR_FORMAT,
                         "caps: no device is like this: a limit is 0, or a subgroup or alignment no power of two");
    TUFF_TRY(tuff_drivers_apply(context, NULL, &read, error));
    *caps = read;
    return TUFF_OK;
}
