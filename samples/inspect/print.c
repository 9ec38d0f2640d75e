/* print.c - what was found, for a terminal and as JSON (README.md says what it holds). */
#include "inspect.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

const char *shape_text(const struct item *item, bool bound, char *text, size_t size)
{
    if (item->rank < 0) {
        snprintf(text, size, "[..]");
        return text;
    }
    size_t at = (size_t)snprintf(text, size, "[");
    for (int32_t d = 0; d < item->rank && at < size; d++) {
        const int64_t value = bound ? item->bound[d] : item->dim[d];
        char name[90];
        if (value >= 0)
            snprintf(name, sizeof name, "%lld", (long long)value);
        else
            snprintf(name, sizeof name, "%s", item->dim_name[d] ? item->dim_name[d] : "?");
        at += (size_t)snprintf(text + at, size - at, "%s%s", d ? ", " : "", name);
    }
    if (at < size) snprintf(text + at, size - at, "]");
    return text;
}

/* 1234567 as "1.23 M". */
static const char *short_number(double value, char text[24])
{
    static const char units[] = " kMGTPE";
    int unit = 0;
    while (value >= 999.5 && units[unit + 1]) value /= 1000, unit++;
    snprintf(text, 24,
             unit == 0       ? "%.0f"
             : value < 9.995 ? "%.2f %c"
             : value < 99.95 ? "%.1f %c"
                             : "%.0f %c",
             value, units[unit]);
    return text;
}

static const char *short_bytes(double value, char text[24])
{
    short_number(value, text);
    const size_t n = strlen(text);
    snprintf(text + n, 24 - n, value >= 999.5 ? "B" : " B");
    return text;
}

/* ---- for a terminal --------------------------------------------------------------------------------------------------------------------- */

static void print_items(FILE *file, const char *title, const struct items *items, size_t most, bool arrays)
{
    size_t width = 0;
    char text[500], bytes[24];
    if (!items->count) return;
    fprintf(file, "%s\n", title);
    for (size_t i = 0; i < items->count && i < most; i++)
        if (strlen(items->at[i].name) > width) width = strlen(items->at[i].name);
    if (width > 60) width = 60;
    for (size_t i = 0; i < items->count && i < most; i++) {
        const struct item *item = &items->at[i];
        fprintf(file, "  %-*s  %-5s %s", (int)width, SHOWN(item->name), item->type,
                SHOWN(shape_text(item, false, text, sizeof text)));
        if (!arrays && item->is_bound && memcmp(item->bound, item->dim, sizeof item->bound) != 0)
            fprintf(file, " -> %s", shape_text(item, true, text, sizeof text));
        if (arrays) fprintf(file, "  %s", short_bytes((double)item->bytes, bytes));
        fputc('\n', file);
    }
    if (items->count > most) fprintf(file, "  and %zu more (--json lists all)\n", items->count - most);
}

static void print_operators(FILE *file, const struct inspected *x)
{
    size_t at = 0;
    if (!x->node_count) return;
    bool covered = true;
    for (uint32_t i = 0; i < x->operator_count; i++) covered = covered && x->operators[i].covered;
    fprintf(file, "operators: %u nodes%s\n ", x->node_count, covered ? ", all covered" : "");
    for (uint32_t i = 0; i < x->operator_count; i++) {
        const struct operator_count *o = &x->operators[i];
        char text[300];
        const bool domain = o->domain[0] && strcmp(o->domain, "tuff") != 0 && strcmp(o->domain, "ai.onnx") != 0;
        const int n = snprintf(text, sizeof text, " %s%s%s %u%s", domain ? o->domain : "", domain ? ":" : "", o->op,
                               o->count, i + 1 < x->operator_count ? "," : "");
        if (at + (size_t)n > 98) fputs("\n ", file), at = 0;
        fputs(SHOWN(text), file);
        at += (size_t)n;
    }
    fputc('\n', file);
}

static const char *lack_of(const struct operator_count *o)
{
    return o->version ? "is not covered in this version" : "is of a domain of which the model says no version";
}

static void print_covered(FILE *file, const struct inspected *x)
{
    bool first = true;
    for (uint32_t i = 0; i < x->operator_count; i++) {
        const struct operator_count *o = &x->operators[i];
        if (o->covered) continue;
        if (first) fprintf(file, "not covered\n");
        first = false;
        fprintf(file, "  %s%s%s, set %d, %u times: %s\n", SHOWN(o->domain), o->domain[0] ? ":" : "", SHOWN(o->op),
                o->version, o->count, lack_of(o));
    }
}

static void print_bound(FILE *file, const struct inspected *x)
{
    char text[500];
    if (!x->inputs.count) return;
    fprintf(file, "costs for");
    for (size_t i = 0; i < x->inputs.count; i++) {
        fprintf(file, "%s %s %s", i ? "," : "", SHOWN(x->inputs.at[i].name),
                shape_text(&x->inputs.at[i], true, text, sizeof text));
    }
    bool assumed = false;
    for (size_t i = 0; i < x->inputs.count; i++)
        for (int32_t d = 0; d < x->inputs.at[i].rank; d++) assumed = assumed || x->inputs.at[i].assumed[d];
    fputc('\n', file);
    if (assumed && !x->reason_for_1[0]) fprintf(file, "  open dimensions are taken as 1: --shape says others\n");
    if (x->reason_for_1[0])
        fprintf(file, "  open dimensions are taken as 1, behind the first as %lld: --shape says others. Of 1: %s\n",
                (long long)x->assumed, SHOWN(x->reason_for_1));
}

static void print_costs(FILE *file, const struct inspected *x)
{
    char a[24], b[24], c[24];
    if (!x->cost_count) return;
    print_bound(file, x);
    if (x->cost_count == 1 && !x->costs->known) {
        fprintf(file, "  not known: %s\n", SHOWN(x->costs->why));
        return;
    }
    fprintf(file, "  %13s %8s %9s %9s %9s  device\n", "multiply-adds", "launches", "pipelines", "memory", "scratch");
    for (uint32_t i = 0; i < x->cost_count; i++) {
        const struct cost *cost = &x->costs[i];
        const struct tuff_plan_figures *f = &cost->figures;
        if (cost->known)
            fprintf(file, "  %13s %8u %9u %9s %9s  ", short_number((double)f->flops / 2, a), f->launches, f->pipelines,
                    short_bytes((double)f->total_bytes, b), short_bytes((double)f->scratch_bytes, c));
        else
            fprintf(file, "  %13s %8s %9s %9s %9s  ", "-", "-", "-", "-", "-");
        fprintf(file, "%s%s%s", cost->limits ? "clamped to " : SHOWN(cost->device), cost->limits ? SHOWN(cost->limits) : "",
                !cost->known ? ": "
                : cost->fits ? ""
                             : "; there is not enough memory now");
        fprintf(file, "%s\n", cost->known ? "" : SHOWN(cost->why));
    }
}

static int by_time(const void *a, const void *b)
{
    const struct node *p = *(struct node *const *)a, *q = *(struct node *const *)b;
    return p->ns < q->ns ? 1 : p->ns > q->ns ? -1 : p < q ? -1 : p > q;
}

static void print_profile(FILE *file, const struct inspected *x)
{
    enum { SHOWN_MOST = 10 };
    const struct node **order = malloc((x->node_count + 1) * sizeof *order);
    if (!x->profile_runs || !order) {
        free((void *)order);
        return;
    }
    for (uint32_t i = 0; i < x->node_count; i++) order[i] = &x->nodes[i];
    qsort((void *)order, x->node_count, sizeof *order, by_time);
    fprintf(file, "profile: %.3f ms in %u launches, each its least of %u runs; nodes in which they end\n",
            x->profile_ns * 1e-6, x->profile_launches, x->profile_runs);
    for (uint32_t i = 0; i < x->node_count && i < SHOWN_MOST && order[i]->ns > 0; i++)
        fprintf(file, "  %5.1f %%  %9.3f ms  %s %s\n", 100 * order[i]->ns / x->profile_ns, order[i]->ns * 1e-6,
                SHOWN(order[i]->op), SHOWN(order[i]->name[0] ? order[i]->name : order[i]->outputs[0].name));
    free((void *)order);
}

static void print_texts(FILE *file, const struct inspected *x)
{
    enum { SHOWN_MOST = 80 };
    if (x->text_count) fprintf(file, "metadata\n");
    for (size_t i = 0; i < x->text_count; i++) {
        const size_t bytes = strlen(x->texts[i].value);
        fprintf(file, "  %s: ", SHOWN(x->texts[i].key));
        if (bytes <= SHOWN_MOST)
            fprintf(file, "%s\n", SHOWN(x->texts[i].value));
        else
            fprintf(file, "%zu bytes (--json)\n", bytes);
    }
}

void print_inspected(FILE *file, const struct inspected *x)
{
    char numbers[24], bytes[24];
    fprintf(file, "%s: %s", SHOWN(x->path), strcmp(x->kind, "onnx") != 0 ? x->kind : "ONNX model");
    if (x->version) fprintf(file, " of operator set %d", x->version);
    fprintf(file, ", %s\n", short_bytes((double)x->file_bytes, bytes));
    if (x->runs == RUNS_YES) fprintf(file, "it can run\n");
    if (x->runs == RUNS_NO) fprintf(file, "it cannot run: %s\n", SHOWN(x->reason));
    print_items(file, "inputs", &x->inputs, 1000, false);
    print_items(file, "outputs", &x->outputs, 1000, false);
    fprintf(file, "%s: %s numbers in %zu array%s, %s\n", x->runs == RUNS_ARRAYS ? "arrays" : "parameters",
            short_number((double)x->numbers, numbers), x->arrays.count, x->arrays.count == 1 ? "" : "s",
            short_bytes((double)x->bytes, bytes));
    if (x->runs == RUNS_ARRAYS) print_items(file, "list", &x->arrays, 10000, true);
    print_texts(file, x);
    print_operators(file, x);
    print_covered(file, x);
    print_costs(file, x);
    print_profile(file, x);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------------------------------- */

static void member(FILE *file, const char *name, const char *text)
{
    fprintf(file, "\"%s\": ", name);
    if (text)
        text_to_json(file, text);
    else
        fputs("null", file);
}

static void texts(FILE *file, const char *name, const char *const *list, uint32_t count)
{
    fprintf(file, "\"%s\": [", name);
    for (uint32_t i = 0; i < count; i++) {
        if (i) fputs(", ", file);
        text_to_json(file, list[i]);
    }
    fputc(']', file);
}

static void item_to_json(FILE *file, const struct item *item, bool end, bool array)
{
    fputs("{", file);
    member(file, "name", item->name);
    fputs(", ", file);
    member(file, "type", item->type);
    fputs(", \"shape\": ", file);
    if (item->rank < 0) fputs("null", file);
    for (int32_t d = 0; d < item->rank; d++) {
        fputs(d ? ", " : "[", file);
        if (item->dim[d] >= 0)
            fprintf(file, "%lld", (long long)item->dim[d]);
        else if (item->dim_name[d])
            text_to_json(file, item->dim_name[d]);
        else
            fputs("null", file);
    }
    if (item->rank >= 0) fputs(item->rank ? "]" : "[]", file);
    if (end) {
        fputs(item->is_bound ? ", \"bound\": [" : ", \"bound\": null", file);
        for (int32_t d = 0; item->is_bound && d < item->rank; d++)
            fprintf(file, "%s%lld", d ? ", " : "", (long long)item->bound[d]);
        if (item->is_bound) fputc(']', file);
    }
    if (array) fprintf(file, ", \"bytes\": %llu", (unsigned long long)item->bytes);
    fputc('}', file);
}

static void items_to_json(FILE *file, const char *name, const struct items *items, bool end, bool array)
{
    fprintf(file, " \"%s\": [", name);
    for (size_t i = 0; i < items->count; i++) {
        fputs(i ? ",\n  " : "\n  ", file);
        item_to_json(file, &items->at[i], end, array);
    }
    fputs("],\n", file);
}

static void node_to_json(FILE *file, const struct inspected *x, const struct node *node)
{
    fputs("{", file);
    member(file, "operator", node->op);
    fputs(", ", file);
    member(file, "domain", node->domain);
    fprintf(file, ", \"version\": %d, \"covered\": %s, ", node->version, node->covered ? "true" : "false");
    member(file, "name", node->name);
    fputs(", ", file);
    member(file, "function", node->function);
    if (node->parent == UINT32_MAX)
        fputs(", \"within\": null, ", file);
    else
        fprintf(file, ", \"within\": %u, ", node->parent);
    texts(file, "inputs", node->inputs, node->input_count);
    fputs(", ", file);
    texts(file, "attributes", node->attributes, node->attribute_count);
    fputs(", \"outputs\": [", file);
    for (uint32_t k = 0; k < node->output_count; k++) {
        if (k) fputs(", ", file);
        item_to_json(file, &node->outputs[k], false, false);
    }
    fputs("], \"nanoseconds\": ", file);
    if (x->profile_runs)
        fprintf(file, "%.0f}", node->ns);
    else
        fputs("null}", file);
}

static void cost_to_json(FILE *file, const struct cost *cost)
{
    const struct tuff_plan_figures *f = &cost->figures;
    fputs("{", file);
    member(file, "device", cost->device[0] ? cost->device : NULL);
    fputs(", ", file);
    member(file, "limits", cost->limits);
    fputs(", ", file);
    member(file, "error", cost->known ? NULL : cost->why);
    if (cost->known) {
        const struct {
            const char *name;
            uint64_t value;
        } numbers[] = {{"multiply_adds", f->flops / 2},
                       {"launches", f->launches},
                       {"prepare_launches", f->prepare_launches},
                       {"pipelines", f->pipelines},
                       {"kernels", f->kernels},
                       {"bytes_read", f->bytes_read},
                       {"bytes_written", f->bytes_written},
                       {"parameter_bytes", f->param_bytes},
                       {"state_bytes", f->state_bytes},
                       {"constant_bytes", f->const_bytes},
                       {"input_bytes", f->input_bytes},
                       {"output_bytes", f->output_bytes},
                       {"scratch_bytes", f->scratch_bytes},
                       {"prepared_bytes", f->prepared_bytes},
                       {"total_bytes", f->total_bytes},
                       {"largest_bytes", f->largest_bytes}};
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
            fprintf(file, ", \"%s\": %llu", numbers[i].name, (unsigned long long)numbers[i].value);
        fprintf(file, ", \"fits\": %s", cost->fits ? "true" : "false");
    }
    fputs("}", file);
}

static void operators_to_json(FILE *file, const struct inspected *x)
{
    fputs(" \"operators\": [", file);
    for (uint32_t i = 0; i < x->operator_count; i++) {
        const struct operator_count *o = &x->operators[i];
        fputs(i ? ",\n  {" : "\n  {", file);
        member(file, "operator", o->op);
        fputs(", ", file);
        member(file, "domain", o->domain);
        fprintf(file, ", \"version\": %d, \"count\": %u, \"covered\": %s, ", o->version, o->count,
                o->covered ? "true" : "false");
        member(file, "why", o->covered ? NULL : lack_of(o));
        fputs("}", file);
    }
    fputs("],\n", file);
}

void print_inspected_json(FILE *file, const struct inspected *x)
{
    fputs("{\n ", file);
    member(file, "tuff", tuff_version());
    fputs(",\n ", file);
    member(file, "file", x->path);
    fputs(",\n ", file);
    member(file, "kind", x->kind);
    fprintf(file, ",\n \"file_bytes\": %llu,\n \"runs\": %s,\n ", (unsigned long long)x->file_bytes,
            x->runs == RUNS_YES  ? "true"
            : x->runs == RUNS_NO ? "false"
                                 : "null");
    member(file, "reason", x->runs == RUNS_NO ? x->reason : NULL);
    fprintf(file, ",\n \"operator_set\": %d", x->version);
    fprintf(file, ",\n \"parameters\": {\"numbers\": %llu, \"bytes\": %llu},\n", (unsigned long long)x->numbers,
            (unsigned long long)x->bytes);
    items_to_json(file, "inputs", &x->inputs, true, false);
    items_to_json(file, "outputs", &x->outputs, true, false);
    items_to_json(file, "arrays", &x->arrays, false, true);
    fputs(" \"texts\": [", file);
    for (size_t i = 0; i < x->text_count; i++) {
        fputs(i ? ",\n  {" : "\n  {", file);
        member(file, "key", x->texts[i].key);
        fputs(", ", file);
        member(file, "value", x->texts[i].value);
        fputs("}", file);
    }
    fputs("],\n", file);
    operators_to_json(file, x);
    fputs(" \"costs\": [", file);
    for (uint32_t i = 0; i < x->cost_count; i++) {
        fputs(i ? ",\n  " : "\n  ", file);
        cost_to_json(file, &x->costs[i]);
    }
    fputs("],\n \"profile\": ", file);
    if (x->profile_runs)
        fprintf(file, "{\"runs\": %u, \"launches\": %u, \"nanoseconds\": %.0f}", x->profile_runs, x->profile_launches,
                x->profile_ns);
    else
        fputs("null", file);
    fputs(",\n \"nodes\": [", file);
    for (uint32_t i = 0; i < x->node_count; i++) {
        fputs(i ? ",\n  " : "\n  ", file);
        node_to_json(file, x, &x->nodes[i]);
    }
    fputs("]\n}\n", file);
}
