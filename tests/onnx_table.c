/* onnx_table.c - the table of docs/onnx.md, between two marks, is that of loaders/onnx_ops.def.
 *   onnx_table [--update]    writes it */
#include "loaders/onnx.h"
#include "tests/loaders_support.h"

#include <stdio.h>
#include <stdlib.h>

#if TUFF_HAVE_ONNX
static const char begin_mark[] = "<!-- operators: written by tests/onnx_table --update -->\n";
static const char end_mark[] = "<!-- /operators -->\n";
static const char path[] = TUFF_SOURCE_DIR "/docs/onnx.md";

/* What is not read of an operator, beside what the document says of all. */
static const struct {
    const char *name, *lacks;
} notes[] = {
    {"Attention", "the softmax is f32, whatever `softmax_precision` says"},
    {"BatchNormalization", "fewer than 2 axes"},
    {"BitCast", "between floats and whole numbers of what is computed at run time"},
    {"Bernoulli", "`seed`: the session's counts"},
    {"Cast", "texts, floats of 8 and 4 bits"},
    {"CastLike", "as Cast"},
    {"Col2Im", "more than 3 axes of space"},
    {"Compress", "a condition that is computed at run time"},
    {"Constant", "texts, sparse tensors"},
    {"Conv", "more than 3 axes of space"},
    {"ConvInteger", "elements that are not 8 bits, kernels of more than 514 taps a channel"},
    {"ConvTranspose", "more than 3 axes of space"},
    {"CumProd", "an axis of more than 256"},
    {"DFT", "tables of more than 2^24 numbers (2,048 complex ones)"},
    {"DeformConv", "other than 4 axes"},
    {"DequantizeLinear", "floats of 8 and 4 bits"},
    {"Det", "more than 32 rows"},
    {"Dropout", "`seed`: the session's counts"},
    {"Einsum", "more than 8 letters, or operands"},
    {"Gemm", "whole numbers with factors that are none"},
    {"GridSample", "cubic sampling over 3 axes"},
    {"If", "a condition that is computed at run time"},
    {"ImageDecoder", "without an app's `picture`"},
    {"Loop", "a number of rounds that is computed at run time, or above 4,096; results of no round"},
    {"MatMulInteger", "vectors"},
    {"NonMaxSuppression", "boxes and scores that are computed at run time"},
    {"NonZero", "numbers that are computed at run time"},
    {"QLinearConv", "as of ConvInteger"},
    {"QLinearGlobalAveragePool", "`channels_last`"},
    {"QLinearMatMul", "vectors"},
    {"QuantizeLinear", "results that are floats of 8 and 4 bits"},
    {"RandomNormal", "`seed`: the session's counts"},
    {"RandomNormalLike", "`seed`: the session's counts"},
    {"RandomUniform", "`seed`: the session's counts"},
    {"RandomUniformLike", "`seed`: the session's counts"},
    {"Range", "limits that are computed at run time"},
    {"RoiAlign", "regions that are computed at run time, where `sampling_ratio` is 0"},
    {"Scan", "no round, or more than 4,096"},
    {"STFT", "tables as of DFT"},
    {"TfIdfVectorizer", "texts; what is computed at run time"},
    {"Tile", "8 axes"},
    {"Unique", "what is computed at run time"},
};

static int by_name(const void *a, const void *b)
{
    const struct tuff_onnx_row *x = *(const struct tuff_onnx_row *const *)a, *y = *(const struct tuff_onnx_row *const *)b;
    const int order = strcmp(x->domain, y->domain);
    return order ? order : strcmp(x->name, y->name) ? strcmp(x->name, y->name) : x->since - y->since;
}

static size_t add_table(struct loaders_test *test, char *to, size_t size)
{
    const struct tuff_onnx_row **rows = calloc(tuff_onnx_row_count, sizeof *rows);
    size_t at = 0, used = 0;
    if (!rows) exit(1);
    for (uint32_t i = 0; i < tuff_onnx_row_count; i++) rows[i] = &tuff_onnx_rows[i];
    qsort(rows, tuff_onnx_row_count, sizeof(void *), by_name);
    at += (size_t)snprintf(to + at, size - at, "| operator | from set | not read |\n|---|---|---|\n");
    for (uint32_t i = 0; i < tuff_onnx_row_count && at < size; i++) {
        const char *lacks = "";
        for (size_t k = 0; k < TUFF_COUNT(notes); k++)
            if (!strcmp(notes[k].name, rows[i]->name)) lacks = notes[k].lacks, used++;
        at += (size_t)snprintf(to + at, size - at, "| %s%s%s | %d | %s |\n", rows[i]->domain, rows[i]->domain[0] ? "." : "",
                               rows[i]->name,
                               rows[i]->since > 7   ? rows[i]->since
                               : rows[i]->domain[0] ? rows[i]->since
                                                    : 7,
                               lacks);
    }
    free(rows);
    expect_number(test, "notes of operators that there are", (long long)TUFF_COUNT(notes), (long long)used);
    return at < size ? at : 0;
}

int main(int argc, char **argv)
{
    static char table[1 << 16];
    struct loaders_test test;
    size_t bytes = 0;
    loaders_begin(&test, "onnx_table");
    const size_t length = add_table(&test, table, sizeof table);
    uint8_t *data = file_read(path, &bytes);
    char *text = data ? calloc(bytes + 1, 1) : NULL;
    if (text) memcpy(text, data, bytes);
    char *begin = text ? strstr(text, begin_mark) : NULL, *end = begin ? strstr(begin, end_mark) : NULL;
    expect(&test, end && length, path, "two marks", "none");
    if (end) begin += sizeof begin_mark - 1;
    bool same = end && (size_t)(end - begin) == length && !memcmp(begin, table, length);
    if (end && !same && argc > 1 && !strcmp(argv[1], "--update")) {
        FILE *file = fopen(path, "wb");
        same = file && fwrite(text, 1, (size_t)(begin - text), file) && fwrite(table, 1, length, file) == length &&
               fwrite(end, 1, strlen(end), file);
        if (file) same = fclose(file) == 0 && same;
        puts(same ? "written" : "cannot be written");
    }
    expect(&test, same, path, "the table of onnx_ops.def (onnx_table --update writes it)", "another");
    free(text);
    free(data);
    return loaders_end(&test);
}
#else
int main(void)
{
    puts("SKIP: this build has no nanopb");
    return 77;
}
#endif
