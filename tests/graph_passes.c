/* graph_passes.c - passes, text in and text out: each file of tests/graph/ holds a graph and its outputs, then what simplify
 * makes of it, the groups of fuse in their order, the memory map of storage and the launches of its plan on the discrete device of graph_help.c.
 *   graph_passes [--update]    rewrites what the passes made; the change is then reviewed */
#include "graph/compile/compile.h"
#include "graph/print.h"
#include "tests/graph_help.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct passes_test {
    struct tuff_context *context;
    unsigned failures, files;
    bool update;
};

static void fail(struct passes_test *t, const char *format, ...) TUFF_PRINTF(2, 3);
static void fail(struct passes_test *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    t->failures++;
}

static char *read_file(struct tuff_context *context, const char *path)
{
    struct tuff_text text;
    char block[4096];
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    tuff_text_init(&text, context);
    for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;) tuff_text_append(&text, block, n);
    fclose(file);
    return tuff_text_take(&text);
}

/* Groups in their order; and where storage puts what they read and write, before there are launches. */
static void add_groups(struct passes_test *t, struct tuff_work *work, struct tuff_layout *layout, struct tuff_text *out)
{
    tuff_status status = tuff_layout_extend(layout, work->params->graph, UINT64_MAX, work->error);
    if (status == TUFF_OK) status = tuff_pass_fuse(work);
    if (status == TUFF_OK) status = tuff_pass_order(work);
    if (status == TUFF_OK && !tuff_groups_check(work)) fail(t, "order: groups are broken");
    if (status == TUFF_OK) status = tuff_pass_storage(work);
    if (status != TUFF_OK) {
        fail(t, "passes: %s", work->error->message);
        return;
    }
    tuff_text_add(out, "== groups\n");
    tuff_groups_print(work, out);
    tuff_text_add(out, "== storage\n");
    for (uint32_t i = 0; i < work->plan->slot_count; i++) {
        const struct tuff_plan_slot *slot = &work->plan->slots[i];
        tuff_text_add(out, "%s %llu: %llu bytes%s%s\n", tuff_memory_name(tuff_slot_kind(work->plan, slot)),
                      (unsigned long long)slot->offset, (unsigned long long)slot->bytes, slot->name[0] ? " " : "",
                      slot->name);
    }
    if (work->group_count && work->groups[0].read_count) { /* a value that two groups claim to compute is found */
        const struct tuff_group *first = &work->groups[0];
        uint32_t *group_of = &work->values[first->kernel ? first->kernel : first->members[0]].group;
        *group_of += 1;
        if (tuff_groups_check(work)) fail(t, "groups are broken, and nobody sees it");
        *group_of -= 1;
    }
}

static void add_simplified(struct passes_test *t, const struct tuff_compile_params *params, struct tuff_text *out)
{
    struct tuff_arena arena;
    struct tuff_error error = {0};
    struct tuff_plan plan;
    struct tuff_layout layout;
    struct tuff_compile_params placed = *params;
    struct tuff_work work = {.context = t->context, .arena = &arena, .error = &error, .params = &placed, .plan = &plan};
    tuff_arena_init(&arena, t->context);
    tuff_plan_init(&plan, t->context);
    tuff_layout_init(&layout, t->context);
    placed.layout = &layout;
    if (tuff_pass_simplify(&work) != TUFF_OK) {
        fail(t, "simplify: %s", error.message);
    } else {
        tuff_text_add(out, "== simplified\n");
        tuff_graph_print_text(work.g, out);
        tuff_text_add(out, "== outputs");
        for (uint32_t i = 0; i < params->output_count; i++) tuff_text_add(out, " %%%u", (unsigned)work.outputs[i]);
        tuff_text_add(out, "\n");
        add_groups(t, &work, &layout, out);
    }
    tuff_layout_finish(&layout);
    tuff_plan_finish(&plan);
    tuff_graph_destroy(work.g);
    tuff_arena_finish(&arena);
}

/* Equal values are looked up, not searched for: n values take a few steps each, whatever n is. */
static void steps_of_simplify(struct passes_test *t)
{
    enum { VALUES = 20000 };
    struct tuff_graph *g = NULL;
    struct tuff_arena arena;
    struct tuff_error error = {0};
    tuff_val v[2] = {0};
    if (tuff_graph_create(t->context, &g, NULL) != TUFF_OK) abort();
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(3));
    v[0] = x;
    for (uint32_t i = 0; i < VALUES; i++) v[0] = tuff_add(g, tuff_affine(g, x, i / 2, 0.5), v[0]);
    v[1] = tuff_add(g, tuff_affine(g, x, 7, 0.5), x);
    struct tuff_compile_params params = {.graph = g, .outputs = v, .output_count = 2};
    struct tuff_work work = {.context = t->context, .arena = &arena, .error = &error, .params = &params};
    tuff_arena_init(&arena, t->context);
    if (tuff_pass_simplify(&work) != TUFF_OK) {
        fail(t, "simplify of %d values: %s", 2 * VALUES, error.message);
    } else {
        uint64_t per_value = work.equal.steps / (2 * VALUES);
        if (per_value > 20) fail(t, "simplify: %llu steps for each value", (unsigned long long)per_value);
        if (work.g->count > 3 * VALUES / 2 + 10) fail(t, "simplify: equal values are left: %u", (unsigned)work.g->count);
    }
    tuff_graph_destroy(work.g);
    tuff_arena_finish(&arena);
    tuff_graph_destroy(g);
}

/* Groups are found by what they read and ordered by what they wait for: n of them take a few steps each, whatever n is. All read
 * one input, and each changes a state of its own. */
static void steps_of_groups(struct passes_test *t)
{
    enum { LAYERS = 1500 };
    struct tuff_caps caps = graph_caps(0);
    struct tuff_graph *g = NULL;
    struct tuff_arena arena;
    struct tuff_error error = {0};
    struct tuff_plan plan;
    tuff_val outputs[LAYERS + 1];
    char name[32];
    if (tuff_graph_create(t->context, &g, NULL) != TUFF_OK) abort();
    tuff_val first = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(4, 4)), x = first;
    for (uint32_t i = 0; i < LAYERS; i++) {
        snprintf(name, sizeof name, "state/%u", (unsigned)i);
        tuff_val state = tuff_state(g, name, TUFF_F32, TUFF_SHAPE(4, 4), (struct tuff_init){0});
        x = tuff_add(g, tuff_relu(g, tuff_matmul(g, x, x, (struct tuff_matmul_params){0})), tuff_mul(g, first, state));
        outputs[i] = tuff_assign(g, state, tuff_add(g, state, tuff_exp(g, first)));
    }
    outputs[LAYERS] = x;
    struct tuff_compile_params params = {.graph = g, .outputs = outputs, .output_count = LAYERS + 1, .caps = &caps};
    struct tuff_work work = {.context = t->context, .arena = &arena, .error = &error, .params = &params, .plan = &plan};
    tuff_arena_init(&arena, t->context);
    tuff_plan_init(&plan, t->context);
    if (tuff_pass_simplify(&work) != TUFF_OK || tuff_pass_fuse(&work) != TUFF_OK || tuff_pass_order(&work) != TUFF_OK)
        fail(t, "passes over %d layers: %s", LAYERS, error.message);
    else if (work.group_count < LAYERS || work.steps / work.group_count > 100)
        fail(t, "%u groups took %llu steps", (unsigned)work.group_count, (unsigned long long)work.steps);
    tuff_plan_finish(&plan);
    tuff_graph_destroy(work.g);
    tuff_arena_finish(&arena);
    tuff_graph_destroy(g);
}

static void add_launches(struct passes_test *t, const struct tuff_compile_params *params, struct tuff_text *out)
{
    struct tuff_compiled compiled;
    struct tuff_error error = {0};
    if (tuff_compile(params, &compiled, &error) != TUFF_OK) {
        fail(t, "compile: %s", error.message);
        return;
    }
    const struct tuff_plan *plan = &compiled.plan;
    tuff_text_add(out, "== launches, %llu bytes of scratch\n",
                  (unsigned long long)tuff_plan_kind_bytes(plan, TUFF_MEMORY_SCRATCH));
    for (uint32_t l = 0; l < plan->launch_count; l++) {
        const struct tuff_plan_launch *launch = &plan->launches[l];
        tuff_text_add(out, "%s%s by %s:", launch->barrier ? "barrier, " : "", launch->label,
                      plan->kernels[launch->kernel].file);
        for (uint32_t b = 0; b < launch->binding_count; b++) {
            const struct tuff_plan_binding *binding = &plan->bindings[launch->binding_first + b];
            const struct tuff_plan_slot *slot = &plan->slots[binding->slot];
            tuff_text_add(out, "%s %s %s", b ? "," : "", binding->access == TUFF_READ ? "reads" : "writes",
                          tuff_memory_name(tuff_slot_kind(plan, slot)));
            if (slot->name[0]) tuff_text_add(out, " %s", slot->name);
            if (tuff_slot_kind(plan, slot) == TUFF_MEMORY_SCRATCH)
                tuff_text_add(out, " %llu", (unsigned long long)(slot->offset + binding->offset));
        }
        tuff_text_add(out, "\n");
    }
    tuff_plan_finish(&compiled.plan);
}

/* Text of the file up to what the passes made, and its parts. */
static bool split(char *text, char **graph, char **outputs, size_t *head)
{
    char *start = strstr(text, "== graph\n"), *list = start ? strstr(start, "== outputs") : NULL,
         *end = list ? strchr(list, '\n') : NULL;
    if (!end) return false;
    *graph = start + 9;
    *outputs = list + 10;
    *head = (size_t)(end + 1 - text);
    return true;
}

static void check_file(struct passes_test *t, const char *path)
{
    char *text = read_file(t->context, path), *graph_text, *list;
    struct tuff_graph *g = NULL;
    struct tuff_error error = {0};
    struct tuff_text made;
    size_t head;
    if (!text || !split(text, &graph_text, &list, &head)) {
        fail(t, "%s: expected sections '== graph' and '== outputs'", path);
        tuff_free(t->context, text);
        return;
    }
    t->files++;
    tuff_text_init(&made, t->context);
    tuff_text_append(&made, text, head);
    char *only = tuff_strdup(t->context, graph_text);
    if (!only || tuff_graph_create(t->context, &g, NULL) != TUFF_OK) abort();
    *strstr(only, "== outputs") = 0;
    tuff_val outputs[16];
    uint32_t count = 0;
    for (char *at = list; *at == ' ' && count < TUFF_COUNT(outputs); at += strcspn(at, " \n")) {
        at += 2;
        outputs[count++] = (tuff_val)strtoul(at, NULL, 10);
    }
    if (tuff_graph_parse(g, only, &error) != TUFF_OK) {
        fail(t, "%s: %s", path, error.message);
    } else {
        struct tuff_caps caps = graph_caps(0);
        struct tuff_compile_params params = {.graph = g, .outputs = outputs, .output_count = count, .caps = &caps};
        add_simplified(t, &params, &made);
        add_launches(t, &params, &made);
        bool same = !strcmp(made.data, text);
        FILE *file = !same && t->update ? fopen(path, "wb") : NULL;
        if (file) {
            fwrite(made.data, 1, made.length, file);
            fclose(file);
            printf("%s: rewritten\n", path);
        } else if (!same) {
            fail(t, "%s: expected\n%s\ngot\n%s\n(--update rewrites it)", path, text + head, made.data + head);
        }
    }
    tuff_text_finish(&made);
    tuff_graph_destroy(g);
    tuff_free(t->context, only);
    tuff_free(t->context, text);
}

int main(int argc, char **argv)
{
    struct passes_test t = {.update = argc > 1 && !strcmp(argv[1], "--update")};
    char path[512];
    DIR *folder = opendir(TUFF_SOURCE_DIR "/tests/graph");
    if (!folder || tuff_context_create(NULL, &t.context, NULL) != TUFF_OK) {
        printf("no folder %s/tests/graph\n", TUFF_SOURCE_DIR);
        return 1;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 4, ".txt") != 0) continue;
        snprintf(path, sizeof path, "%s/tests/graph/%s", TUFF_SOURCE_DIR, entry->d_name);
        check_file(&t, path);
    }
    closedir(folder);
    steps_of_simplify(&t);
    steps_of_groups(&t);
    if (t.files < 5) fail(&t, "expected files in tests/graph, found %u", t.files);
    printf("graph_passes: %u files, %u failures\n", t.files, t.failures);
    tuff_context_destroy(t.context);
    return t.failures != 0;
}
