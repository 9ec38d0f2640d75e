/* graph_plan.c - plans of networks and of random graphs, without a device: they are made for every kind of device within its
 * limits, the same each time, prove their barriers, and no launch reads what another value has overwritten. Without a compiler
 * each kernel of them is one that the build has compiled.
 *   graph_plan [--seed N] [--graphs N] */
#include "backend/backend.h"
#include "graph/compile/compile.h"
#include "graph/print.h"
#include "tests/graph_help.h"
#include "tests/random_graph.h"

#include <stdio.h>
#include <stdlib.h>

struct plan_test {
    struct tuff_context *context;
    unsigned failures, plans, most_buffers;
};

#define check(t, ...) graph_check(&(t)->failures, __VA_ARGS__)

/* Simulates a run: every 256 bytes of scratch belong to the slot that wrote them last, and only that slot may be read there. */
static void check_scratch(struct plan_test *t, const struct tuff_plan *plan, const char *what)
{
    uint64_t blocks = tuff_plan_kind_bytes(plan, TUFF_MEMORY_SCRATCH) / TUFF_PLAN_ALIGNMENT + 1;
    uint32_t *owner = tuff_alloc(t->context, (size_t)blocks * sizeof *owner);
    if (!owner) abort();
    memset(owner, 0xff, (size_t)blocks * sizeof *owner);
    for (uint32_t l = 0; l < plan->launch_count; l++)
        for (uint32_t access = TUFF_READ; access <= TUFF_WRITE; access++)
            for (uint32_t b = 0; b < plan->launches[l].binding_count; b++) {
                const struct tuff_plan_binding *binding = &plan->bindings[plan->launches[l].binding_first + b];
                const struct tuff_plan_slot *slot = &plan->slots[binding->slot];
                if (tuff_slot_kind(plan, slot) != TUFF_MEMORY_SCRATCH || !(binding->access & access) || !binding->bytes)
                    continue;
                uint64_t first = (slot->offset + binding->offset) / TUFF_PLAN_ALIGNMENT;
                uint64_t last = (slot->offset + binding->offset + binding->bytes - 1) / TUFF_PLAN_ALIGNMENT;
                for (uint64_t at = first; at <= last && at < blocks; at++) {
                    if (access == TUFF_WRITE)
                        owner[at] = binding->slot;
                    else if (!check(t, owner[at] == binding->slot,
                                    "%s: launch %u '%s' reads slot %u where slot %d was written last", what, (unsigned)l,
                                    plan->launches[l].label, (unsigned)binding->slot, (int)owner[at]))
                        at = last;
                }
            }
    tuff_free(t->context, owner);
}

/* What a launch writes where it also reads, it writes element by element: over as many bytes (reads take whole vec4). */
static void check_in_place(struct plan_test *t, const struct tuff_plan *plan, const char *what)
{
    for (uint32_t l = 0; l < plan->launch_count; l++) {
        const struct tuff_plan_binding *bindings = &plan->bindings[plan->launches[l].binding_first];
        for (uint32_t r = 0; r < plan->launches[l].binding_count; r++)
            for (uint32_t k = 0; k < plan->launches[l].binding_count; k++) {
                const struct tuff_plan_binding *read = &bindings[r], *written = &bindings[k];
                const struct tuff_plan_slot *from = &plan->slots[read->slot], *to = &plan->slots[written->slot];
                if (read->access != TUFF_READ || written->access != TUFF_WRITE || from->memory != to->memory ||
                    tuff_slot_kind(plan, to) != TUFF_MEMORY_SCRATCH ||
                    from->offset + read->offset != to->offset + written->offset)
                    continue;
                check(t, tuff_align(read->bytes, 16) == tuff_align(written->bytes, 16),
                      "%s: launch %u '%s' writes %llu bytes over the %llu that it reads", what, (unsigned)l,
                      plan->launches[l].label, (unsigned long long)written->bytes, (unsigned long long)read->bytes);
            }
    }
}

static void check_limits(struct plan_test *t, const struct tuff_plan *plan, const struct tuff_caps *caps, const char *what)
{
    for (uint32_t l = 0; l < plan->launch_count; l++) {
        const struct tuff_plan_launch *launch = &plan->launches[l];
        if (launch->binding_count > t->most_buffers) t->most_buffers = launch->binding_count;
        check(t, launch->binding_count <= caps->max_storage_buffers, "%s: launch '%s' has %u buffers, the device %u", what,
              launch->label, (unsigned)launch->binding_count, (unsigned)caps->max_storage_buffers);
        check(t, launch->push_count * 4 <= 128, "%s: launch '%s' pushes %u words", what, launch->label,
              (unsigned)launch->push_count);
        for (int k = 0; k < 3; k++)
            check(t, launch->groups[k] >= 1 && launch->groups[k] <= caps->max_workgroup_count[k],
                  "%s: launch '%s' has %u workgroups", what, launch->label, (unsigned)launch->groups[k]);
    }
}

static bool compile(struct plan_test *t, const struct tuff_graph *g, const tuff_val *outputs, uint32_t count,
                    const struct tuff_caps *caps, uint32_t debug, const char *what, struct tuff_compiled *out)
{
    struct tuff_error error = {0};
    struct tuff_compile_params params = {.graph = g,
                                         .outputs = outputs,
                                         .output_count = count,
                                         .caps = caps,
                                         .debug = debug | TUFF_DEBUG_CHECK,
                                         .plain = (debug & TUFF_DEBUG_NOCOMPILER) != 0};
    tuff_status status = tuff_compile(&params, out, &error);
    t->plans++;
    return check(t, status == TUFF_OK, "%s: %s: %s", what, tuff_status_name(status), error.message);
}

/* Every kernel of a plan for programs without a compiler is there, so that no session can fail for lack of one. */
static void check_built(struct plan_test *t, const struct tuff_plan *plan, const char *what)
{
    const struct tuff_compiler *built = tuff_built_kernels();
    for (uint32_t i = 0; i < plan->kernel_count; i++) {
        const struct tuff_plan_kernel *kernel = &plan->kernels[i];
        struct tuff_error error = {0};
        uint32_t *spirv = NULL;
        size_t words = 0;
        tuff_status status = built->compile(built->user, t->context, kernel->file, "", kernel->defines, &spirv, &words,
                                            &error);
        if (check(t, status == TUFF_OK && !kernel->hooks[0], "%s: kernel %s%s: %s", what, kernel->file,
                  kernel->hooks[0] ? " with hook text" : "", error.message))
            tuff_free(t->context, spirv);
    }
}

/* The same plan again, from the same graph and from its text, and after the plan's own text. */
static void check_repeats(struct plan_test *t, const struct tuff_graph *g, const tuff_val *outputs, uint32_t count,
                          const struct tuff_caps *caps, const struct tuff_compiled *first, const char *what)
{
    struct tuff_compiled again;
    struct tuff_graph *parsed = NULL;
    struct tuff_error error = {0};
    struct tuff_text text;
    struct tuff_plan back;
    char *printed = NULL;
    uint64_t hash = tuff_plan_hash(&first->plan);
    if (compile(t, g, outputs, count, caps, 0, what, &again)) {
        check(t, tuff_plan_hash(&again.plan) == hash, "%s: another plan the second time", what);
        tuff_plan_finish(&again.plan);
    }
    if (tuff_graph_print(g, &printed, NULL) != TUFF_OK || tuff_graph_create(t->context, &parsed, NULL) != TUFF_OK) abort();
    if (check(t, tuff_graph_parse(parsed, printed, &error) == TUFF_OK, "%s: %s", what, error.message) &&
        compile(t, parsed, outputs, count, caps, 0, what, &again)) {
        check(t, tuff_plan_hash(&again.plan) == hash, "%s: another plan from the graph's text", what);
        tuff_plan_finish(&again.plan);
    }
    tuff_text_init(&text, t->context);
    tuff_plan_init(&back, t->context);
    tuff_plan_print(&first->plan, &text);
    if (check(t, tuff_plan_parse(&back, text.data, text.length, &error) == TUFF_OK, "%s: %s", what, error.message))
        check(t, tuff_plan_hash(&back) == hash, "%s: another hash from the plan's text", what);
    tuff_plan_finish(&back);
    tuff_text_finish(&text);
    tuff_text_free(t->context, printed);
    tuff_graph_destroy(parsed);
}

static void check_graph(struct plan_test *t, const struct tuff_graph *g, const tuff_val *outputs, uint32_t count,
                        const char *name)
{
    static const struct {
        const char *name;
        uint32_t debug;
    } ways[] = {{"", 0},
                {", NOALIAS", TUFF_DEBUG_NOALIAS},
                {", NOFUSE", TUFF_DEBUG_NOFUSE},
                {", NOSIMPLIFY", TUFF_DEBUG_NOSIMPLIFY},
                {", all off", TUFF_DEBUG_NOALIAS | TUFF_DEBUG_NOFUSE | TUFF_DEBUG_NOSIMPLIFY},
                {", NOCOMPILER", TUFF_DEBUG_NOCOMPILER},
                {", NOCOMPILER, NOSIMPLIFY", TUFF_DEBUG_NOCOMPILER | TUFF_DEBUG_NOSIMPLIFY}};
    char what[128];
    for (uint32_t d = 0; d < graph_caps_count; d++) {
        struct tuff_caps caps = graph_caps(d);
        uint64_t scratch[TUFF_COUNT(ways)] = {0};
        uint32_t launches[TUFF_COUNT(ways)] = {0};
        for (uint32_t w = 0; w < TUFF_COUNT(ways); w++) {
            struct tuff_compiled compiled;
            snprintf(what, sizeof what, "%s on %s%s", name, graph_caps_names[d], ways[w].name);
            if (!compile(t, g, outputs, count, &caps, ways[w].debug, what, &compiled)) continue;
            scratch[w] = tuff_plan_kind_bytes(&compiled.plan, TUFF_MEMORY_SCRATCH);
            launches[w] = compiled.plan.launch_count;
            check_limits(t, &compiled.plan, &caps, what);
            check_scratch(t, &compiled.plan, what);
            check_in_place(t, &compiled.plan, what);
            struct tuff_error error = {0};
            check(t, tuff_plan_check(&compiled.plan, t->context, &error) == TUFF_OK, "%s: %s", what, error.message);
            if (ways[w].debug & TUFF_DEBUG_NOCOMPILER) check_built(t, &compiled.plan, what);
            if (w == 0) check_repeats(t, g, outputs, count, &caps, &compiled, what);
            tuff_plan_finish(&compiled.plan);
        }
        check(t, scratch[0] <= scratch[1], "%s: %llu bytes of scratch shared, %llu without sharing", what,
              (unsigned long long)scratch[0], (unsigned long long)scratch[1]);
        check(t, launches[0] <= launches[2], "%s: %u launches fused, %u without fusion", what, (unsigned)launches[0],
              (unsigned)launches[2]);
    }
}

static void check_launches(struct plan_test *t)
{
    /* Fused launches on the discrete device: a change here is a change of speed, for better or worse. */
    static const uint32_t most[] = {17, 60, 40, 10, 14}; /* of a training, three count what is not finite */
    for (uint32_t n = 0; n < graph_network_count; n++) {
        struct tuff_graph *g = NULL;
        struct tuff_compiled compiled;
        tuff_val outputs[GRAPH_HELP_OUTPUTS];
        struct tuff_caps caps = graph_caps(0);
        if (tuff_graph_create(t->context, &g, NULL) != TUFF_OK) abort();
        uint32_t count = graph_network(g, n, outputs);
        if (check(t, g->status == TUFF_OK, "%s: %s", graph_network_names[n], g->error.message) &&
            compile(t, g, outputs, count, &caps, 0, graph_network_names[n], &compiled)) {
            printf("%s: %u launches\n", graph_network_names[n], (unsigned)compiled.plan.launch_count);
            check(t, compiled.plan.launch_count <= most[n], "%s: expected at most %u launches, got %u",
                  graph_network_names[n], (unsigned)most[n], (unsigned)compiled.plan.launch_count);
            tuff_plan_finish(&compiled.plan);
        }
        if (g->status == TUFF_OK) check_graph(t, g, outputs, count, graph_network_names[n]);
        tuff_graph_destroy(g);
    }
}

/* Whether each store of four in the text asks first if all of them exist. Definitions ("void putv1(") store nothing. */
static bool guarded(const char *hooks, uint32_t *stores)
{
    static const char guard[] = "if (i + 3u <= last)";
    for (const char *at = hooks; (at = strstr(at, "putv")); at++) {
        const char *before = at;
        while (before > hooks && before[-1] == ' ') before--;
        if (before - hooks >= 4 && !strncmp(before - 4, "void", 4)) continue;
        (*stores)++;
        if ((size_t)(before - hooks) < strlen(guard) || strncmp(before - strlen(guard), guard, strlen(guard))) return false;
    }
    return true;
}

/* Where a result ends within a vec4, its last elements are stored one by one: behind them another tensor may lie. A device does not
 * show it, as long as its driver keeps stores inside what is bound. */
static void check_tails(struct plan_test *t)
{
    uint32_t stores = 0;
    for (uint32_t i = 0; i < graph_caps_count; i++)
        for (uint32_t n = 1; n < 12; n++) {
            struct tuff_graph *g = graph_fresh(t->context);
            struct tuff_caps caps = graph_caps(i);
            struct tuff_compiled compiled;
            tuff_val y = tuff_exp(g, tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(n)));
            if (n % 4 && compile(t, g, &y, 1, &caps, 0, "tail", &compiled)) {
                for (uint32_t k = 0; k < compiled.plan.kernel_count; k++)
                    check(t, guarded(compiled.plan.kernels[k].hooks, &stores),
                          "%s, %u elements: stored behind the end by\n%s", graph_caps_names[i], n,
                          compiled.plan.kernels[k].hooks);
                tuff_plan_finish(&compiled.plan);
            }
            tuff_graph_destroy(g);
        }
    check(t, stores > 0, "no store of four was looked at");
}

/* Products and convolutions of every class, whatever family is switched off: their kernels are built. */
static void check_families(struct plan_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    const enum tuff_dtype f32 = TUFF_F32, i8 = TUFF_I8;
    const struct tuff_shape picture = TUFF_SHAPE(4, 70, 20, 20), weights = TUFF_SHAPE(80, 70, 3, 3);
    tuff_val x = tuff_input(g, "x", f32, picture), w = tuff_input(g, "w", f32, weights), outputs[6], gradients[2];
    tuff_val a = tuff_input(g, "a", f32, TUFF_SHAPE(3, 700)), b = tuff_input(g, "b", f32, TUFF_SHAPE(700, 90));
    outputs[0] = tuff_conv2d(g, x, w, 0, (struct tuff_conv2d_params){.stride = {1, 2}});
    tuff_gradients(g, outputs[0], 0, (tuff_val[]){x, w}, 2, gradients);
    memcpy(outputs + 1, gradients, sizeof gradients);
    outputs[3] = tuff_matmul(g, a, b, (struct tuff_matmul_params){false, false, 0});
    outputs[4] = tuff_conv2d(g, tuff_input(g, "x8", i8, picture), tuff_input(g, "w8", i8, weights), 0,
                             (struct tuff_conv2d_params){.stride = {1, 1}});
    outputs[5] = tuff_matmul(g, tuff_input(g, "a8", i8, TUFF_SHAPE(3, 700)), tuff_input(g, "b8", i8, TUFF_SHAPE(700, 90)),
                             (struct tuff_matmul_params){false, false, 0});
    check(t, g->status == TUFF_OK, "families: %s", g->error.message);
    for (uint32_t i = 0; i < graph_caps_count && g->status == TUFF_OK; i++)
        for (int k = 0; k < (TUFF_DEVICE_CLASS_COUNT) * (TUFF_FAMILY_COUNT + 1); k++) {
            struct tuff_caps caps = graph_caps(i);
            struct tuff_compiled compiled;
            const int class = k / (TUFF_FAMILY_COUNT + 1), family = k % (TUFF_FAMILY_COUNT + 1);
            char what[128];
            caps.device_class = (enum tuff_device_class) class;
            caps.families_off = family == TUFF_FAMILY_COUNT ? UINT32_MAX : 1u << family;
            snprintf(what, sizeof what, "%s as %s, family %d off", graph_caps_names[i],
                     tuff_device_class_name(caps.device_class), family);
            if (!compile(t, g, outputs, 6, &caps, TUFF_DEBUG_NOCOMPILER, what, &compiled)) continue;
            check_built(t, &compiled.plan, what);
            tuff_plan_finish(&compiled.plan);
        }
    tuff_graph_destroy(g);
}

/* A residual before or behind the product: two launches of one kernel. */
static void check_sides(struct plan_test *t)
{
    struct tuff_graph *g = graph_fresh(t->context);
    struct tuff_compiled compiled;
    struct tuff_caps caps = graph_caps(0);
    const struct tuff_shape shape = TUFF_SHAPE(64, 64);
    tuff_val x = tuff_input(g, "x", TUFF_F32, shape), r = tuff_input(g, "r", TUFF_F32, shape), y[2];
    tuff_val bias = tuff_reshape(g, tuff_input(g, "bias", TUFF_F32, TUFF_SHAPE(64)), TUFF_SHAPE(1, 64));
    for (int i = 0; i < 2; i++) {
        tuff_val w = tuff_input(g, i ? "w1" : "w0", TUFF_F32, shape);
        tuff_val product = tuff_add(g, tuff_matmul(g, x, w, (struct tuff_matmul_params){false, false, 0}), bias);
        y[i] = tuff_relu(g, i ? tuff_add(g, r, product) : tuff_add(g, product, r));
    }
    if (compile(t, g, y, 2, &caps, 0, "sides", &compiled)) {
        check(t, compiled.plan.launch_count == 2 && compiled.plan.kernel_count == 1,
              "sides: %u launches of %u kernels, not 2 of 1", compiled.plan.launch_count, compiled.plan.kernel_count);
        tuff_plan_finish(&compiled.plan);
    }
    tuff_graph_destroy(g);
}

int main(int argc, char **argv)
{
    struct plan_test t = {.failures = 0};
    struct op_random random = op_random_start(argc, argv);
    uint32_t graphs = 60;
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], "--graphs")) graphs = (uint32_t)strtoul(argv[i + 1], NULL, 10);
    if (tuff_context_create(NULL, &t.context, NULL) != TUFF_OK) return 1;
    check_launches(&t);
    check_tails(&t);
    check_sides(&t);
    check_families(&t);
    for (uint32_t i = 0; i < graphs; i++) {
        struct op_random own = {random.state + 0x632be59bd9b4e019u * (i + 1)};
        struct random_graph x = {.r = &own};
        char name[32];
        unsigned before = t.failures;
        if (tuff_graph_create(t.context, &x.g, NULL) != TUFF_OK) abort();
        random_graph_build(&x);
        snprintf(name, sizeof name, "graph %u", (unsigned)i);
        if (check(&t, x.g->status == TUFF_OK, "%s: %s", name, x.g->error.message))
            check_graph(&t, x.g, x.outputs, x.output_count, name);
        char *text = NULL;
        if (t.failures != before && tuff_graph_print(x.g, &text, NULL) == TUFF_OK) printf("%s", text);
        tuff_text_free(t.context, text);
        tuff_graph_destroy(x.g);
    }
    printf("graph_plan: %u plans, at most %u buffers in a launch, %u failures\n", t.plans, t.most_buffers, t.failures);
    tuff_context_destroy(t.context);
    return t.failures != 0;
}
