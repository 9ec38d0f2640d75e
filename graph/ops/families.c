/* families.c - the table of families (families.def) as rows, and what of it serves a device, for people. */
#include "graph/ops/families.h"
#include "graph/ops/attention.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/gemm.h"
#include "graph/session.h"

bool tuff_family_off(const struct tuff_caps *caps, enum tuff_family family) { return caps->families_off >> family & 1; }

bool tuff_family_fits(const struct tuff_caps *caps, const struct tuff_family_row *row)
{
    return (row->of == TUFF_DEVICE_CLASS_ANY || row->of == tuff_class_of(caps)) && !tuff_family_off(caps, row->family);
}

static const struct {
    const char *file;
    enum tuff_family family;
} files[] = {
    {"gemm_tile", TUFF_FAMILY_TILE},
    {"gemm_tile16", TUFF_FAMILY_TILE16},
    {"gemm_uni", TUFF_FAMILY_UNI},
    {"gemm_bcast", TUFF_FAMILY_BCAST},
    {"gemm_coopmat", TUFF_FAMILY_COOPMAT},
    {"gemm_matvec", TUFF_FAMILY_MATVEC},
    {"gemm_shuffle", TUFF_FAMILY_SHUFFLE},
    {"conv_shuffle", TUFF_FAMILY_SHUFFLE},
    {"conv_weight_shuffle", TUFF_FAMILY_SHUFFLE},
    {"conv_tab", TUFF_FAMILY_CONV_TAB},
    {"conv_tab_bcast", TUFF_FAMILY_CONV_TAB_BCAST},
    {"conv_wtab", TUFF_FAMILY_CONV_WTAB},
    {"conv_depthwise", TUFF_FAMILY_DW},
    {"conv_depthwise_weight", TUFF_FAMILY_DW},
    {"row", TUFF_FAMILY_ROW},
    {"attention", TUFF_FAMILY_FLASH},
    {"attention_grad", TUFF_FAMILY_FLASH},
};

enum tuff_family tuff_family_of_file(const char *file)
{
    for (size_t i = 0; i < TUFF_COUNT(files); i++)
        if (!strcmp(files[i].file, file)) return files[i].family;
    return TUFF_FAMILY_COUNT;
}

/* A line of tuff-info for each kind of work: the row that serves a large one. */
static const struct {
    const char *title;
    const struct tuff_family_row *(*row)(const struct tuff_caps *caps, uint32_t argument);
    uint32_t argument;
} works[] = {
    {"matrix product, a[m][k] b[k][n]", tuff_gemm_row, TUFF_GEMM_NN},
    {"matrix product, a[m][k] b[n][k]", tuff_gemm_row, TUFF_GEMM_NT},
    {"matrix product, a[k][m] b[k][n]", tuff_gemm_row, TUFF_GEMM_TN},
    {"matrix product of f16, a[m][k] b[n][k]", tuff_gemm_row, TUFF_GEMM_NT | TUFF_GEMM_HALVES},
    {"the same, summed in f16", tuff_gemm_row, TUFF_GEMM_NT | TUFF_GEMM_HALVES | TUFF_GEMM_HALF_SUMS},
    {"vector by matrix, b[n][k]", tuff_gemm_row, TUFF_GEMM_NT | TUFF_GEMM_FAST},
    {"vector by matrix, b[k][n]", tuff_gemm_row, TUFF_GEMM_NN | TUFF_GEMM_SLOW},
    {"convolution", tuff_conv_row, TUFF_CONV_FORWARD},
    {"convolution, input gradient", tuff_conv_row, TUFF_CONV_INPUT},
    {"convolution, weight gradient", tuff_conv_row, TUFF_CONV_WEIGHT},
    {"attention, heads of 64", tuff_attention_row, 64},
    {"attention, heads of 128", tuff_attention_row, 128},
    {"gradients of attention, heads of 64", tuff_attention_grad_row, 64},
};

bool tuff_family_choice(const struct tuff_caps *caps, uint32_t index, struct tuff_family_choice *choice)
{
    if (index >= TUFF_COUNT(works)) return false;
    const struct tuff_family_row *row = works[index].row(caps, works[index].argument);
    *choice = (struct tuff_family_choice){.work = works[index].title,
                                          .family = row ? tuff_family_name(row->family) : "none: several operators",
                                          .evidence = !row                                      ? ""
                                                      : row->evidence == TUFF_EVIDENCE_MEASURED ? "measured"
                                                                                                : "predicted",
                                          .source = row ? row->source : ""};
    return true;
}
