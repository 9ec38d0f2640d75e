/* update.h - an update of parameters while it is added to a graph, shared by optimizer.c and the table of rules. Private. */
#ifndef TUFF_UPDATE_H
#define TUFF_UPDATE_H

#include "graph/op.h"
#include "graph/train/optimizer.h"

enum { TUFF_RULE_STATES = 3 };
enum tuff_column { TUFF_COLUMN_LR, TUFF_COLUMN_CORRECTION1, TUFF_COLUMN_CORRECTION2, TUFF_COLUMN_APPLY, TUFF_COLUMNS };

struct tuff_members { /* parameters of a group and its vectors [P] */
    const tuff_val *x;
    uint32_t count, length;
    const tuff_val *packs; /* [arena] the parameters' memory, as parts of p */
    uint32_t pack_count;
    tuff_val p, grad;
    tuff_val state[TUFF_RULE_STATES];
    const struct tuff_param_group *group; /* or NULL */
    struct tuff_optimizer_pack *pack;
};
struct tuff_update {
    struct tuff_graph *g;
    struct tuff_optimizer *o;
    const struct tuff_optimizer_params *p; /* of o */
    const struct tuff_optimizer_plan *plan;
    tuff_val *updates;             /* [arena] */
    tuff_val column[TUFF_COLUMNS]; /* scalars of this run */
    tuff_val ema;                  /* scalar: how much of the averages stays, or 0 */
    tuff_val good;                 /* bool scalar: loss and gradients of this run are finite */
    tuff_val kind;                 /* i32 scalar: enum tuff_health of this run */
    tuff_val apply;                /* bool scalar: parameters and their states take what was computed */
    struct tuff_members members[TUFF_PARAM_GROUPS + 1];
};
/* A state of the rule takes the value in runs that update. */
void tuff_update_state(struct tuff_update *u, const struct tuff_members *m, uint32_t state, tuff_val value);
/* Sums of each member's squares [count] of a vector v [P], and numbers of each member [count] as a factor of v's elements [rows, ROW]. */
struct tuff_member_rows {
    tuff_val of_row; /* i32 [rows]: the member in which a row lies */
    uint32_t rows, count;
};
enum { TUFF_ROW = TUFF_PLAN_ALIGNMENT / sizeof(float) };
struct tuff_member_rows tuff_member_rows(struct tuff_graph *g, const struct tuff_members *m);
tuff_val tuff_member_squares(struct tuff_graph *g, const struct tuff_member_rows *r, tuff_val v);
tuff_val tuff_member_scaled(struct tuff_graph *g, const struct tuff_member_rows *r, tuff_val v, tuff_val factors);

/* ---- rules --------------------------------------------------------------------------------------------------------------------- */

/* When a rule has a state. */
enum tuff_when { TUFF_NEVER = 0, TUFF_ALWAYS, TUFF_WITH_MOMENTUM, TUFF_WITH_CENTERED, TUFF_WITH_AMSGRAD };
/* Numbers and switches of struct tuff_optimizer_params that a rule reads. */
enum tuff_reads {
    TUFF_READS_MOMENTUM = 1 << 0,
    TUFF_READS_NESTEROV = 1 << 1,
    TUFF_READS_BETAS = 1 << 2,
    TUFF_READS_ALPHA = 1 << 3,
    TUFF_READS_EPS = 1 << 4,
    TUFF_READS_CENTERED = 1 << 5,
    TUFF_READS_AMSGRAD = 1 << 6,
    TUFF_READS_ACCUMULATOR = 1 << 7, /* lr_decay and initial_accumulator */
};
struct tuff_rule {
    const char *name; /* of options and sentences */
    uint32_t reads;
    double beta1, beta2, alpha, eps; /* what tuff_optimizer_defaults gives */
    /* What is multiplied by the rate and subtracted from the parameters, of gradients d [P]; gives the states their next values. */
    tuff_val (*step)(struct tuff_update *u, const struct tuff_members *m, tuff_val d);
    /* Of the step with its weight decay, or NULL */
    tuff_val (*scale)(struct tuff_update *u, const struct tuff_members *m, tuff_val step);
    struct {
        const char *name;
        enum tuff_when when;
    } state[TUFF_RULE_STATES];
    uint32_t accumulator; /* 1 + the state that begins with initial_accumulator; 0: none does */
    bool decoupled;       /* weight decay is no part of the gradients: p -= lr wd p */
    bool squares;         /* a state takes the squares of gradients, which may be infinite */
};
extern const struct tuff_rule tuff_rules[];
extern const uint32_t tuff_rule_count;

#endif
