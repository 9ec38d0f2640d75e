/* pictures.c - what tells pictures apart, from both tables, as tuff_model builds it. */
#include "nets.h"

#include <stdio.h>
#include <string.h>

static bool is_classifier(const struct zoo_net *net)
{
    return net->sample.dtype == TUFF_F32 && net->sample.shape.rank == 3 && net->outputs == net->classes;
}

bool zoo_picture(uint32_t index, struct zoo_picture *picture)
{
    if (index < zoo_model_count) {
        const struct zoo_model *m = &zoo_models[index];
        *picture = (struct zoo_picture){.name = m->name, .about = m->about, .epochs = m->epochs, .lr = m->lr, .model = m};
        return true;
    }
    index -= zoo_model_count;
    for (uint32_t i = 0; i < zoo_net_count; i++) {
        const struct zoo_net *net = &zoo_nets[i];
        if (!is_classifier(net) || index-- > 0) continue;
        *picture = (struct zoo_picture){.name = net->name,
                                        .about = net->title,
                                        .side = net->sample.shape.dim[1],
                                        .channels = net->sample.shape.dim[0],
                                        .batch = net->train_batch ? net->train_batch : 16,
                                        .epochs = 10,
                                        .lr = 1e-3,
                                        .net = net};
        return true;
    }
    return false;
}

bool zoo_picture_find(const char *name, struct zoo_picture *picture)
{
    for (uint32_t i = 0; zoo_picture(i, picture); i++)
        if (strcmp(picture->name, name) == 0) return true;
    return false;
}

tuff_val zoo_picture_build(const struct zoo_picture *picture, struct tuff_graph *g, tuff_val x, bool training,
                           uint32_t classes, char head[32])
{
    strcpy(head, "out.");
    if (picture->model) return picture->model->build(g, x, training, &classes);
    struct zoo_build b = {.g = g, .training = training, .norms = true, .classes = classes};
    tuff_val y = picture->net->build(&b, x);
    snprintf(head, 32, "layer%u.", (unsigned)b.layer);
    return y;
}
