/* graph_operators.c - docs/operators.md, docs/types.md, and the short table between two marks in README.md, are the table of
 * operators.
 *   graph_operators [--update]    writes them */
#include "graph/compile/compile.h"
#include "tests/graph_help.h"
#include "tests/op_help.h"

#include <stdio.h>
#include <stdlib.h>

static const char begin_mark[] = "<!-- operators: written by tests/graph_operators --update -->\n";
static const char end_mark[] = "<!-- /operators -->\n";

/* Launches of the first case alone, with nothing around it that it could be fused with. */
static uint32_t launches(struct tuff_context *context, const struct tuff_op *op)
{
    struct tuff_graph *g = NULL;
    struct op_case_values values;
    struct tuff_compiled compiled;
    struct tuff_caps caps = graph_caps(0);
    uint32_t count = 0;
    if (tuff_graph_create(context, &g, NULL) != TUFF_OK) abort();
    if (op_add_case(g, op, op_case(op, 0), 0, false, &values)) {
        struct tuff_compile_params params = {.graph = g, .outputs = &values.y, .output_count = 1, .caps = &caps};
        if (tuff_compile(&params, &compiled, NULL) == TUFF_OK) {
            count = compiled.plan.launch_count;
            tuff_plan_finish(&compiled.plan);
        }
    }
    tuff_graph_destroy(g);
    return count;
}

static const char *kind_of(const struct tuff_op *op)
{
    switch (op->class) {
    case TUFF_CLASS_LEAF: return "leaf";
    case TUFF_CLASS_INLINE: return op->glsl ? "pointwise" : op->map ? "view" : "in place";
    case TUFF_CLASS_KERNEL: return "kernel";
    case TUFF_CLASS_LOOP: return "loop";
    case TUFF_CLASS_RESULT: return "result";
    case TUFF_CLASS_ASSIGN: return "assign";
    }
    return "";
}

static void add_attributes(struct tuff_text *text, const struct tuff_op *op)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < op->attr_count; i++)
        if (!op->glsl || op_text_names(op->glsl, op->attrs[i].name))
            tuff_text_add(text, "%s%s", count++ ? ", " : "", op->attrs[i].name);
}

/* The first case's operands that are floats, as bits. */
static uint32_t floats_of(const struct tuff_op *op)
{
    uint32_t bits = 0;
    for (uint32_t k = 0; op_case_count(op) && k < op_case(op, 0)->in_count; k++)
        bits |= (uint32_t)tuff_is_float(op_case(op, 0)->in[k].dtype) << k;
    return bits;
}

static void add_integers(struct tuff_text *text, const struct tuff_op *op)
{
    static const char *const rules[] = {"refused", "kept", "wraps", "saturates", "of i8, wraps"};
    tuff_text_add(text, "%s | ", floats_of(op) ? rules[tuff_op_integers(op)] : "-");
}

static void add_nan(struct tuff_context *context, struct tuff_text *text, const struct tuff_op *op)
{
    uint32_t floats = floats_of(op), ignored = tuff_op_ignores_nan(op) & floats;
    struct tuff_graph *g = graph_fresh(context);
    tuff_val in[6], y = floats ? tuff_op_of_case(g, op, op_case(op, 0), "x", in) : 0;
    bool shows = y && tuff_is_float(tuff_type_of(g, y).dtype);
    tuff_graph_destroy(g);
    if (!shows)
        tuff_text_add(text, "-");
    else if (ignored == 0 || ignored == floats)
        tuff_text_add(text, ignored ? "ignored" : "goes on");
    else
        for (uint32_t k = 0, count = 0; k < 8; k++)
            if (ignored >> k & 1) tuff_text_add(text, "%s%u", count++ ? ", " : "ignored of operand ", (unsigned)k);
    tuff_text_add(text, " | ");
}

static void add_table(struct tuff_context *context, struct tuff_text *text)
{
    tuff_text_add(
        text,
        "# Operators\n\n"
        "Written by `tests/graph_operators --update` from the operators' descriptors; a test compares it.\n\n"
        "* **pointwise**, **view**, **in place**: written into the launch that produces or consumes the value; a launch of "
        "its own only where\n"
        "  there is none. **kernel**: one launch, with the pointwise operators around it inside. **leaf**: no computation. "
        "**loop**: the launches\n"
        "  of a graph of its own, repeated.\n"
        "* **launches**: of the operator alone, on a discrete GPU.\n"
        "* Norms, softmax, losses, dropout, `mean`, `logsumexp`, `one_hot`, `global_avg_pool`, `conv_transpose2d` and the "
        "optimizers are\n"
        "  built from these. Every pointwise operator also has derivative operators `<name>_da` (and `_db`), not listed.\n\n"
        "* **i32** in the place of floats is *refused*, *kept* (moved, or compared), *wraps* (modulo 2^32) or *saturates*.\n"
        "* **NaN** of an operand *goes on* into the results that hang on it, is *ignored* (by number of the operand, where "
        "there are "
        "several).\n"
        "  Padding of convolutions counts as zeros, which a NaN among the weights makes NaN.\n"
        "  *At the edges*: beside that, of infinities and zeros; [numerics.md](numerics.md) has the policy and the "
        "sources.\n"
        "  Results that are no floats show nothing (-). `tests/op_types` compares both columns with what a device does.\n\n"
        "| operator | ONNX | class | attributes | i32 | NaN | at the edges | gradient | "
        "launches |\n|---|---|---|---|---|---|---|---|---|\n");
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        const struct tuff_op *op = tuff_ops[i];
        if (op_is_derivative(op)) continue;
        tuff_text_add(text, "| %s | %s | %s | ", op->name, op->onnx ? op->onnx : "", kind_of(op));
        add_attributes(text, op);
        tuff_text_add(text, " | ");
        add_integers(text, op);
        add_nan(context, text, op);
        tuff_text_add(text, "%s | ", tuff_op_edges(op));
        if (op->grad)
            tuff_text_add(text, "yes | ");
        else
            tuff_text_add(text, "no: %s | ", op->nondiff);
        if (op_case_count(op))
            tuff_text_add(text, "%u |\n", (unsigned)launches(context, op));
        else
            tuff_text_add(text, op->class == TUFF_CLASS_LOOP ? "those of its body |\n" : "0 |\n");
    }
}

/* Operands of the first case that may be of the type, "all" where all together may, too: "0, 1, all". */
static void add_taken(struct tuff_context *context, struct tuff_text *text, const struct tuff_op *op, enum tuff_dtype dtype)
{
    struct tuff_error error;
    uint32_t count = 0, operands = op_case(op, 0)->in_count;
    for (uint32_t k = 0; k < op_choices(op); k++) {
        if (!op_takes(context, op, k, dtype, &error)) continue;
        tuff_text_add(text, count++ ? ", " : "");
        if (k == operands)
            tuff_text_add(text, "all");
        else
            tuff_text_add(text, operands == 1 ? "yes" : "%u", (unsigned)k);
    }
    tuff_text_add(text, count ? " | " : "- | ");
}

static const char *result_of(enum tuff_result_rule rule)
{
    switch (rule) {
    case TUFF_RESULT_F32: return "f32";
    case TUFF_RESULT_I32: return "i32";
    case TUFF_RESULT_BOOL: return "bool";
    case TUFF_RESULT_WIDE: return "f32 of floats, else i32";
    case TUFF_RESULT_OPERAND_0: return "that of 0";
    case TUFF_RESULT_OPERAND_1: return "that of 1";
    case TUFF_RESULT_LAST: return "that of the last";
    case TUFF_RESULT_NAMED: return "as named";
    case TUFF_RESULT_OF_KERNEL: return "the kernel's";
    }
    return "?";
}

static void add_types(struct tuff_context *context, struct tuff_text *text)
{
    tuff_text_add(text,
                  "# Element types\n\n"
                  "Written by `tests/graph_operators --update` from what a graph takes; `tests/op_types` runs all of it.\n\n"
                  "The numbers of operands that may have the type while the others are those of the operator's first case "
                  "(f32, and i32\nor bool where it needs them), and *all* where all may have it together. i64 and f64 are "
                  "types of the host: operators\nsee i32 and f32. Leaves may have any type. Rows without operands are left "
                  "out. *Result* is the rule of the\ndescriptor: the type of each result's elements; that of an operand "
                  "of q8_0 is f32.\n\n| operator |");
    for (int32_t d = 1; tuff_dtype_known(d); d++)
        if (!tuff_is_host((enum tuff_dtype)d)) tuff_text_add(text, " %s |", tuff_dtype_name((enum tuff_dtype)d));
    tuff_text_add(text, " result |\n|---|---|");
    for (int32_t d = 1; tuff_dtype_known(d); d++)
        if (!tuff_is_host((enum tuff_dtype)d)) tuff_text_add(text, "---|");
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        const struct tuff_op *op = tuff_ops[i];
        if (op_case_count(op) == 0 || op_case(op, 0)->in_count == 0) continue;
        tuff_text_add(text, "\n| %s | ", op->name);
        for (int32_t d = 1; tuff_dtype_known(d); d++)
            if (!tuff_is_host((enum tuff_dtype)d)) add_taken(context, text, op, (enum tuff_dtype)d);
        tuff_text_add(text, "%s", result_of(op->result));
        for (uint32_t k = 0; k < op->more_count; k++) tuff_text_add(text, "; %s", result_of(op->more[k].result));
        tuff_text_add(text, " |");
    }
    tuff_text_add(text, "\n");
}

/* One row a class: the names of its operators; a star where there is no gradient. */
static void add_short_table(struct tuff_text *text)
{
    static const char *const kinds[] = {"pointwise", "view", "in place", "kernel", "loop"};
    tuff_text_add(text, "| class | operators (* without gradient) |\n|---|---|\n");
    for (size_t k = 0; k < TUFF_COUNT(kinds); k++) {
        uint32_t count = 0;
        tuff_text_add(text, "| %s | ", kinds[k]);
        for (uint32_t i = 0; i < tuff_op_count; i++) {
            const struct tuff_op *op = tuff_ops[i];
            if (op_is_derivative(op) || strcmp(kind_of(op), kinds[k])) continue;
            tuff_text_add(text, "%s%s%s", count++ ? ", " : "", op->name, op->grad ? "" : "*");
        }
        tuff_text_add(text, " |\n");
    }
    tuff_text_add(text, "| built from these | mean, logsumexp, softmax, log_softmax, batch, layer, group and rms norm, "
                        "global, adaptive and lp pools, conv1d, conv3d, conv_transpose1d to 3d, resize, interpolate, "
                        "grid_sample, pixel_shuffle, "
                        "cross entropy, mse, l1, smooth l1 and bce losses and 15 more, dropout, one_hot, SGD, Adam, AdamW, "
                        "RMSprop, Adagrad, Adadelta, Adamax, Lion, LAMB |\n");
}

static bool read_file(const char *path, struct tuff_text *text)
{
    char block[4096];
    FILE *file = fopen(path, "rb");
    for (size_t n; file && (n = fread(block, 1, sizeof block, file)) > 0;) tuff_text_append(text, block, n);
    return file && fclose(file) == 0 && text->data;
}

/* The file's content is `text`, or becomes so. */
static bool compare(struct tuff_context *context, const char *path, const struct tuff_text *text, bool update)
{
    struct tuff_text there;
    tuff_text_init(&there, context);
    bool same = read_file(path, &there) && there.length == text->length && !memcmp(there.data, text->data, text->length);
    if (!same && update) {
        FILE *file = fopen(path, "wb");
        same = file && fwrite(text->data, 1, text->length, file) == text->length;
        if (file) same = fclose(file) == 0 && same;
        printf("%s: %s\n", path, same ? "written" : "cannot be written");
    } else if (!same) {
        printf("%s is not up to date: expected\n%s(--update writes it)\n", path, text->data);
    }
    tuff_text_finish(&there);
    return same;
}

/* README.md with what stands between the marks replaced. */
static bool readme(struct tuff_context *context, struct tuff_text *text)
{
    struct tuff_text there;
    tuff_text_init(&there, context);
    char *from = read_file(TUFF_SOURCE_DIR "/README.md", &there) ? strstr(there.data, begin_mark) : NULL;
    char *to = from ? strstr(from, end_mark) : NULL;
    if (to) {
        tuff_text_append(text, there.data, (size_t)(from - there.data) + strlen(begin_mark));
        add_short_table(text);
        tuff_text_append(text, to, there.length - (size_t)(to - there.data));
    } else {
        printf("README.md has no marks for the operators\n");
    }
    tuff_text_finish(&there);
    return to != NULL;
}

/* A launch is refused when it has one constant, word or define more than it can hold, or a constant that is a port's. */
static bool overfull(void)
{
    enum { CONSTANT, WORD, DEFINE, PORT, WAYS };
    bool right = true;
    for (int way = 0; way < WAYS; way++) {
        struct tuff_kernel_call call = {.file = "sum"};
        struct tuff_error error;
        const struct tuff_kernel_constant constant = {.id = way == PORT ? TUFF_PLAN_FIRST_PORT_SPEC : 0};
        const struct tuff_kernel_part part = {
            .constants = &constant, .constant_count = way == CONSTANT || way == PORT, .word_count = way == WORD};
        uint32_t most = way == WORD       ? TUFF_COUNT(call.push)
                        : way == PORT     ? 0
                        : way == CONSTANT ? TUFF_COUNT(call.spec)
                                          : (sizeof call.defines - 1) / strlen("#define SIX 0\n");
        for (uint32_t i = 0; i <= most && right; i++) {
            right = tuff_call_check(&call, &tuff_op_sum, &error) == TUFF_OK;
            if (way != DEFINE) tuff_call_part(&call, &part, &i);
            if (way == DEFINE) tuff_call_define(&call, "SIX", 0);
        }
        right = right && tuff_call_check(&call, &tuff_op_sum, &error) == TUFF_ERR_UNSUPPORTED;
        if (!right) printf("overfull call %d: expected TUFF_ERR_UNSUPPORTED after %u\n", way, (unsigned)most + 1);
    }
    return right;
}

/* What is refused is told on purpose. */
static void silent(void *user, enum tuff_log_level level, const char *message) { (void)user, (void)level, (void)message; }

/* Each operator of floats says what it gives at the edges of numbers. */
static bool tell_edges(void)
{
    bool all = true;
    for (uint32_t i = 0; i < tuff_op_count; i++) {
        const char *edges = tuff_op_edges(tuff_ops[i]);
        if (!floats_of(tuff_ops[i]) || (edges && *edges)) continue;
        printf("%s does not say what it gives at the edges of numbers\n", tuff_ops[i]->name);
        all = false;
    }
    return all;
}

int main(int argc, char **argv)
{
    struct tuff_context *context = NULL;
    struct tuff_text table, types, short_table;
    bool update = argc > 1 && !strcmp(argv[1], "--update");
    struct tuff_options options = {.struct_size = sizeof options, .log = silent};
    if (tuff_context_create(&options, &context, NULL) != TUFF_OK) return 1;
    tuff_text_init(&table, context);
    tuff_text_init(&types, context);
    tuff_text_init(&short_table, context);
    add_types(context, &types);
    add_table(context, &table);
    bool same = compare(context, TUFF_SOURCE_DIR "/docs/operators.md", &table, update);
    same = compare(context, TUFF_SOURCE_DIR "/docs/types.md", &types, update) && same;
    same = readme(context, &short_table) && compare(context, TUFF_SOURCE_DIR "/README.md", &short_table, update) && same;
    tuff_text_finish(&table);
    tuff_text_finish(&types);
    tuff_text_finish(&short_table);
    tuff_context_destroy(context);
    return !(overfull() && tell_edges() && same);
}
