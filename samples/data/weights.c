/* weights.c - which file of weights it is; tensors of any of them into the parameters of a model or session, by a table of names.
 *
 * All is matched before anything is written. */
#include "samples/data/weights.h"
#include "backend/core.h"
#include "backend/os.h"
#include "loaders/source.h"
#include "loaders/tensors.h"
#include "samples/data/archive.h"
#include "samples/data/npy.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- any file ------------------------------------------------------------------------------------------------------------------ */

static tuff_status open_tuff(struct tuff_context *context, const char *path, size_t limit, struct tuff_tensors **tensors,
                             struct tuff_error *error)
{
    (void)limit;
    return tuff_checkpoint_read(context, path, "", tensors, error);
}

enum file_kind { SAFETENSORS, NUMPY, TORCH, HDF5, TUFF };
static const struct {
    const char *name;
    tuff_status (*open)(struct tuff_context *context, const char *path, size_t limit, struct tuff_tensors **tensors,
                        struct tuff_error *error);
} kinds[] = {[SAFETENSORS] = {"safetensors", tuff_safetensors_open},
             [NUMPY] = {"numpy", tuff_numpy_open},
             [TORCH] = {"PyTorch", tuff_torch_open},
             [HDF5] = {"HDF5", tuff_hdf5_open},
             [TUFF] = {"tuff", open_tuff}};

/* Who opens the archive then says what is wrong with it: nothing is logged here. */
static enum file_kind kind_of_archive(const char *path, const uint8_t *data, size_t bytes)
{
    struct tuff_error error = {0};
    struct tuff_archive a = {.error = &error, .name = path, .kind = "no archive"};
    struct tuff_member m = {.name = ""};
    enum file_kind kind = NUMPY;
    tuff_status status = tuff_archive_open(&a, data, bytes, 0);
    for (uint64_t i = 0; status == TUFF_OK && i < a.count && kind == NUMPY; i++) {
        status = tuff_archive_member(&a, i, &m);
        const char *slash = status == TUFF_OK ? strrchr(m.name, '/') : NULL, *base = slash ? slash + 1 : m.name;
        if (!strcmp(base, "data.pkl")) kind = TORCH;
        if (!strcmp(base, "model.weights.h5")) kind = HDF5;
    }
    tuff_archive_close(&a);
    return kind;
}

/* The kind, or -1 for what is none of them. */
static int kind_of(const char *path, const uint8_t *data, size_t bytes)
{
    if (tuff_npy_is(data, bytes)) return NUMPY;
    if (tuff_archive_is(data, bytes)) return kind_of_archive(path, data, bytes);
    if (tuff_torch_is_old(data, bytes)) return TORCH;
    if (tuff_hdf5_is(data, bytes)) return HDF5;
    if (bytes > 6 && !memcmp(data, "TUFF\r\n", 6)) return TUFF;
    const bool header = bytes > 8 && data[8] == '{' && !tuff_little(data + 4, 4), index = bytes > 1 && data[0] == '{';
    return header || index ? (int)SAFETENSORS : -1;
}

static tuff_status look(struct tuff_context *context, const char *path, int *kind, struct tuff_error *error)
{
    struct tuff_os_map *map = NULL;
    const void *data = NULL;
    size_t bytes = 0;
    TUFF_TRY(tuff_os_map_file(context, path, &map, &data, &bytes, error));
    *kind = kind_of(path, data, bytes);
    tuff_os_unmap(map);
    return TUFF_OK;
}

tuff_status tuff_tensors_kind(struct tuff_context *context, const char *path, const char **kind, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && kind);
    int found = -1;
    TUFF_TRY(look(context, path, &found, error));
    *kind = found < 0 ? NULL : kinds[found].name;
    return TUFF_OK;
}

tuff_status tuff_tensors_open(struct tuff_context *context, const char *path, size_t limit, struct tuff_tensors **tensors,
                              struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && path && tensors);
    int found = -1;
    TUFF_TRY(look(context, path, &found, error));
    if (found >= 0) return kinds[found].open(context, path, limit, tensors, error);
    return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED,
                     "%s: no file of weights that can be read: safetensors, PyTorch's, Keras', numpy's, or Tuff's own",
                     path);
}

bool tuff_tensors_add(struct tuff_tensors *t, const struct tuff_array *array)
{
    if ((t->array_count & (t->array_count - 1)) == 0) { /* a power of two: full */
        struct tuff_array *more = tuff_arena_alloc(&t->arena, (2 * t->array_count + 1) * sizeof *more);
        if (!more) return false;
        if (t->array_count) memcpy(more, t->arrays, t->array_count * sizeof *more);
        t->arrays = more;
    }
    t->arrays[t->array_count++] = *array;
    return true;
}

/* ---- names --------------------------------------------------------------------------------------------------------------------- */

enum { STARS = 8, NAME_BYTES = 1000, SHOWN = 3 };

struct part {
    const char *at;
    size_t bytes;
};

/* Each '*' of the pattern takes as little as it can, the last one what is left: then it matches if anything does. */
static bool matches(const char *pattern, const char *name, struct part *stars)
{
    size_t count = 0;
    const char *star = strchr(pattern, '*');
    size_t head = star ? (size_t)(star - pattern) : strlen(pattern);
    if (strncmp(pattern, name, head) != 0) return false;
    if (!star) return name[head] == 0;
    name += head;
    for (; star; pattern = star, count++) {
        const char *text = star + 1;
        star = strchr(text, '*');
        const size_t length = star ? (size_t)(star - text) : strlen(text), left = strlen(name);
        const char *found = name;
        if (!star)
            found = left >= length && !memcmp(name + left - length, text, length) ? name + left - length : NULL;
        else
            while (*found && strncmp(found, text, length) != 0) found++;
        if (!found || (star && strncmp(found, text, length) != 0)) return false;
        stars[count] = (struct part){name, (size_t)(found - name)};
        name = found + length;
    }
    return true;
}

/* What the rule makes of a name that it matches. false: it is too long. */
static bool rename_by(const char *to, const struct part *stars, char *name)
{
    size_t length = 0;
    for (; *to; to++) {
        const struct part part = *to == '*' ? *stars++ : (struct part){to, 1};
        if (length + part.bytes >= NAME_BYTES) return false;
        memcpy(name + length, part.at, part.bytes);
        length += part.bytes;
    }
    name[length] = 0;
    return true;
}

static uint32_t stars_of(const char *pattern)
{
    uint32_t count = 0;
    for (; *pattern; pattern++) count += *pattern == '*';
    return count;
}

/* ---- matching ------------------------------------------------------------------------------------------------------------------ */

struct target {
    struct tuff_leaf leaf;
    const struct tuff_name_rule *rule; /* NULL: the name itself */
    size_t tensor;                     /* its number + 1; 0: none */
};
struct job {
    struct tuff_context *context;
    struct tuff_error *error;
    const struct tuff_tensors *tensors;
    const struct tuff_weights_params *params;
    struct target *targets; /* [owned] sorted by name */
    uint32_t target_count;
    struct tuff_weights_report report;
    struct tuff_text unused, unset; /* names for the sentence */
};

static void tell(const struct job *job, enum tuff_weight_fate fate, const char *tensor, const char *parameter)
{
    if (job->params->told) job->params->told(job->params->told_user, fate, tensor, parameter);
}

static int compare_targets(const void *a, const void *b)
{
    return strcmp(((const struct target *)a)->leaf.name, ((const struct target *)b)->leaf.name);
}

static tuff_status list_targets(struct job *job)
{
    const struct tuff_weights_params *p = job->params;
    job->target_count = p->model ? tuff_model_leaf_count(p->model) : tuff_graph_leaf_count(p->graph);
    job->targets = tuff_alloc(job->context, (job->target_count + 1) * sizeof *job->targets);
    if (!job->targets) return tuff_fail_memory(job->context, job->error);
    for (uint32_t i = 0; i < job->target_count; i++)
        job->targets[i].leaf = p->model ? tuff_model_leaf(p->model, i) : tuff_graph_leaf(p->graph, i);
    if (job->target_count) qsort(job->targets, job->target_count, sizeof *job->targets, compare_targets);
    return TUFF_OK;
}

static struct target *find_target(const struct job *job, const char *name)
{
    const struct target key = {.leaf.name = name};
    if (!job->target_count) return NULL;
    return bsearch(&key, job->targets, job->target_count, sizeof *job->targets, compare_targets);
}

/* The array with its axes as the rule says them; false: they are not those of a permutation of its rank. */
static bool turned(const struct tuff_array *a, const char *axes, struct tuff_array *to, uint64_t *strides)
{
    uint64_t stride[TUFF_FILE_RANK], step = 1;
    unsigned seen = 0;
    *to = *a;
    for (uint32_t d = a->rank; d-- > 0; step *= a->dim[d]) stride[d] = step;
    if (axes && strlen(axes) != a->rank) return false;
    for (uint32_t d = 0; d < a->rank; d++) {
        const uint32_t from = axes ? (uint32_t)(axes[d] - '0') : d;
        if (from >= a->rank || seen & 1u << from) return false;
        seen |= 1u << from;
        to->dim[d] = a->dim[from];
        strides[d] = stride[from];
    }
    return true;
}

/* Dimensions of 1 count for nothing. */
static bool same_shape(const struct tuff_array *a, const struct tuff_shape *shape)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < a->rank; i++) {
        if (a->dim[i] == 1) continue;
        while (k < shape->rank && shape->dim[k] == 1) k++;
        if (k == shape->rank || shape->dim[k++] != a->dim[i]) return false;
    }
    while (k < shape->rank && shape->dim[k] == 1) k++;
    return k == shape->rank;
}

static enum tuff_element element_of(enum tuff_dtype dtype)
{
    for (int e = TUFF_ELEMENT_BOOL; e <= TUFF_ELEMENT_U64; e++)
        if (tuff_element_dtype(e) == dtype) return e;
    return 0;
}

static bool is_float(enum tuff_element e)
{
    return e == TUFF_ELEMENT_F16 || e == TUFF_ELEMENT_BF16 || e == TUFF_ELEMENT_F32 || e == TUFF_ELEMENT_F64;
}

static tuff_status check_fit(const struct job *job, const struct tuff_array *a, const struct target *target)
{
    struct tuff_array as, wanted = {.element = element_of(target->leaf.type.dtype), .rank = target->leaf.type.shape.rank};
    uint64_t strides[TUFF_FILE_RANK];
    char is[200], text[200];
    const char *axes = target->rule ? target->rule->axes : NULL;
    for (uint32_t d = 0; d < wanted.rank; d++) wanted.dim[d] = target->leaf.type.shape.dim[d];
    if (!turned(a, axes, &as, strides))
        return tuff_fail(job->context, job->error, TUFF_ERR_FORMAT, "tensor \"%.100s\" is %s: its axes cannot be \"%.20s\"",
                         a->name, tuff_array_text(a, is, sizeof is), axes);
    const bool known = wanted.element && (!is_float(a->element) || is_float(wanted.element));
    if (known && same_shape(&as, &target->leaf.type.shape)) return TUFF_OK;
    return tuff_fail(job->context, job->error, TUFF_ERR_FORMAT, "tensor \"%.100s\" is %s%s, the parameter \"%.100s\" %s",
                     a->name, tuff_array_text(&as, is, sizeof is), axes ? " by its axes" : "", target->leaf.name,
                     tuff_array_text(&wanted, text, sizeof text));
}

static tuff_status match(struct job *job, size_t index)
{
    const struct tuff_array a = tuff_tensors_get(job->tensors, index);
    const struct tuff_name_rule *rule = NULL;
    struct part stars[STARS];
    char name[NAME_BYTES];
    for (size_t i = 0; i < job->params->rule_count && !rule; i++)
        if (matches(job->params->rules[i].from, a.name, stars)) rule = &job->params->rules[i];
    if (rule && !rule->to) {
        job->report.left_out++;
        tell(job, TUFF_WEIGHT_LEFT_OUT, a.name, NULL);
        return TUFF_OK;
    }
    const bool fits = !rule || rename_by(rule->to, stars, name);
    struct target *target = fits ? find_target(job, rule ? name : a.name) : NULL;
    if (!target) {
        if (job->report.unused++ < SHOWN) tuff_text_add(&job->unused, "%s\"%.60s\"", job->unused.length ? ", " : "", a.name);
        tell(job, TUFF_WEIGHT_UNUSED, a.name, NULL);
        return TUFF_OK;
    }
    if (target->tensor)
        return tuff_fail(job->context, job->error, TUFF_ERR_FORMAT,
                         "tensors \"%.100s\" and \"%.100s\" are both to be \"%.100s\"",
                         tuff_tensors_get(job->tensors, target->tensor - 1).name, a.name, target->leaf.name);
    target->rule = rule;
    target->tensor = index + 1;
    return check_fit(job, &a, target);
}

/* A state of a layer that has parameters, as running statistics are: what is before its last '.' is so of a parameter. */
static bool is_of_layer(const struct job *job, const char *name)
{
    const char *dot = strrchr(name, '.');
    const size_t length = dot ? (size_t)(dot - name) + 1 : 0;
    for (uint32_t i = 0; length && i < job->target_count; i++) {
        const struct tuff_leaf *leaf = &job->targets[i].leaf;
        if (leaf->trained && !strncmp(leaf->name, name, length) && !strchr(leaf->name + length, '.')) return true;
    }
    return false;
}

static tuff_status check_all(struct job *job)
{
    struct tuff_weights_report *r = &job->report;
    for (uint32_t i = 0; i < job->target_count; i++) {
        const struct target *t = &job->targets[i];
        if (t->tensor || (!t->leaf.trained && !is_of_layer(job, t->leaf.name))) continue;
        if (r->unset++ < SHOWN) tuff_text_add(&job->unset, "%s\"%.60s\"", job->unset.length ? ", " : "", t->leaf.name);
        tell(job, TUFF_WEIGHT_UNSET, NULL, t->leaf.name);
    }
    if (job->unused.failed || job->unset.failed) return tuff_fail_memory(job->context, job->error);
    const bool unused = r->unused && !job->params->allow_unused, unset = r->unset && !job->params->allow_unset;
    if (!unused && !unset) return TUFF_OK;
    char first[300] = "", second[300] = "";
    if (unused)
        snprintf(first, sizeof first, "%llu tensors are used by no parameter: %s%s", (unsigned long long)r->unused,
                 job->unused.data, r->unused > SHOWN ? ", .." : "");
    if (unset)
        snprintf(second, sizeof second, "%llu parameters are set by no tensor: %s%s", (unsigned long long)r->unset,
                 job->unset.data, r->unset > SHOWN ? ", .." : "");
    return tuff_fail(job->context, job->error, TUFF_ERR_FORMAT, "the file's names do not fit the network: %s%s%s", first,
                     unused && unset ? "; " : "", second);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------- */

void tuff_array_gather(const struct tuff_array *a, const uint64_t *strides, const uint8_t *from, uint8_t *to)
{
    const size_t size = tuff_element_bytes(a->element);
    uint64_t at[TUFF_FILE_RANK] = {0}, offset = 0;
    for (uint64_t i = 0; i < a->bytes; i += size) {
        memcpy(to + i, from + offset * size, size);
        for (uint32_t d = a->rank; d-- > 0;) {
            offset += strides[d];
            if (++at[d] < a->dim[d]) break;
            offset -= strides[d] * a->dim[d];
            at[d] = 0;
        }
    }
}

static tuff_status write_target(const struct job *job, const struct target *target)
{
    const struct tuff_array a = tuff_tensors_get(job->tensors, target->tensor - 1);
    const struct tuff_type type = target->leaf.type;
    const size_t size = tuff_element_bytes(a.element);
    const uint64_t count = a.bytes / size, bytes = tuff_dtype_size(type.dtype, count);
    const char *axes = target->rule ? target->rule->axes : NULL;
    struct tuff_array as;
    uint64_t strides[TUFF_FILE_RANK];
    if (!count) return TUFF_OK;
    turned(&a, axes, &as, strides);
    uint8_t *copy = tuff_alloc(job->context, axes ? (size_t)a.bytes : 1), *elements = NULL;
    if (bytes <= SIZE_MAX) elements = tuff_alloc(job->context, (size_t)bytes);
    tuff_status status = copy && elements ? TUFF_OK : tuff_fail_memory(job->context, job->error);
    if (status == TUFF_OK && axes) {
        tuff_array_gather(&as, strides, a.data, copy);
        as.data = copy;
    }
    if (status == TUFF_OK)
        status = tuff_array_convert(job->context, &as, count, type.dtype, elements, target->leaf.name, job->error);
    if (status == TUFF_OK && job->params->model)
        status = tuff_model_write(job->params->model, target->leaf.name, elements, (size_t)bytes, job->error);
    else if (status == TUFF_OK)
        status = tuff_session_write(job->params->session, tuff_graph_find(job->params->graph, target->leaf.name), elements,
                                    (size_t)bytes, job->error);
    tuff_free(job->context, copy);
    tuff_free(job->context, elements);
    return status;
}

static tuff_status run(struct job *job)
{
    TUFF_TRY(list_targets(job));
    for (size_t i = 0; i < tuff_tensors_count(job->tensors); i++) TUFF_TRY(match(job, i));
    TUFF_TRY(check_all(job));
    for (uint32_t i = 0; i < job->target_count; i++) {
        const struct target *target = &job->targets[i];
        if (!target->tensor) continue;
        TUFF_TRY(write_target(job, target));
        job->report.written++;
        tell(job, TUFF_WEIGHT_WRITTEN, tuff_tensors_get(job->tensors, target->tensor - 1).name, target->leaf.name);
    }
    return TUFF_OK;
}

tuff_status tuff_weights_load(struct tuff_context *context, const struct tuff_tensors *tensors,
                              const struct tuff_weights_params *params, struct tuff_weights_report *report,
                              struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && tensors && params && params->struct_size == sizeof *params);
    TUFF_REQUIRE_THAT(context, error, params->model ? !params->session : params->session && params->graph,
                      "either a model is given, or a session with its graph");
    TUFF_REQUIRE_THAT(context, error, params->rules || params->rule_count == 0, "rules is NULL, though rule_count is not 0");
    for (size_t i = 0; i < params->rule_count; i++) {
        const struct tuff_name_rule *rule = &params->rules[i];
        TUFF_REQUIRE_THAT(context, error, rule->from && stars_of(rule->from) <= STARS,
                          "a rule has no pattern, or one of more than 8 '*'");
        TUFF_REQUIRE_THAT(context, error, !rule->to || stars_of(rule->to) <= stars_of(rule->from),
                          "a rule's name has more '*' than its pattern");
    }
    struct job job = {.context = context, .error = error, .tensors = tensors, .params = params};
    tuff_text_init(&job.unused, context);
    tuff_text_init(&job.unset, context);
    tuff_status status = run(&job);
    if (report) *report = job.report;
    tuff_text_finish(&job.unused);
    tuff_text_finish(&job.unset);
    tuff_free(context, job.targets);
    return status;
}
