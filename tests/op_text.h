/* op_text.h - evaluates the text of a pointwise row together with a bound of what a Vulkan device may make of it. */
#ifndef OP_TEXT_H
#define OP_TEXT_H

#include <stdbool.h>

/* A value of the double reference, and how far a device's may lie from it; INFINITY where nothing can be said. */
struct op_number {
    double v, e;
};

#define OP_ULP 1.1920928955078125e-7 /* 2^-23: one unit in the last place is at most this much of a value */
#define OP_TINY 5e-38                /* a few times the least normal f32: denormals may be flushed */
#define OP_HUGE 3.4e38               /* what is larger overflows */

struct op_text_node {
    char kind; /* a literal or variable 'v', + - * / n(egate) ? < g(reater) l(e) G(e) =(equal) !(not equal) f(unction) */
    char variable;
    int function;
    int in[3];
    double literal;
};
struct op_text {
    struct op_text_node node[160];
    int count, root;
    const char *at; /* while reading */
    bool failed;
};

/* False when the text has something that rows may not contain. */
bool op_text_read(struct op_text *text, const char *source);
/* Variables: a b y p (p0) q (p1). */
struct op_number op_text_evaluate(const struct op_text *text, const struct op_number variables[5]);

#endif
