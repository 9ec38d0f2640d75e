/* net.c - graphs that run, on the device by a session, on the processor by tuff_evaluate. */
#include "native.h"

#include <stdlib.h>

void net_finish(struct net *net)
{
    tuff_executable_destroy(net->executable);
    tuff_session_destroy(net->session);
    tuff_graph_destroy(net->graph);
    *net = (struct net){0};
}

static uint64_t elements_of(const struct net *net, tuff_val value)
{
    const struct tuff_type type = tuff_type_on_host(net->graph, value);
    return tuff_shape_count(&type.shape);
}

size_t net_bytes(const struct net *net, tuff_val value)
{
    return (size_t)tuff_dtype_size(tuff_type_on_host(net->graph, value).dtype, elements_of(net, value));
}

/* ---- on the device ---------------------------------------------------------------------------------------------------------------------- */

static tuff_status write_leaves(const struct net *net, struct tuff_error *error)
{
    for (uint32_t i = 0; net->tensors && i < tuff_graph_leaf_count(net->graph); i++) {
        const char *name = tuff_graph_leaf(net->graph, i).name;
        struct tuff_array array;
        if (!tuff_tensors_find(net->tensors, name, &array) || !array.bytes) continue;
        const tuff_status status = tuff_session_write(net->session, tuff_graph_find(net->graph, name), array.data,
                                                      (size_t)array.bytes, error);
        if (status != TUFF_OK) return status;
    }
    return TUFF_OK;
}

tuff_status net_compile(struct net *net, struct tuff_device *device, const struct tuff_progress *progress,
                        struct tuff_error *error)
{
    struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = net->outputs, .output_count = net->output_count};
    if (net->executable) return TUFF_OK;
    if (progress) params.progress = *progress;
    tuff_status status = TUFF_OK;
    if (!net->session) {
        status = tuff_session_create(device, net->graph, NULL, &net->session, error);
        if (status == TUFF_OK) status = write_leaves(net, error);
        if (status != TUFF_OK) {
            tuff_session_destroy(net->session);
            net->session = NULL;
            return status;
        }
    }
    return tuff_session_compile(net->session, &params, &net->executable, error);
}

tuff_status net_run(struct net *net, struct tuff_device *device, const void *const *inputs, void *const *outputs,
                    struct tuff_error *error)
{
    tuff_status status = net_compile(net, device, NULL, error);
    for (uint32_t i = 0; status == TUFF_OK && i < net->input_count; i++)
        status = tuff_executable_write(net->executable, net->inputs[i], inputs[i], net_bytes(net, net->inputs[i]), error);
    if (status == TUFF_OK) status = tuff_executable_run(net->executable, error);
    for (uint32_t i = 0; status == TUFF_OK && i < net->output_count; i++)
        if (outputs[i])
            status = tuff_executable_read(net->executable, i, outputs[i], net_bytes(net, net->outputs[i]), error);
    return status;
}

/* ---- on the processor ------------------------------------------------------------------------------------------------------------------- */

/* Elements as tuff_executable_read gives them. Whole numbers are exact in `from`. */
static tuff_status convert(struct tuff_context *context, const double *from, uint64_t count, enum tuff_dtype dtype, void *to,
                           struct tuff_error *error)
{
    const struct tuff_array array = {.name = "output",
                                     .element = TUFF_ELEMENT_F64,
                                     .rank = 1,
                                     .dim = {count},
                                     .data = from,
                                     .bytes = count * sizeof *from};
    for (uint64_t i = 0; i < count; i++) switch (dtype) {
        case TUFF_F32: ((float *)to)[i] = (float)from[i]; break;
        case TUFF_I32: ((int32_t *)to)[i] = (int32_t)from[i]; break;
        case TUFF_I64: ((int64_t *)to)[i] = (int64_t)from[i]; break;
        case TUFF_F64: ((double *)to)[i] = from[i]; break;
        case TUFF_I8: ((int8_t *)to)[i] = (int8_t)from[i]; break;
        case TUFF_U8:
        case TUFF_BOOL: ((uint8_t *)to)[i] = (uint8_t)from[i]; break;
        case TUFF_F16:
        case TUFF_BF16:
        case TUFF_Q8_0: return tuff_array_convert(context, &array, count, dtype, to, "output", error);
        }
    return TUFF_OK;
}

/* What inputs, parameters and states hold; *count of them. */
static struct tuff_leaf_content *contents_of(const struct net *net, const void *const *inputs, uint32_t *count)
{
    const uint32_t leaves = tuff_graph_leaf_count(net->graph);
    struct tuff_leaf_content *contents = calloc((size_t)leaves + net->input_count, sizeof *contents);
    if (!contents) return NULL;
    *count = 0;
    for (uint32_t i = 0; i < net->input_count; i++)
        contents[(*count)++] = (struct tuff_leaf_content){net->inputs[i], inputs[i]};
    for (uint32_t i = 0; net->tensors && i < leaves; i++) {
        const char *name = tuff_graph_leaf(net->graph, i).name;
        struct tuff_array array;
        if (tuff_tensors_find(net->tensors, name, &array))
            contents[(*count)++] = (struct tuff_leaf_content){tuff_graph_find(net->graph, name), array.data};
    }
    return contents;
}

tuff_status net_evaluate(const struct net *net, struct tuff_context *context, const void *const *inputs,
                         void *const *outputs, const struct tuff_progress *progress, struct tuff_error *error)
{
    double *results[TUFF_MODEL_OUTPUTS] = {0};
    struct tuff_evaluate_params params = {
        .struct_size = sizeof params, .outputs = net->outputs, .output_count = net->output_count};
    struct tuff_leaf_content *contents = contents_of(net, inputs, &params.leaf_count);
    bool good = contents != NULL;
    params.leaves = contents;
    if (progress) params.progress = *progress;
    for (uint32_t i = 0; i < net->output_count; i++) {
        if (!outputs[i]) continue;
        results[i] = calloc((size_t)elements_of(net, net->outputs[i]) + 1, sizeof *results[i]);
        good = good && results[i];
    }
    tuff_status status = good ? tuff_evaluate(net->graph, &params, results, error) : TUFF_ERR_MEMORY;
    for (uint32_t i = 0; status == TUFF_OK && i < net->output_count; i++)
        if (outputs[i])
            status = convert(context, results[i], elements_of(net, net->outputs[i]),
                             tuff_type_on_host(net->graph, net->outputs[i]).dtype, outputs[i], error);
    for (uint32_t i = 0; i < net->output_count; i++) free(results[i]);
    free(contents);
    return status;
}
