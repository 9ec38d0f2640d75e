/* graph_help.c - see graph_help.h. */
#include "tests/graph_help.h"
#include "graph/train/optimizer.h"

#include <stdio.h>
#include <stdlib.h>

bool graph_check(unsigned *failures, bool condition, const char *format, ...)
{
    va_list arguments;
    if (condition) return true;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    ++*failures;
    return false;
}

void graph_expect_refusal(unsigned *failures, struct tuff_graph *g, uint32_t number, tuff_status wanted,
                          const char *const parts[2])
{
    struct tuff_error error = {0};
    tuff_status status = tuff_graph_finish(g, &error);
    graph_check(failures, status == wanted && strstr(error.message, parts[0]) && strstr(error.message, parts[1]),
                "refusal %u: expected %s with '%s' and '%s', got %s: %s", (unsigned)number, tuff_status_name(wanted),
                parts[0], parts[1], tuff_status_name(status), error.message);
    tuff_graph_destroy(g);
}

struct tuff_graph *graph_fresh(struct tuff_context *context)
{
    struct tuff_graph *g = NULL;
    if (tuff_graph_create(context, &g, NULL) != TUFF_OK) abort();
    return g;
}

const char *const graph_caps_names[] = {"discrete", "floor", "software", "mobile"};
const uint32_t graph_caps_count = TUFF_COUNT(graph_caps_names);

struct tuff_caps graph_caps(uint32_t which)
{
    struct tuff_caps caps = {.struct_size = sizeof caps,
                             .kind = TUFF_DEVICE_DISCRETE,
                             .subgroup_size = 32,
                             .subgroup_size_min = 32,
                             .subgroup_size_max = 32,
                             .subgroup_basic = true,
                             .subgroup_arithmetic = true,
                             .subgroup_ballot = true,
                             .subgroup_shuffle = true,
                             .i8_storage = which == 0,
                             .max_workgroup_invocations = 1024,
                             .max_workgroup_size = {1024, 1024, 64},
                             .max_workgroup_count = {65535, 65535, 65535},
                             .max_shared_bytes = 49152,
                             .max_push_bytes = 256,
                             .max_storage_buffers = 1000,
                             .max_storage_range = UINT32_MAX,
                             .max_allocation_bytes = UINT32_MAX,
                             .storage_alignment = 16};
    if (which == 1) { /* the least that is promised to work */
        caps.kind = TUFF_DEVICE_INTEGRATED;
        caps.subgroup_size = caps.subgroup_size_min = caps.subgroup_size_max = 4;
        caps.subgroup_arithmetic = caps.subgroup_ballot = caps.subgroup_shuffle = false;
        caps.max_workgroup_invocations = caps.max_workgroup_size[0] = caps.max_workgroup_size[1] = 128;
        caps.max_shared_bytes = 16384;
        caps.max_push_bytes = 128;
        caps.max_storage_buffers = 8;
        caps.max_storage_range = 128 << 20;
        caps.storage_alignment = 256;
    }
    if (which == 2) {
        caps.kind = TUFF_DEVICE_SOFTWARE;
        caps.subgroup_size = caps.subgroup_size_min = caps.subgroup_size_max = 8;
        caps.max_push_bytes = 128;
        caps.max_storage_buffers = 32;
    }
    if (which == 3) {
        caps.kind = TUFF_DEVICE_INTEGRATED;
        caps.device_class = TUFF_DEVICE_CLASS_MALI;
        caps.subgroup_size = caps.subgroup_size_min = caps.subgroup_size_max = 16;
        caps.max_workgroup_invocations = 256;
        caps.max_shared_bytes = 32768;
    }
    return caps;
}

/* ---- networks ------------------------------------------------------------------------------------------------------------------- */

static tuff_val dense(struct tuff_graph *g, tuff_val x, const char *name, uint32_t in, uint32_t out)
{
    char label[64];
    snprintf(label, sizeof label, "%s.w", name);
    tuff_val w = tuff_param(g, label, TUFF_SHAPE(out, in), (struct tuff_init){TUFF_INIT_KAIMING_UNIFORM, 0, 0, NULL, 0});
    snprintf(label, sizeof label, "%s.b", name);
    tuff_val b = tuff_param(g, label, TUFF_SHAPE(out), (struct tuff_init){0});
    return tuff_named(g, tuff_add(g, tuff_matmul(g, x, w, (struct tuff_matmul_params){.transpose_b = true}), b), name);
}

static uint32_t train(struct tuff_graph *g, tuff_val logits, enum tuff_optimizer_kind kind, double clip, tuff_val *outputs)
{
    uint32_t batch = tuff_type_of(g, logits).shape.dim[0], count = 0;
    tuff_val labels = tuff_input(g, "labels", TUFF_I32, TUFF_SHAPE(batch));
    tuff_val loss = tuff_named(g, tuff_cross_entropy(g, logits, labels, (struct tuff_cross_entropy_params){0}), "loss");
    struct tuff_optimizer_params params = tuff_optimizer_defaults(kind, 0.01);
    params.momentum = 0.9;
    params.clip_norm = clip;
    struct tuff_optimizer optimizer = {0};
    tuff_optimizer_build(g, &(struct tuff_optimizer_plan){.loss = loss, .weight = 1}, &params, &optimizer);
    outputs[count++] = loss;
    for (uint32_t i = 0; i < optimizer.update_count; i++) outputs[count++] = optimizer.updates[i];
    return count;
}

static uint32_t perceptron(struct tuff_graph *g, tuff_val *outputs)
{
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(32, 65));
    tuff_val h = tuff_relu(g, dense(g, x, "hidden", 65, 128));
    return train(g, dense(g, h, "logits", 128, 10), TUFF_SGD, 0, outputs);
}

static uint32_t picture_net(struct tuff_graph *g, tuff_val *outputs)
{
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(8, 3, 16, 16)), updates[2] = {0};
    for (uint32_t i = 0, c = 3; i < 2; i++, c = 8 * i) {
        char name[5][16];
        static const char *const kinds[5] = {"w", "gamma", "beta", "mean", "var"};
        for (int k = 0; k < 5; k++) snprintf(name[k], sizeof name[k], "%s%u", kinds[k], (unsigned)i);
        uint32_t out = 8 * (i + 1);
        tuff_val w = tuff_param(g, name[0], TUFF_SHAPE(out, c, 3, 3),
                                (struct tuff_init){TUFF_INIT_KAIMING_NORMAL, 0, 0, NULL, 0});
        tuff_val y = tuff_conv2d(g, x, w, 0, (struct tuff_conv2d_params){.pad = {1, 1, 1, 1}});
        struct tuff_batch_norm bn = tuff_batch_norm_train(
            g, y, tuff_param(g, name[1], TUFF_SHAPE(out), (struct tuff_init){TUFF_INIT_CONSTANT, 1, 0, NULL, 0}),
            tuff_param(g, name[2], TUFF_SHAPE(out), (struct tuff_init){0}),
            tuff_state(g, name[3], TUFF_F32, TUFF_SHAPE(out), (struct tuff_init){0}),
            tuff_state(g, name[4], TUFF_F32, TUFF_SHAPE(out), (struct tuff_init){TUFF_INIT_CONSTANT, 1, 0, NULL, 0}), 1e-5,
            0.1);
        updates[i] = tuff_assign(g, tuff_graph_find(g, name[3]), bn.mean);
        x = tuff_max_pool2d(g, tuff_relu(g, bn.y), (struct tuff_pool2d_params){.kernel = {2, 2}});
    }
    tuff_val logits = dense(g, tuff_dropout(g, tuff_flatten(g, x), tuff_rng_state(g), 0.5), "logits", 16 * 16, 10);
    uint32_t count = train(g, logits, TUFF_ADAM, 1.0, outputs);
    for (uint32_t i = 0; i < 2; i++) outputs[count++] = updates[i];
    return count;
}

static uint32_t attention(struct tuff_graph *g, tuff_val *outputs)
{
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 17, 32)), heads[3];
    const char *const names[3] = {"q", "k", "v"};
    for (int i = 0; i < 3; i++) {
        tuff_val p = tuff_reshape(g, dense(g, x, names[i], 32, 32), TUFF_SHAPE(2, 17, 4, 8));
        heads[i] = tuff_permute(g, p, (const uint32_t[]){0, 2, 1, 3});
    }
    tuff_val scores = tuff_matmul(g, heads[0], tuff_transpose(g, heads[1]), (struct tuff_matmul_params){0});
    tuff_val p = tuff_softmax(g, tuff_affine(g, scores, 0.35355339, 0), -1);
    tuff_val y = tuff_permute(g, tuff_matmul(g, p, heads[2], (struct tuff_matmul_params){0}),
                              (const uint32_t[]){0, 2, 1, 3});
    y = tuff_add(g, tuff_reshape(g, y, TUFF_SHAPE(2, 17, 32)), x);
    y = tuff_layer_norm(g, y, tuff_param(g, "g", TUFF_SHAPE(32), (struct tuff_init){TUFF_INIT_CONSTANT, 1, 0, NULL, 0}), 0,
                        1, 1e-5);
    tuff_val params[3] = {tuff_graph_find(g, "q.w"), tuff_graph_find(g, "k.w"), tuff_graph_find(g, "g")};
    outputs[0] = tuff_named(g, y, "y");
    tuff_gradients(g, y, 0, params, 3, outputs + 1);
    return 4;
}

/* More operands than a small device has buffers. */
static uint32_t crowd(struct tuff_graph *g, tuff_val *outputs)
{
    tuff_val sum = 0, parts[20];
    for (uint32_t i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%u", (unsigned)i);
        parts[i] = tuff_input(g, name, TUFF_F32, TUFF_SHAPE(13, 7));
        tuff_val term = tuff_mul(g, parts[i], tuff_scalar(g, 1.0 + i));
        sum = sum ? tuff_add(g, sum, term) : term;
    }
    outputs[0] = sum;
    outputs[1] = tuff_concat(g, parts, 20, 1);
    outputs[2] = tuff_relu(g, outputs[1]);
    outputs[3] = tuff_sum(g, tuff_concat(g, parts + 3, 12, 0), 1, TUFF_DROP_AXES);
    return 4;
}

/* One value for many readers and results, states read and written. */
static uint32_t states(struct tuff_graph *g, tuff_val *outputs)
{
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(5, 64)), s[4];
    for (uint32_t i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%u", (unsigned)i);
        s[i] = tuff_state(g, name, TUFF_F32, TUFF_SHAPE(5, 64), (struct tuff_init){0});
    }
    outputs[0] = tuff_assign(g, s[0], tuff_add(g, tuff_affine(g, s[0], 0.9, 0), x));
    outputs[1] = tuff_assign(g, s[1], s[0]); /* the old content */
    outputs[2] = tuff_assign(
        g, s[2], tuff_slice(g, s[2], (const uint32_t[]){4, 0}, (const int32_t[]){-1, 1}, (const uint32_t[]){5, 64}));
    outputs[3] = tuff_assign(g, s[3], tuff_mul(g, tuff_gelu(g, s[3]), tuff_sum(g, s[3], 2, TUFF_KEEP_AXES)));
    outputs[4] = tuff_add(g, tuff_gelu(g, tuff_add(g, s[1], s[2])), s[3]);
    outputs[5] = tuff_sigmoid(g, outputs[4]);
    outputs[6] = tuff_cast(g, tuff_greater(g, outputs[4], s[0]), TUFF_U8);
    outputs[7] = outputs[4];
    return 8;
}

const char *const graph_network_names[] = {"perceptron", "picture_net", "attention", "crowd", "states"};
const uint32_t graph_network_count = TUFF_COUNT(graph_network_names);

uint32_t graph_network(struct tuff_graph *g, uint32_t which, tuff_val outputs[GRAPH_HELP_OUTPUTS])
{
    static uint32_t (*const makers[])(struct tuff_graph *, tuff_val *) = {perceptron, picture_net, attention, crowd, states};
    return makers[which](g, outputs);
}
