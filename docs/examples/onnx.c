/* Opens an ONNX model and runs it: onnx MODEL [SIZE]. Inputs hold 0.5; open dimensions are SIZE (1). */
#include <stdio.h>
#include <stdlib.h>
#include <tuff/tuff.h>
#define TRY(call) if (call) return fprintf(stderr, "%s: %s\n", tuff_status_name(error.status), error.message), 1

enum { MOST = 16 };

/* An input as the model declares it, as floats: run converts them to what it takes. */
static struct tuff_array half(const struct tuff_onnx_end *end, uint64_t size)
{
    struct tuff_array array = {.name = end->name, .element = TUFF_ELEMENT_F32, .rank = end->rank > 0 ? (uint32_t)end->rank : 0};
    uint64_t count = 1;
    for (uint32_t i = 0; i < array.rank; i++) count *= array.dim[i] = end->dim[i] < 0 ? size : (uint64_t)end->dim[i];
    float *data = malloc((count + 1) * sizeof *data);
    for (uint64_t i = 0; data && i < count; i++) data[i] = 0.5f;
    array.data = data;
    array.bytes = count * sizeof *data;
    return array;
}

static void print(const struct tuff_array *array)
{
    printf("%s: %s [", array->name, tuff_element_name(array->element));
    for (uint32_t i = 0; i < array->rank; i++) printf("%s%llu", i ? ", " : "", (unsigned long long)array->dim[i]);
    printf("]");
    for (uint64_t i = 0; array->element == TUFF_ELEMENT_F32 && i < 4 && i < array->bytes / sizeof(float); i++)
        printf(" %g", (double)((const float *)array->data)[i]);
    printf("\n");
}

int main(int argc, char **argv)
{
    struct tuff_context *context = NULL;
    struct tuff_device *device = NULL;
    struct tuff_onnx *onnx = NULL;
    struct tuff_onnx_runner *runner = NULL;
    struct tuff_onnx_end ends[MOST];
    struct tuff_array inputs[MOST], outputs[MOST];
    struct tuff_error error = {0};
    if (argc < 2) return fprintf(stderr, "usage: onnx MODEL [SIZE]\n"), 2;
    TRY(tuff_context_create(NULL, &context, &error));
    TRY(tuff_device_create(context, NULL, &device, &error));
    TRY(tuff_onnx_open(context, argv[1], NULL, &onnx, &error));
    const uint32_t count = tuff_onnx_input_count(onnx);
    if (count > MOST || tuff_onnx_output_count(onnx) > MOST) return fprintf(stderr, "too many inputs or outputs\n"), 1;
    for (uint32_t i = 0; i < count; i++) {
        ends[i] = tuff_onnx_input(onnx, i);
        inputs[i] = half(&ends[i], argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
    }
    TRY(tuff_onnx_runner_create(device, onnx, NULL, &runner, &error));
    TRY(tuff_onnx_run(runner, inputs, count, outputs, &error)); /* the first run of these shapes makes their plan */
    for (uint32_t i = 0; i < tuff_onnx_output_count(onnx); i++) print(&outputs[i]);
    for (uint32_t i = 0; i < count; i++) free((void *)inputs[i].data);
    tuff_onnx_runner_destroy(runner);
    tuff_onnx_destroy(onnx);
    tuff_device_release(device);
    tuff_context_destroy(context);
    return 0;
}
