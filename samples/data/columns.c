/* columns.c - arrays of files as the fields of a model's samples: views where type and place fit, else copies. */
#include "backend/core.h"
#include "samples/data/data.h"

#include <stdio.h>

struct job {
    struct tuff_context *context;
    struct tuff_error *error;
    const struct tuff_field *field;
    const struct tuff_array *array;
};

static tuff_status bad(const struct job *job, const char *why)
{
    char a[200];
    return tuff_fail(job->context, job->error, TUFF_ERR_FORMAT, "%s: the array \"%.60s\", %s, %s", job->field->name,
                     job->array->name ? job->array->name : "", tuff_array_text(job->array, a, sizeof a), why);
}

/* The dimensions behind the first are those of a sample, where those of 1 are left out on both sides. */
static bool fits(const struct tuff_shape *sample, const struct tuff_array *array)
{
    uint32_t k = 0;
    for (uint32_t i = 1; i < array->rank; i++) {
        if (array->dim[i] == 1) continue;
        while (k < sample->rank && sample->dim[k] == 1) k++;
        if (k == sample->rank || sample->dim[k++] != array->dim[i]) return false;
    }
    while (k < sample->rank && sample->dim[k] == 1) k++;
    return k == sample->rank;
}

static tuff_status take(const struct job *job, struct tuff_columns *c, uint32_t i)
{
    const struct tuff_array *a = job->array;
    const struct tuff_type *sample = &job->field->type;
    char shape[200], why[320];
    if (!a->element && job->field->answer) return TUFF_OK;
    if (!a->element || a->rank == 0) return bad(job, "has no samples: its first dimension counts them");
    if (!fits(&sample->shape, a)) {
        struct tuff_array wanted = {.rank = sample->shape.rank, .element = a->element};
        for (uint32_t d = 0; d < wanted.rank; d++) wanted.dim[d] = sample->shape.dim[d];
        snprintf(why, sizeof why, "does not hold samples %s", tuff_array_text(&wanted, shape, sizeof shape));
        return bad(job, why);
    }
    if (!a->dim[0]) return bad(job, "holds no samples");
    if (c->data.count && c->data.count != a->dim[0]) {
        snprintf(why, sizeof why, "holds another number of samples than the %llu of the fields before",
                 (unsigned long long)c->data.count);
        return bad(job, why);
    }
    c->data.count = a->dim[0];
    c->data.fields[i] = a->data;
    if (tuff_element_dtype(a->element) == sample->dtype && (uintptr_t)a->data % tuff_element_bytes(a->element) == 0)
        return TUFF_OK;
    const uint64_t count = a->bytes / tuff_element_bytes(a->element);
    const size_t bytes = tuff_dtype_size(sample->dtype, 1);
    if (count > SIZE_MAX / bytes || !(c->own[i] = tuff_alloc(job->context, (size_t)count * bytes)))
        return tuff_fail_memory(job->context, job->error);
    c->data.fields[i] = c->own[i];
    return tuff_array_convert(job->context, a, count, sample->dtype, c->own[i], job->field->name, job->error);
}

tuff_status tuff_columns_take(struct tuff_context *context, const struct tuff_field *fields, const struct tuff_array *arrays,
                              struct tuff_columns *columns, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && fields && arrays && columns);
    struct tuff_columns c = {.data = {.count = 0}};
    tuff_status status = TUFF_OK;
    for (uint32_t i = 0; i < TUFF_MODEL_FIELDS && fields[i].name && status == TUFF_OK; i++)
        status = take(&(struct job){context, error, &fields[i], &arrays[i]}, &c, i);
    if (status == TUFF_OK)
        *columns = c;
    else
        tuff_columns_finish(context, &c);
    return status;
}

void tuff_columns_finish(struct tuff_context *context, struct tuff_columns *columns)
{
    for (uint32_t i = 0; i < TUFF_MODEL_FIELDS; i++) tuff_free(context, columns->own[i]);
    *columns = (struct tuff_columns){.data = {.count = 0}};
}
