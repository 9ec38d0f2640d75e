/* train_limits.c - a training under the limits of small devices ends where it ends without them: bit for bit where the same
 * kernels run (fences, no timestamps, tensors bound in windows), and near it where others are chosen. */
#include "tests/train_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct limits_case {
    const char *limits;
    bool same_kernels;
};
struct outcome {
    struct train_content content;
    uint32_t launches;
};

/* What a training under these limits ends with, its learning rate that many floats larger; false where it failed. */
static bool train_under(struct backend_test *test, const char *limits, int floats, struct outcome *outcome)
{
    struct tuff_error error = {0};
    struct tuff_options options = {.struct_size = sizeof options, .limits = limits};
    struct train t = {0};
    struct train_params params = {.epochs = 2, .units = 64};
    tuff_options_from_env(&options);
    tuff_status status = train_open(&t, &options, &error);
    if (status == TUFF_OK) status = train_model(&t, &params, &error);
    t.fit.optimizer.schedule.lr *= 1 + floats * 1.2e-7;
    if (status == TUFF_OK) status = train_fit(&t, &error);
    if (status == TUFF_OK) status = train_content(&t, &outcome->content, &error);
    if (status == TUFF_OK) outcome->launches = tuff_model_figures(t.model).launches;
    train_close(&t);
    return backend_status(test, limits ? limits : "no limits", TUFF_OK, status, &error);
}

/* How far the loss may lie off where other kernels round otherwise: eight times as far as it moves with a learning rate that is
 * one, two or three floats larger, which rounds no less. */
static double bound_of(struct backend_test *test, const struct outcome *expected)
{
    double bound = 0, loss = expected->content.state.best_loss;
    for (int floats = 1; floats <= 3; floats++) {
        struct outcome moved = {0};
        if (train_under(test, NULL, floats, &moved)) bound = fmax(bound, 8 * fabs(moved.content.state.best_loss - loss));
        free(moved.content.bytes);
    }
    backend_check(test, bound > 0 && bound < 0.03 * loss, "bound: expected less than 3 %% of %.9g, got %.3g", loss, bound);
    printf("bound %.3g of a loss of %.9g\n", bound, loss);
    return bound;
}

static void compare(struct backend_test *test, const struct limits_case *c, const struct outcome *expected,
                    const struct outcome *got, double bound)
{
    if (c->same_kernels) {
        train_expect_same(test, c->limits, &expected->content, &got->content);
        return;
    }
    double a = expected->content.state.best_loss, b = got->content.state.best_loss;
    backend_check(test, fabs(a - b) <= bound, "%s: expected a loss of %.9g, got %.9g, bound %.3g", c->limits, a, b, bound);
}

static bool without_compiler(const struct backend_test *test)
{
    return !tuff_glslang() || (test->context->options.debug & TUFF_DEBUG_NOCOMPILER) != 0;
}

int main(void)
{
    static const struct limits_case cases[] = {{"no-timeline,no-timestamps", true},
                                               {"range=16384", true}, /* smaller than the largest tensors */
                                               {"floor,range=32768", false},
                                               {"powervr", false},
                                               {"adreno702", false},
                                               {"mali-g31", false},
                                               {"v3d71", false},
                                               {"swiftshader", false},
                                               {"navi31", false},
                                               {"no-16bit,no-8bit", false},
                                               {"no-subgroups", false}};
    struct backend_test test = {0};
    struct outcome expected = {0}, got;
    int skip;
    if (getenv("TUFF_LIMITS")) {
        printf("needs the device as it is, without TUFF_LIMITS\n");
        return 77;
    }
    if ((skip = backend_test_begin(&test, NULL)) != 0) return skip;
    bool trained = train_under(&test, NULL, 0, &expected);
    double bound = trained ? bound_of(&test, &expected) : 0;
    for (size_t i = 0; trained && i < TUFF_COUNT(cases); i++) {
        got = (struct outcome){0};
        if (without_compiler(&test) && strstr(cases[i].limits, "range=")) continue; /* windows are hook text */
        if (train_under(&test, cases[i].limits, 0, &got)) compare(&test, &cases[i], &expected, &got, bound);
        if (!strcmp(cases[i].limits, "range=16384"))
            backend_check(&test, got.launches > expected.launches, "%s: expected more than %u launches, got %u",
                          cases[i].limits, expected.launches, got.launches);
        free(got.content.bytes);
    }
    free(expected.content.bytes);
    return backend_test_end(&test, "train_limits");
}
