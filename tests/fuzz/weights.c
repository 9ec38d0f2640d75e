/* weights.c - any bytes as tensors, the parameters of a network and a table of patterns, a line each: which tensor goes where, told again by a slower
 * matcher. The network is a list here (-Wl,--wrap: cmake/fuzz.cmake).
 *   tNAME;TYPE;SIZES    a tensor of a file: TYPE a letter, '@' BOOL, 'A' U8, ..; a small one: of large numbers; SIZES a digit for each dimension
 *   pNAME;TYPE;SIZES    a parameter: TYPE a letter, '@' f32, ..; a small one: a state, which is not trained
 *   rFROM;TO;AXES       a rule; without ";TO" it leaves out
 *   u, s                unused tensors, unset parameters are allowed */
#include "loaders/tensors.h"
#include "samples/data/data.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

enum { MOST = 24, ELEMENTS = 9 * 9 * 9 * 9 };

struct given {
    struct tuff_array arrays[MOST];
    struct tuff_leaf leaves[MOST];
    struct tuff_name_rule rules[MOST];
    uint32_t array_count, leaf_count, rule_count;
    bool allow_unused, allow_unset;
    uint64_t told[4], writes;
};
static struct given *current;

uint32_t __wrap_tuff_model_leaf_count(const struct tuff_model *model);
struct tuff_leaf __wrap_tuff_model_leaf(const struct tuff_model *model, uint32_t index);
tuff_status __wrap_tuff_model_write(struct tuff_model *model, const char *name, const void *data, size_t bytes,
                                    struct tuff_error *error);

uint32_t __wrap_tuff_model_leaf_count(const struct tuff_model *model)
{
    (void)model;
    return current->leaf_count;
}

struct tuff_leaf __wrap_tuff_model_leaf(const struct tuff_model *model, uint32_t index)
{
    (void)model;
    return current->leaves[index];
}

tuff_status __wrap_tuff_model_write(struct tuff_model *model, const char *name, const void *data, size_t bytes,
                                    struct tuff_error *error)
{
    uint32_t i = 0;
    (void)model, (void)error;
    while (i < current->leaf_count && strcmp(current->leaves[i].name, name) != 0) i++;
    FUZZ_REQUIRE(i < current->leaf_count);
    const struct tuff_type *type = &current->leaves[i].type;
    FUZZ_REQUIRE(bytes == tuff_dtype_size(type->dtype, tuff_shape_count(&type->shape)));
    fuzz_touch(data, bytes);
    current->writes++;
    return TUFF_OK;
}

/* By the definition of patterns: each '*' stands for as little as will do. It gives up after so many steps. */
static bool matches(const char *pattern, const char *name, struct tuff_span *stars, unsigned *steps)
{
    for (; *pattern && *pattern != '*'; pattern++, name++)
        if (*pattern != *name) return false;
    if (!*pattern) return !*name;
    for (size_t n = 0; *steps; n++) {
        --*steps;
        *stars = (struct tuff_span){name, n};
        if (matches(pattern + 1, name + n, stars + 1, steps)) return true;
        if (!name[n]) return false;
    }
    return false;
}

/* The name that a tensor's becomes, in `name`; NULL: it is left out, or (*steps is 0) who knows. */
static const char *renamed(const char *tensor, char *name, size_t room, unsigned *steps)
{
    struct tuff_span stars[9], *star = stars;
    uint32_t i = 0;
    size_t length = 0;
    while (i < current->rule_count && !matches(current->rules[i].from, tensor, stars, steps)) i++;
    if (!*steps) return NULL;
    if (i == current->rule_count) return tensor;
    for (const char *to = current->rules[i].to; to && *to; to++) {
        const struct tuff_span part = *to == '*' ? *star++ : (struct tuff_span){to, 1};
        if (length + part.bytes >= room) return "";
        memcpy(name + length, part.data, part.bytes);
        length += part.bytes;
    }
    name[length] = 0;
    return current->rules[i].to ? name : NULL;
}

static void told(void *user, enum tuff_weight_fate fate, const char *tensor, const char *parameter)
{
    char text[1000]; /* a longer name is nobody's */
    unsigned steps = 20000;
    struct given *g = user;
    g->told[fate]++;
    FUZZ_REQUIRE(!tensor == (fate == TUFF_WEIGHT_UNSET));
    const char *name = tensor ? renamed(tensor, text, sizeof text, &steps) : parameter;
    if (!steps) return;
    FUZZ_REQUIRE(!name == (fate == TUFF_WEIGHT_LEFT_OUT));
    uint32_t i = 0;
    while (name && i < g->leaf_count && strcmp(g->leaves[i].name, name) != 0) i++;
    FUZZ_REQUIRE(!name || (i < g->leaf_count) == (fate != TUFF_WEIGHT_UNUSED));
    FUZZ_REQUIRE(fate != TUFF_WEIGHT_WRITTEN || !strcmp(name, parameter));
}

/* ---- lines ---------------------------------------------------------------------------------------------------------------------------------- */

static char *next_field(char **line)
{
    char *field = *line, *end = field ? strchr(field, ';') : NULL;
    if (end) *end++ = 0;
    *line = end;
    return field;
}

static uint32_t read_sizes(const char *text, uint32_t most, uint64_t *dim)
{
    uint32_t rank = 0;
    uint64_t count = 1;
    for (; text && *text >= '0' && *text <= '9' && rank < most && count * (uint64_t)(*text - '0') <= ELEMENTS; text++)
        count *= dim[rank++] = (uint64_t)(*text - '0');
    return rank;
}

static void read_tensor(struct given *g, const char *name, const char *type, const char *sizes)
{
    static uint8_t small[8 * ELEMENTS], large[8 * ELEMENTS];
    const bool wild = type && *type >= 'a'; /* numbers of any size */
    struct tuff_array a = {.name = name, .element = 1 + (type ? (unsigned)(*type & 31) : 9) % 13};
    memset(large, 0xef, sizeof large);
    memset(small, 1, sizeof small);
    a.rank = read_sizes(sizes, TUFF_FILE_RANK, a.dim);
    FUZZ_REQUIRE(tuff_array_bytes(a.element, a.rank, a.dim, &a.bytes));
    a.data = (wild && a.element != TUFF_ELEMENT_BOOL ? large : small) + sizeof small - a.bytes; /* its end is theirs */
    for (uint32_t i = 0; i < g->array_count; i++)
        if (!strcmp(g->arrays[i].name, name)) return; /* no file has it twice */
    if (g->array_count < MOST) g->arrays[g->array_count++] = a;
}

static void read_parameter(struct given *g, const char *name, const char *type, const char *sizes)
{
    uint64_t dim[TUFF_MAX_RANK];
    struct tuff_leaf leaf = {.name = name, .trained = !type || *type < 'a'};
    leaf.type.dtype = 1 + (type ? (unsigned)(*type & 31) : 0) % TUFF_F64;
    if (leaf.type.dtype == TUFF_Q8_0) leaf.type.dtype = TUFF_F32; /* of blocks of 32 */
    leaf.type.shape.rank = read_sizes(sizes, TUFF_MAX_RANK, dim);
    for (uint32_t d = 0; d < leaf.type.shape.rank; d++) leaf.type.shape.dim[d] = (uint32_t)dim[d];
    for (uint32_t i = 0; i < g->leaf_count; i++)
        if (!strcmp(g->leaves[i].name, name)) return;
    if (g->leaf_count < MOST) g->leaves[g->leaf_count++] = leaf;
}

static void read_line(struct given *g, char *line)
{
    const char kind = *line;
    char *rest = kind ? line + 1 : line;
    const char *first = next_field(&rest), *second = next_field(&rest), *third = next_field(&rest);
    if (kind == 't') read_tensor(g, first, second, third);
    if (kind == 'p') read_parameter(g, first, second, third);
    if (kind == 'r' && g->rule_count < MOST) g->rules[g->rule_count++] = (struct tuff_name_rule){first, second, third};
    if (kind == 'u') g->allow_unused = true;
    if (kind == 's') g->allow_unset = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct given given = {.array_count = 0};
    char *text = malloc(size + 1);
    if (!text) abort();
    if (size) memcpy(text, data, size);
    text[size] = 0;
    current = &given;
    for (char *line = text, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end) *end++ = 0;
        read_line(&given, line);
    }
    const struct tuff_tensors tensors = {.context = context, .arrays = given.arrays, .array_count = given.array_count};
    const struct tuff_weights_params params = {.struct_size = sizeof params,
                                               .model = (struct tuff_model *)context, /* not looked into */
                                               .rules = given.rules,
                                               .rule_count = given.rule_count,
                                               .allow_unused = given.allow_unused,
                                               .allow_unset = given.allow_unset,
                                               .told = told,
                                               .told_user = &given};
    struct tuff_weights_report report = {0};
    struct tuff_error error = {0};
    const bool good = fuzz_read(context, tuff_weights_load(context, &tensors, &params, &report, &error), &error);
    FUZZ_REQUIRE(report.left_out == given.told[TUFF_WEIGHT_LEFT_OUT] && report.unused == given.told[TUFF_WEIGHT_UNUSED] &&
                 report.unset == given.told[TUFF_WEIGHT_UNSET] && report.written == given.told[TUFF_WEIGHT_WRITTEN]);
    FUZZ_REQUIRE(!good || report.written + report.left_out + report.unused == given.array_count);
    const bool refused = (report.unused && !params.allow_unused) || (report.unset && !params.allow_unset);
    FUZZ_REQUIRE(!refused || (!good && !given.writes));
    free(text);
    fuzz_end(context);
    return 0;
}
