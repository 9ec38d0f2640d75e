/* rules.c - the update rules of optimizers as a table: what each is called, which numbers it reads and their defaults, its states, and its formula
 * as graph. optimizer.c does what all share: gradients, soundness, clipping, groups, weight decay, rates. */
#include "graph/train/update.h"

/* Numbers of a rule's states */
enum { FIRST, SECOND, THIRD };

/* a state + b value */
static tuff_val mixed(struct tuff_graph *g, tuff_val state, double a, tuff_val value, double b)
{
    tuff_val more = tuff_affine(g, value, b, 0);
    return tuff_add(g, tuff_affine(g, state, a, 0), more);
}

/* v = momentum v + g; with Nesterov's the step is g + momentum v */
static tuff_val sgd(struct tuff_update *u, const struct tuff_members *m, tuff_val d)
{
    struct tuff_graph *g = u->g;
    if (!m->state[FIRST]) return d;
    tuff_val v = tuff_add(g, tuff_affine(g, m->state[FIRST], u->p->momentum, 0), d);
    tuff_update_state(u, m, FIRST, v);
    return u->p->nesterov ? tuff_add(g, d, tuff_affine(g, v, u->p->momentum, 0)) : v;
}

/* m / c1 / (sqrt(v / c2) + eps) of the moments m and v; with AMSGrad v is the largest that it was (Reddi et al. 2018). */
static tuff_val adam(struct tuff_update *u, const struct tuff_members *group, tuff_val d)
{
    struct tuff_graph *g = u->g;
    tuff_val m = mixed(g, group->state[FIRST], u->p->beta1, d, 1 - u->p->beta1);
    tuff_val square = tuff_affine(g, tuff_square(g, d), 1 - u->p->beta2, 0);
    tuff_val v = tuff_add(g, tuff_affine(g, group->state[SECOND], u->p->beta2, 0), square);
    tuff_update_state(u, group, FIRST, m);
    tuff_update_state(u, group, SECOND, v);
    if (group->state[THIRD]) {
        v = tuff_maximum(g, group->state[THIRD], v);
        tuff_update_state(u, group, THIRD, v);
    }
    tuff_val root = tuff_affine(g, tuff_sqrt(g, tuff_mul(g, v, u->column[TUFF_COLUMN_CORRECTION2])), 1, u->p->eps);
    return tuff_div(g, tuff_mul(g, m, u->column[TUFF_COLUMN_CORRECTION1]), root);
}

/* |p| / |step| of each parameter, 1 where either is 0 */
static tuff_val trust(struct tuff_update *u, const struct tuff_members *m, tuff_val step)
{
    struct tuff_graph *g = u->g;
    struct tuff_member_rows rows = tuff_member_rows(g, m);
    tuff_val zero = tuff_scalar(g, 0), one = tuff_scalar(g, 1);
    tuff_val size = tuff_sqrt(g, tuff_member_squares(g, &rows, m->p));
    tuff_val length = tuff_sqrt(g, tuff_member_squares(g, &rows, step));
    tuff_val moves = tuff_greater(g, length, zero), ratio = tuff_div(g, size, tuff_select(g, moves, length, one));
    ratio = tuff_select(g, moves, ratio, one);
    tuff_val there = tuff_greater(g, size, zero);
    return tuff_member_scaled(g, &rows, step, tuff_select(g, there, ratio, one));
}

static tuff_val rmsprop(struct tuff_update *u, const struct tuff_members *m, tuff_val d)
{
    struct tuff_graph *g = u->g;
    tuff_val v = mixed(g, m->state[SECOND], u->p->alpha, tuff_square(g, d), 1 - u->p->alpha);
    tuff_update_state(u, m, SECOND, v);
    if (m->state[THIRD]) {
        tuff_val mean = mixed(g, m->state[THIRD], u->p->alpha, d, 1 - u->p->alpha);
        tuff_update_state(u, m, THIRD, mean);
        v = tuff_sub(g, v, tuff_square(g, mean));
        v = tuff_maximum(g, v, tuff_scalar(g, 0)); /* a variance, but for rounding */
    }
    tuff_val step = tuff_div(g, d, tuff_affine(g, tuff_sqrt(g, v), 1, u->p->eps));
    if (!m->state[FIRST]) return step;
    step = tuff_add(g, tuff_affine(g, m->state[FIRST], u->p->momentum, 0), step);
    tuff_update_state(u, m, FIRST, step);
    return step;
}

static tuff_val adagrad(struct tuff_update *u, const struct tuff_members *m, tuff_val d)
{
    struct tuff_graph *g = u->g;
    tuff_val sum = tuff_add(g, m->state[SECOND], tuff_square(g, d));
    tuff_update_state(u, m, SECOND, sum);
    return tuff_div(g, d, tuff_affine(g, tuff_sqrt(g, sum), 1, u->p->eps));
}

static tuff_val adadelta(struct tuff_update *u, const struct tuff_members *m, tuff_val d)
{
    struct tuff_graph *g = u->g;
    tuff_val v = mixed(g, m->state[SECOND], u->p->alpha, tuff_square(g, d), 1 - u->p->alpha);
    tuff_update_state(u, m, SECOND, v);
    tuff_val root = tuff_sqrt(g, tuff_affine(g, v, 1, u->p->eps));
    tuff_val before = tuff_sqrt(g, tuff_affine(g, m->state[THIRD], 1, u->p->eps));
    tuff_val step = tuff_mul(g, tuff_div(g, before, root), d);
    tuff_val moved = tuff_square(g, step);
    tuff_update_state(u, m, THIRD, mixed(g, m->state[THIRD], u->p->alpha, moved, 1 - u->p->alpha));
    return step;
}

static tuff_val adamax(struct tuff_update *u, const struct tuff_members *group, tuff_val d)
{
    struct tuff_graph *g = u->g;
    tuff_val m = mixed(g, group->state[FIRST], u->p->beta1, d, 1 - u->p->beta1);
    tuff_val size = tuff_affine(g, tuff_abs(g, d), 1, u->p->eps);
    tuff_val most = tuff_maximum(g, tuff_affine(g, group->state[SECOND], u->p->beta2, 0), size);
    tuff_update_state(u, group, FIRST, m);
    tuff_update_state(u, group, SECOND, most);
    return tuff_div(g, tuff_mul(g, m, u->column[TUFF_COLUMN_CORRECTION1]), most);
}

static tuff_val lion(struct tuff_update *u, const struct tuff_members *m, tuff_val d)
{
    struct tuff_graph *g = u->g;
    tuff_val way = mixed(g, m->state[FIRST], u->p->beta1, d, 1 - u->p->beta1);
    tuff_update_state(u, m, FIRST, mixed(g, m->state[FIRST], u->p->beta2, d, 1 - u->p->beta2));
    return tuff_sign(g, way);
}

#define MOMENTUM "optimizer/momentum"
#define VARIANCE "optimizer/variance"
#define ADAMS TUFF_READS_BETAS | TUFF_READS_EPS

#define NUMBERS(beta1_, beta2_, alpha_, eps_) .beta1 = (beta1_), .beta2 = (beta2_), .alpha = (alpha_), .eps = (eps_)

const struct tuff_rule tuff_rules[] = {
    [TUFF_SGD] = {.name = "sgd",
                  .reads = TUFF_READS_MOMENTUM | TUFF_READS_NESTEROV,
                  NUMBERS(0.9, 0.999, 0.99, 1e-8),
                  .step = sgd,
                  .state = {{MOMENTUM, TUFF_WITH_MOMENTUM}}},
    [TUFF_ADAM] = {.name = "adam",
                   .reads = ADAMS | TUFF_READS_AMSGRAD,
                   NUMBERS(0.9, 0.999, 0.99, 1e-8),
                   .step = adam,
                   .state = {{MOMENTUM, TUFF_ALWAYS}, {VARIANCE, TUFF_ALWAYS}, {"optimizer/largest", TUFF_WITH_AMSGRAD}},
                   .squares = true},
    [TUFF_ADAMW] = {.name = "adamw",
                    .reads = ADAMS | TUFF_READS_AMSGRAD,
                    NUMBERS(0.9, 0.999, 0.99, 1e-8),
                    .step = adam,
                    .state = {{MOMENTUM, TUFF_ALWAYS}, {VARIANCE, TUFF_ALWAYS}, {"optimizer/largest", TUFF_WITH_AMSGRAD}},
                    .decoupled = true,
                    .squares = true},
    [TUFF_RMSPROP] = {.name = "rmsprop",
                      .reads = TUFF_READS_MOMENTUM | TUFF_READS_ALPHA | TUFF_READS_EPS | TUFF_READS_CENTERED,
                      NUMBERS(0.9, 0.999, 0.99, 1e-8),
                      .step = rmsprop,
                      .state = {{MOMENTUM, TUFF_WITH_MOMENTUM},
                                {VARIANCE, TUFF_ALWAYS},
                                {"optimizer/mean", TUFF_WITH_CENTERED}},
                      .squares = true},
    [TUFF_ADAGRAD] = {.name = "adagrad",
                      .reads = TUFF_READS_EPS | TUFF_READS_ACCUMULATOR,
                      NUMBERS(0.9, 0.999, 0.99, 1e-10),
                      .step = adagrad,
                      .state = {[SECOND] = {VARIANCE, TUFF_ALWAYS}},
                      .accumulator = 1 + SECOND,
                      .squares = true},
    [TUFF_ADADELTA] = {.name = "adadelta",
                       .reads = TUFF_READS_ALPHA | TUFF_READS_EPS,
                       NUMBERS(0.9, 0.999, 0.9, 1e-6),
                       .step = adadelta,
                       .state = {[SECOND] = {VARIANCE, TUFF_ALWAYS}, [THIRD] = {"optimizer/moved", TUFF_ALWAYS}},
                       .squares = true},
    [TUFF_ADAMAX] = {.name = "adamax",
                     .reads = ADAMS,
                     NUMBERS(0.9, 0.999, 0.99, 1e-8),
                     .step = adamax,
                     .state = {{MOMENTUM, TUFF_ALWAYS}, {VARIANCE, TUFF_ALWAYS}}},
    [TUFF_LION] = {.name = "lion",
                   .reads = TUFF_READS_BETAS,
                   NUMBERS(0.9, 0.99, 0.99, 1e-8),
                   .step = lion,
                   .state = {{MOMENTUM, TUFF_ALWAYS}},
                   .decoupled = true},
    [TUFF_LAMB] = {.name = "lamb",
                   .reads = ADAMS,
                   NUMBERS(0.9, 0.999, 0.99, 1e-6),
                   .step = adam,
                   .scale = trust,
                   .state = {{MOMENTUM, TUFF_ALWAYS}, {VARIANCE, TUFF_ALWAYS}},
                   .decoupled = true,
                   .squares = true},
};
const uint32_t tuff_rule_count = TUFF_COUNT(tuff_rules);

const char *tuff_optimizer_name(enum tuff_optimizer_kind kind)
{
    return (unsigned)kind < tuff_rule_count ? tuff_rules[kind].name : NULL;
}

bool tuff_optimizer_find(const char *name, enum tuff_optimizer_kind *kind)
{
    for (uint32_t i = 0; i < tuff_rule_count; i++) {
        if (strcmp(tuff_rules[i].name, name) != 0) continue;
        *kind = (enum tuff_optimizer_kind)i;
        return true;
    }
    return false;
}
