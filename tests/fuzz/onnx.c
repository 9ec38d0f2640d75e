/* onnx.c - any bytes as an ONNX model: its inputs and outputs, and the graph that is built of it without a device. */
#include "tests/fuzz/fuzz.h"
#include "tests/onnx_help.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuff_context *context = fuzz_begin(data, size, NULL);
    struct tuff_onnx *onnx = NULL;
    struct tuff_error error = {0};
    tuff_status status = tuff_onnx_decode(context, (struct tuff_span){size ? data : (const uint8_t *)"", size}, NULL, &onnx,
                                          &error);
    if (status == TUFF_OK) {
        for (uint32_t i = 0; i < tuff_onnx_input_count(onnx); i++)
            FUZZ_REQUIRE(tuff_onnx_input(onnx, i).rank <= TUFF_FILE_RANK);
        for (uint32_t i = 0; i < tuff_onnx_output_count(onnx); i++)
            FUZZ_REQUIRE(tuff_onnx_output(onnx, i).rank <= TUFF_FILE_RANK);
        for (uint32_t i = 0; i < tuff_onnx_weight_count(onnx); i++)
            FUZZ_REQUIRE(tuff_onnx_weight(onnx, i).rank <= TUFF_FILE_RANK);
        for (uint32_t i = 0; i < tuff_onnx_text_count(onnx); i++) {
            const struct tuff_pair text = tuff_onnx_text_get(onnx, i);
            FUZZ_REQUIRE(strlen(text.key) + strlen(text.value) < size && tuff_onnx_text(onnx, text.key));
        }
        for (uint32_t i = 0; i < tuff_onnx_node_count(onnx); i++) {
            const struct tuff_onnx_node_info node = tuff_onnx_node(onnx, i);
            char text[40];
            FUZZ_REQUIRE(node.parent == UINT32_MAX || node.parent < i);
            for (uint32_t k = 0; k < node.attribute_count; k++)
                FUZZ_REQUIRE(strlen(tuff_onnx_attribute(&node, k, text, sizeof text)) < sizeof text);
        }
        status = onnx_build_host(context, onnx, 1, NULL, &error);
    }
    fuzz_read(context, status, &error);
    tuff_onnx_destroy(onnx);
    fuzz_end(context);
    return 0;
}
