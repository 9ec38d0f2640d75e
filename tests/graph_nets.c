/* graph_nets.c - the nets of tuff-bench without a device: shapes, counts of parameters and multiply-adds against what their sources publish.
 *   graph_nets [--list]    --list: a line for each net with the counts
 *
 * Parameters: sources count a norm's factor and shift for each channel. Folded into the convolution (inference), the factor is gone and
 * the shift is the convolution's bias ("shift"): so parameters + all shifts = the published number, exactly. A net that is trained has
 * its norms, and the published number itself.
 * Multiply-adds: of convolutions and matrix products, as the table of the library counts them; published ones are rounded to two or three
 * digits, and do not count attention's two products (Dosovitskiy et al. for ViT do). */
#include "graph/op.h"
#include "graph/train/trainer.h"
#include "samples/nets/nets.h"
#include "tests/graph_help.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct nets_test {
    struct tuff_context *context;
    unsigned failures;
};

struct counts {
    uint64_t parameters, shifts, multiply_adds;
};

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && !strcmp(text + a - b, end);
}

/* Of the values up to (not including) `end`: the forward pass. */
static struct counts count(const struct tuff_graph *g, tuff_val end)
{
    struct counts c = {0};
    for (tuff_val v = 1; v < end; v++) c.multiply_adds += tuff_multiply_adds(g, v);
    for (uint32_t i = 0; i < tuff_graph_leaf_count(g); i++) {
        struct tuff_leaf leaf = tuff_graph_leaf(g, i);
        uint64_t elements = tuff_shape_count(&leaf.type.shape);
        if (!leaf.trained) continue;
        c.parameters += elements;
        if (ends_with(leaf.name, ".shift")) c.shifts += elements;
    }
    return c;
}

static void expect_number(struct nets_test *t, const struct zoo_net *net, const char *what, uint64_t expected, uint64_t got)
{
    graph_check(&t->failures, expected == got, "%s: %s: expected %llu, got %llu", net->name, what,
                (unsigned long long)expected, (unsigned long long)got);
}

static void check_counts(struct nets_test *t, const struct zoo_work *work)
{
    const struct zoo_net *net = work->net;
    bool training = work->mode == ZOO_TRAIN;
    struct counts c = count(work->graph, work->labels ? work->labels : work->graph->count);
    double adds = (double)c.multiply_adds / work->batch;
    expect_number(t, net, "parameters", net->parameters[work->mode], c.parameters);
    if (net->published) expect_number(t, net, "published parameters", net->published, c.parameters + c.shifts);
    expect_number(t, net, "multiply-adds", net->multiply_adds * work->batch, c.multiply_adds);
    graph_check(&t->failures, net->published_adds > 0 && fabs(adds - net->published_adds) <= net->adds_tolerance * adds,
                "%s: %.0f multiply-adds, published are %g", net->name, adds, net->published_adds);
    graph_check(&t->failures, !training || c.shifts == 0, "%s: a folded norm is trained", net->name);
}

static void check_shapes(struct nets_test *t, const struct zoo_work *work)
{
    const struct zoo_net *net = work->net;
    struct tuff_type out = tuff_type_of(work->graph, work->outputs[0]), x = tuff_type_of(work->graph, work->input);
    bool training = work->mode == ZOO_TRAIN;
    uint64_t elements = tuff_shape_count(&out.shape);
    expect_number(t, net, "outputs", training ? 1 : (uint64_t)net->outputs * work->batch, elements);
    expect_number(t, net, "type of the outputs", TUFF_F32, out.dtype);
    expect_number(t, net, "elements of the inputs", zoo_work_elements(work), tuff_shape_count(&x.shape));
    if (!training) return;
    struct tuff_shape labels = tuff_type_of(work->graph, work->labels).shape;
    expect_number(t, net, "labels", zoo_work_labels(work), tuff_shape_count(&labels));
    expect_number(t, net, "updates of the optimizer", work->net->optimizer.kind == TUFF_SGD ? 4 : 5,
                  work->trainer->optimizer.update_count); /* parameters, momentum (and variance), cursor, health */
}

static void check_work(struct nets_test *t, const struct zoo_net *net, enum zoo_mode mode, uint32_t batch)
{
    struct tuff_error error = {0};
    struct zoo_work work;
    tuff_status status = zoo_work_create(t->context, net, mode, batch, &work, &error);
    if (!graph_check(&t->failures, status == TUFF_OK, "%s: %s", net->name, error.message)) return;
    check_shapes(t, &work);
    check_counts(t, &work);
    zoo_work_finish(&work);
}

static void list(struct nets_test *t, const struct zoo_net *net)
{
    for (int mode = 0; mode < ZOO_MODES; mode++) {
        struct zoo_work work;
        if (zoo_work_create(t->context, net, mode, 0, &work, NULL)) continue;
        struct counts c = count(work.graph, work.labels ? work.labels : work.graph->count);
        printf("%-18s %-5s batch %-3u %11llu parameters (%llu with norms) %13llu multiply-adds\n", net->name,
               mode ? "train" : "infer", (unsigned)work.batch, (unsigned long long)c.parameters,
               (unsigned long long)(c.parameters + c.shifts), (unsigned long long)(c.multiply_adds / work.batch));
        zoo_work_finish(&work);
    }
}

/* Classifiers of pictures, as a model builds them: the same parameters for training and inference, a last layer of as many units as there are
 * classes, whose names the head tells. */
static void check_picture(struct nets_test *t, const struct zoo_picture *picture)
{
    enum { CLASSES = 7 };
    uint32_t side = picture->side ? picture->side : 32, channels = picture->channels ? picture->channels : 3, heads = 0;
    uint64_t parameters[2];
    char head[32];
    for (int training = 0; training < 2; training++) {
        struct tuff_graph *g = graph_fresh(t->context);
        struct tuff_error error = {0};
        tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, channels, side, side));
        tuff_val y = zoo_picture_build(picture, g, x, training, CLASSES, head);
        struct tuff_shape out = tuff_type_of(g, y).shape, wanted = TUFF_SHAPE(2, CLASSES);
        graph_check(&t->failures, tuff_graph_finish(g, &error) == TUFF_OK && tuff_shape_equal(&out, &wanted), "%s: %s",
                    picture->name, error.message[0] ? error.message : "its logits have another shape");
        parameters[training] = count(g, g->count).parameters;
        for (uint32_t i = 0; i < tuff_graph_leaf_count(g); i++) {
            struct tuff_leaf leaf = tuff_graph_leaf(g, i);
            bool of_head = leaf.trained && !strncmp(leaf.name, head, strlen(head));
            heads += of_head;
            if (of_head)
                graph_check(&t->failures, leaf.type.shape.dim[0] == CLASSES, "%s: %s is no part of the last layer",
                            picture->name, leaf.name);
        }
        tuff_graph_destroy(g);
    }
    graph_check(&t->failures, heads == 4, "%s: weight and bias of the last layer twice, got %u", picture->name,
                (unsigned)heads);
    graph_check(&t->failures, parameters[0] == parameters[1] && parameters[0] > 0,
                "%s: %llu parameters, and %llu in training", picture->name, (unsigned long long)parameters[0],
                (unsigned long long)parameters[1]);
}

static void check_pictures(struct nets_test *t)
{
    struct zoo_picture picture, again;
    uint32_t count = 0;
    for (; zoo_picture(count, &picture); count++) {
        graph_check(&t->failures,
                    zoo_picture_find(picture.name, &again) && again.model == picture.model && again.net == picture.net,
                    "%s: is not found, or twice there", picture.name);
        check_picture(t, &picture);
    }
    graph_check(&t->failures,
                count >= 13 && !zoo_picture_find("yolov8n-320", &again) && !zoo_picture_find("autoencoder-32", &again) &&
                    !zoo_picture_find("gpt-4x256", &again),
                "%u classifiers of pictures", (unsigned)count);
}

/* Arrays (without num_batches_tracked) and parameters of torchvision's networks of these names, without fc; some of the names. */
static void check_residual(struct nets_test *t)
{
    static const struct {
        const char *name, *leaf;
        uint32_t arrays, features;
        uint64_t parameters;
    } known[] = {{"resnet50", "layer3.5.conv3.weight", 265, 2048, 23508032},
                 {"resnet34", "layer2.0.downsample.1.running_var", 180, 512, 21284672},
                 {"resnet18", "layer4.1.bn2.running_mean", 100, 512, 11176512}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct tuff_graph *g = NULL;
        const struct zoo_residual *shape = zoo_residual_find(known[i].name);
        struct tuff_error error = {0};
        if (!shape || tuff_graph_create(t->context, &g, &error) != TUFF_OK) {
            graph_check(&t->failures, false, "%s: is not found: %s", known[i].name, error.message);
            continue;
        }
        tuff_val y = zoo_residual(g, tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(2, 3, 224, 224)), shape, false);
        struct counts c = count(g, 0);
        bool same = tuff_graph_leaf_count(g) == known[i].arrays && c.parameters == known[i].parameters;
        graph_check(&t->failures, same, "%s: %u arrays, %llu parameters", known[i].name, (unsigned)tuff_graph_leaf_count(g),
                    (unsigned long long)c.parameters);
        graph_check(&t->failures, tuff_graph_find(g, known[i].leaf) != 0, "%s has no %s", known[i].name, known[i].leaf);
        struct tuff_type type = tuff_type_of(g, y);
        graph_check(&t->failures,
                    type.shape.rank == 2 && type.shape.dim[1] == known[i].features &&
                        zoo_residual_features(shape) == known[i].features,
                    "%s: %u features", known[i].name, (unsigned)type.shape.dim[1]);
        tuff_graph_destroy(g);
    }
    graph_check(&t->failures, zoo_residual_find("vgg") == NULL, "a residual network that is not there is found");
}

int main(int argc, char **argv)
{
    struct nets_test t = {.failures = 0};
    struct zoo_work work;
    if (tuff_context_create(NULL, &t.context, NULL) != TUFF_OK) return 1;
    for (uint32_t i = 0; i < zoo_net_count; i++) {
        const struct zoo_net *net = &zoo_nets[i];
        if (argc > 1 && !strcmp(argv[1], "--list")) {
            list(&t, net);
            continue;
        }
        graph_check(&t.failures, zoo_net_find(net->name) == net, "%s: is not found, or twice there", net->name);
        if (net->infers) check_work(&t, net, ZOO_INFER, 0);
        if (net->infers) check_work(&t, net, ZOO_INFER, 3);
        if (net->trains) check_work(&t, net, ZOO_TRAIN, 0);
        if (!net->trains)
            graph_check(&t.failures, zoo_work_create(t.context, net, ZOO_TRAIN, 0, &work, NULL) == TUFF_ERR_USAGE,
                        "%s: expected TUFF_ERR_USAGE of its training", net->name);
    }
    if (argc == 1) check_pictures(&t);
    check_residual(&t);
    graph_check(&t.failures, zoo_net_find("resnet") == NULL, "a net that is not there is found");
    printf("graph_nets: %u nets, %u failures\n", (unsigned)zoo_net_count, t.failures);
    tuff_context_destroy(t.context);
    return t.failures != 0;
}
