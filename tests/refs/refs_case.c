/* refs_case.c - a reference case in memory: reads its file, its attributes, and compares. Files are untrusted. */
#include "tests/refs/refs.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void *refs_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes ? bytes : 1);
    if (memory) return memory;
    fprintf(stderr, "tuff-refs: out of host memory\n");
    exit(2);
}

static void judge(struct refs_case *c, enum refs_state state, const char *format, va_list arguments)
{
    if (c->state == REFS_FAILED || c->state == REFS_NOT_COVERED) return;
    c->state = state;
    vsnprintf(c->reason, sizeof c->reason, format, arguments);
}

void refs_fail(struct refs_case *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    judge(c, REFS_FAILED, format, arguments);
    va_end(arguments);
}

void refs_skip(struct refs_case *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    judge(c, REFS_NOT_COVERED, format, arguments);
    va_end(arguments);
}

void refs_case_read(struct refs_case *c, struct tuff_context *context, const char *folder)
{
    struct tuff_error error = {0};
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, c->file) >= (int)sizeof path) {
        refs_fail(c, "its path is too long");
        return;
    }
    if (tuff_safetensors_open(context, path, 0, &c->tensors, &error) != TUFF_OK) refs_fail(c, "%s", error.message);
}

void refs_check_finish(struct refs_check *check)
{
    free(check->want);
    free(check->ref);
    free(check->bound);
    free(check->definition);
}

void refs_case_finish(struct refs_case *c)
{
    for (uint32_t i = 0; i < c->check_count; i++) refs_check_finish(&c->checks[i]);
    c->check_count = 0;
    tuff_tensors_destroy(c->tensors);
    c->tensors = NULL;
}

/* ---- tensors ---------------------------------------------------------------------------------------------------------- */

static bool graph_dtype(enum tuff_element element, enum tuff_dtype *dtype)
{
    switch (element) {
    case TUFF_ELEMENT_F32:
    case TUFF_ELEMENT_F64: *dtype = TUFF_F32; return true;
    case TUFF_ELEMENT_I32: *dtype = TUFF_I32; return true;
    case TUFF_ELEMENT_BOOL: *dtype = TUFF_BOOL; return true;
    default: return false;
    }
}

bool refs_tensor(struct refs_case *c, const char *name, struct tuff_array *array, struct tuff_type *type)
{
    *type = (struct tuff_type){TUFF_F32, {0}};
    if (!c->tensors || !tuff_tensors_find(c->tensors, name, array)) return false;
    if (array->rank > TUFF_MAX_RANK || !graph_dtype(array->element, &type->dtype)) {
        refs_fail(c, "%s: a graph takes no %s of rank %u", name, tuff_element_name(array->element), (unsigned)array->rank);
        return false;
    }
    type->shape.rank = array->rank;
    for (uint32_t i = 0; i < array->rank; i++) {
        if (array->dim[i] == 0 || array->dim[i] > INT32_MAX) {
            refs_fail(c, "%s: axis %u has %llu elements", name, (unsigned)i, (unsigned long long)array->dim[i]);
            return false;
        }
        type->shape.dim[i] = (uint32_t)array->dim[i];
    }
    return true;
}

double *refs_values(const struct tuff_array *array, uint64_t *count)
{
    size_t step = tuff_element_bytes(array->element);
    *count = array->bytes / step;
    double *values = refs_alloc((size_t)*count * sizeof *values);
    const uint8_t *at = array->data;
    for (uint64_t i = 0; i < *count; i++, at += step) {
        float f;
        int32_t n;
        if (array->element == TUFF_ELEMENT_F32)
            memcpy(&f, at, sizeof f), values[i] = (double)f;
        else if (array->element == TUFF_ELEMENT_F64)
            memcpy(&values[i], at, sizeof values[i]);
        else if (array->element == TUFF_ELEMENT_I32)
            memcpy(&n, at, sizeof n), values[i] = n;
        else
            values[i] = *at;
    }
    return values;
}

/* ---- attributes --------------------------------------------------------------------------------------------------------- */

static const char *attribute(struct refs_case *c, const char *key)
{
    char name[80];
    snprintf(name, sizeof name, "attr.%s", key);
    return c->tensors ? tuff_tensors_text(c->tensors, name) : NULL;
}

const char *refs_text(struct refs_case *c, const char *key)
{
    const char *text = attribute(c, key);
    if (text) return text;
    refs_fail(c, "has no attribute %s", key);
    return "";
}

cJSON *refs_json(struct refs_case *c, const char *key)
{
    const char *text = attribute(c, key);
    if (!text && c->tensors) text = tuff_tensors_text(c->tensors, key);
    return text ? cJSON_Parse(text) : NULL;
}

double refs_number(struct refs_case *c, const char *key, double or)
{
    const char *text = attribute(c, key);
    if (!text || !strcmp(text, "null")) return or ;
    char *end;
    double v = strtod(text, &end);
    if (end != text && *end == 0 && isfinite(v)) return v;
    refs_fail(c, "attribute %s is '%.40s', not a number", key, text);
    return or ;
}

bool refs_flag(struct refs_case *c, const char *key)
{
    const char *text = refs_text(c, key);
    bool yes = !strcmp(text, "true");
    if (!yes && strcmp(text, "false") != 0) refs_fail(c, "attribute %s is '%.40s', neither true nor false", key, text);
    return yes;
}

uint32_t refs_integers(struct refs_case *c, const char *key, int64_t *out, uint32_t most)
{
    cJSON *list = refs_json(c, key);
    int count = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : -1;
    bool good = count >= 0 && (uint32_t)count <= most;
    for (int i = 0; good && i < count; i++) {
        const cJSON *item = cJSON_GetArrayItem(list, i);
        good = cJSON_IsNumber(item) && fabs(item->valuedouble) < 1e9 && item->valuedouble == floor(item->valuedouble);
        if (good) out[i] = (int64_t)item->valuedouble;
    }
    cJSON_Delete(list);
    if (good) return (uint32_t)count;
    refs_fail(c, "attribute %s is no list of at most %u whole numbers", key, (unsigned)most);
    return 0;
}

/* ---- checks ------------------------------------------------------------------------------------------------------------- */

struct refs_check *refs_check_add(struct refs_case *c, const char *name, struct tuff_type type, double *want, uint64_t count)
{
    if (c->check_count == REFS_CHECKS || c->state == REFS_FAILED) {
        free(want);
        refs_fail(c, "has more than %d tensors to compare", REFS_CHECKS);
        return NULL;
    }
    struct refs_check *check = &c->checks[c->check_count++];
    *check = (struct refs_check){.type = type, .count = count, .want = want};
    snprintf(check->name, sizeof check->name, "%s", name);
    check->ref = refs_alloc((size_t)count * sizeof *check->ref);
    check->bound = refs_alloc((size_t)count * sizeof *check->bound);
    check->definition = refs_alloc((size_t)count * sizeof *check->definition);
    return check;
}

/* An error within its bound gives at most 1; what is no number gives infinity. */
static double ratio_of(double got, double want, double bound)
{
    double error = fabs(got - want);
    if (error == 0) return 0;
    return error <= DBL_MAX && bound > 0 ? error / bound : INFINITY;
}

void refs_check_device(struct refs_case *c, const struct refs_check *check, const void *got)
{
    uint64_t worst_at = 0;
    double worst = -1, value = 0;
    for (uint64_t i = 0; i < check->count; i++) {
        double v = check->type.dtype == TUFF_F32   ? (double)((const float *)got)[i]
                   : check->type.dtype == TUFF_I32 ? (double)((const int32_t *)got)[i]
                                                   : (double)((const uint8_t *)got)[i];
        double ratio = ratio_of(v, check->want[i], check->bound[i]);
        if (ratio > worst) worst = ratio, worst_at = i, value = v;
    }
    if (worst > c->worst) {
        c->worst = worst;
        snprintf(c->worst_at, sizeof c->worst_at, "%s[%llu]", check->name, (unsigned long long)worst_at);
    }
    if (worst > 1)
        refs_fail(c, "%s[%llu]: expected %.9g, got %.9g, allowed difference %.3g", check->name, (unsigned long long)worst_at,
                  check->want[worst_at], value, check->bound[worst_at]);
}

void refs_check_definition(struct refs_case *c, const struct refs_check *check)
{
    for (uint64_t i = 0; i < check->count; i++) {
        if (!(fabs(check->ref[i] - check->want[i]) <= check->definition[i])) {
            refs_fail(c,
                      "%s[%llu]: expected %.9g, the double reference of the graph gives %.9g, allowed difference %.3g: "
                      "another formula",
                      check->name, (unsigned long long)i, check->want[i], check->ref[i], check->definition[i]);
            return;
        }
    }
}
