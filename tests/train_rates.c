/* train_rates.c - rates that follow a metric, in a fit that goes on bit for bit; the search for a rate, which leaves everything as it was; what of
 * schedules is refused. tests/torch_optimizers.sh has the rates beside PyTorch's. */
#include "graph/train/optimizer.h"
#include "tests/temporary.h"
#include "tests/train_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool ok(struct backend_test *t, const char *what, tuff_status status, const struct tuff_error *error)
{
    return backend_status(t, what, TUFF_OK, status, error);
}

static void expect(struct backend_test *t, const char *what, double expected, double got)
{
    if (fabs(got - expected) <= 1e-12 * fabs(expected)) return;
    printf("%s: expected %.17g, got %.17g\n", what, expected, got);
    t->failures++;
}

/* Lowered in each epoch behind the first, as nothing is good enough. */
static struct tuff_plateau strict(void)
{
    return (struct tuff_plateau){.factor = 0.5, .threshold = TUFF_NUMBER(1e6), .absolute = true};
}

static bool open_fit(struct backend_test *t, struct train *r, const char *path, uint32_t epochs, bool plateau)
{
    struct tuff_error e = {0};
    const struct train_params params = {.path = path, .samples = 64, .epochs = epochs};
    if (!ok(t, "opening", train_open(r, NULL, &e), &e) || !ok(t, "model", train_model(r, &params, &e), &e)) return false;
    r->fit.optimizer = tuff_optimizer_defaults(TUFF_ADAM, 0.01);
    if (plateau) r->fit.plateau = strict();
    return true;
}

static void test_plateau(struct backend_test *t)
{
    struct train whole = {0}, half = {0}, rest = {0}, constant = {0};
    struct tuff_error e = {0};
    struct train_content a = {0}, b = {0}, c = {0};
    char path[1024];
    temporary_path("plateau.tuff", path, sizeof path);
    if (open_fit(t, &whole, NULL, 4, true) && ok(t, "fit", train_fit(&whole, &e), &e))
        ok(t, "content", train_content(&whole, &a, &e), &e);
    expect(t, "three times lowered", 0.125, a.state.plateau.scale);
    if (open_fit(t, &half, path, 2, true)) ok(t, "half of a fit", train_fit(&half, &e), &e);
    if (open_fit(t, &rest, path, 4, true) && ok(t, "going on", train_load(&rest, &e), &e) &&
        ok(t, "rest", train_fit(&rest, &e), &e))
        ok(t, "content", train_content(&rest, &b, &e), &e);
    if (a.bytes && b.bytes) train_expect_same(t, "a fit that went on with lowered rates", &a, &b);
    if (open_fit(t, &constant, NULL, 4, false) && ok(t, "fit", train_fit(&constant, &e), &e))
        ok(t, "content", train_content(&constant, &c, &e), &e);
    if (a.bytes && c.bytes && !memcmp(a.bytes, c.bytes, a.count))
        printf("rates that are lowered train as others do\n"), t->failures++;
    if (constant.model) {
        constant.fit.plateau = (struct tuff_plateau){.factor = 1};
        constant.fit.epochs = 5;
        backend_status(t, "a factor of 1", TUFF_ERR_USAGE, train_fit(&constant, &e), &e);
    }
    free(a.bytes), free(b.bytes), free(c.bytes);
    train_close(&whole), train_close(&half), train_close(&rest), train_close(&constant);
    remove(path);
}

static void check_points(struct backend_test *t, const struct tuff_rate_point *points, const struct tuff_found_rate *found,
                         double first, double last)
{
    bool rising = found->count > 3;
    for (uint32_t i = 1; i < found->count; i++) rising = rising && points[i].rate > points[i - 1].rate;
    if (!rising || !(found->rate >= first && found->rate < last) || !(found->least >= found->rate))
        printf("found %g and %g of %u rates from %g to %g\n", found->rate, found->least, (unsigned)found->count, first,
               last),
            t->failures++;
    if (found->count) expect(t, "the first rate", first, points[0].rate);
}

/* Before a fit and in the middle of one; what comes then is what would have come. */
static void test_model(struct backend_test *t)
{
    struct train searched = {0}, other = {0};
    struct train *const both[] = {&searched, &other};
    struct tuff_error e = {0};
    struct tuff_rate_point points[40];
    struct tuff_found_rate found;
    struct train_content content[2] = {{0}};
    const struct tuff_find_rate_params params = {.struct_size = sizeof params, .first = 1e-5, .last = 100, .steps = 40};
    for (int i = 0; i < 2; i++) {
        struct train *r = both[i];
        if (!open_fit(t, r, NULL, 1, true)) continue;
        for (uint32_t round = 0; round < 2; round++) {
            if (i == 0 &&
                ok(t, "search", tuff_model_find_rate(r->model, &r->data, &r->fit, &params, points, &found, &e), &e))
                check_points(t, points, &found, 1e-5, 100);
            ok(t, "fit", train_fit(r, &e), &e);
            r->fit.epochs = 3;
        }
        ok(t, "content", train_content(r, &content[i], &e), &e);
    }
    if (content[0].bytes && content[1].bytes)
        train_expect_same(t, "a fit in which a rate was searched", &content[0], &content[1]);
    free(content[0].bytes), free(content[1].bytes);
    train_close(&searched), train_close(&other);
}

/* ---- a trainer ----------------------------------------------------------------------------------------------------------------- */

static tuff_status write_input(void *user, struct tuff_trainer *trainer, uint32_t step, struct tuff_error *error)
{
    const float x[4] = {1, -1, 2, (float)(step % 3)};
    return tuff_trainer_write(trainer, *(const tuff_val *)user, x, sizeof x, error);
}

/* Loss |x - p|^2 with p from 10: steepest at about 1, diverging above. */
static void test_trainer(struct backend_test *t)
{
    struct tuff_graph *g = NULL;
    struct tuff_session *session = NULL;
    struct tuff_trainer *trainer = NULL;
    struct tuff_error e = {0};
    struct tuff_rate_point points[TUFF_RATE_STEPS];
    struct tuff_found_rate found;
    float p[4];
    if (!ok(t, "graph", tuff_graph_create(t->context, &g, &e), &e)) return;
    tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(4));
    tuff_val w = tuff_param(g, "p", TUFF_SHAPE(4), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 10});
    struct tuff_trainer_params params = {.struct_size = sizeof params,
                                         .optimizer = tuff_optimizer_defaults(TUFF_SGD, 0.5),
                                         .loss = tuff_mse_loss(g, w, x, TUFF_REDUCE_MEAN)};
    struct tuff_find_rate_params find = {
        .struct_size = sizeof find, .first = 1e-4, .last = 1e4, .write = write_input, .user = &x};
    bool good = ok(t, "trainer", tuff_trainer_create(g, &params, &trainer, &e), &e);
    good = good && backend_status(t, "not compiled", TUFF_ERR_USAGE, tuff_find_rate(trainer, &find, points, &found, &e), &e);
    good = good && ok(t, "session", tuff_session_create(t->device, g, NULL, &session, &e), &e) &&
           ok(t, "compiling", tuff_trainer_compile(trainer, session, NULL, &e), &e) &&
           ok(t, "search", tuff_find_rate(trainer, &find, points, &found, &e), &e) &&
           ok(t, "reading", tuff_session_read(session, w, p, sizeof p, &e), &e);
    if (good) {
        check_points(t, points, &found, 1e-4, 10);
        if (found.count == TUFF_RATE_STEPS) printf("a loss that left was followed\n"), t->failures++;
        for (int i = 0; i < 4; i++) expect(t, "the parameter as it was", 10, (double)p[i]);
        expect(t, "no steps", 0, (double)tuff_trainer_counts(trainer).steps);
        find.first = -1;
        backend_status(t, "a rate below 0", TUFF_ERR_USAGE, tuff_find_rate(trainer, &find, points, &found, &e), &e);
        find.first = 1, find.write = NULL;
        backend_status(t, "no batches", TUFF_ERR_USAGE, tuff_find_rate(trainer, &find, points, &found, &e), &e);
        backend_status(t, "a scale of 0", TUFF_ERR_USAGE, tuff_trainer_scale(trainer, 0, &e), &e);
        ok(t, "half of the rate", tuff_trainer_scale(trainer, 0.5, &e), &e);
        ok(t, "inputs", write_input(&x, trainer, 0, &e), &e);
        ok(t, "a step", tuff_trainer_step(trainer, NULL, &e), &e);
        ok(t, "reading", tuff_session_read(session, w, p, sizeof p, &e), &e);
        expect(t, "a step at half of the rate", 10 - 0.25 * 2 * (10 - 1) / 4, (double)p[0]);
    }
    tuff_trainer_destroy(trainer);
    tuff_session_destroy(session);
    tuff_graph_destroy(g);
}

static void test_refusals(struct backend_test *t)
{
    static const double below[] = {0.1, -0.1};
    static const struct {
        struct tuff_schedule s;
        const char *sentence;
    } all[] = {
        {{.kind = TUFF_SCHEDULE_POLYNOMIAL, .lr = 1}, "the schedule's period is 0 updates"},
        {{.kind = TUFF_SCHEDULE_POLYNOMIAL, .lr = 1, .period = 2, .power = -1}, "the schedule's power is -1"},
        {{.kind = TUFF_SCHEDULE_ONE_CYCLE, .lr = 1, .period = 9, .one_cycle = {.share = 1}},
         "that rises is 1, not from 0 to below 1"},
        {{.kind = TUFF_SCHEDULE_ONE_CYCLE, .lr = 1, .period = 9, .one_cycle = {.share = 0.5, .three_phase = true}},
         "below 0.5"},
        {{.kind = TUFF_SCHEDULE_ONE_CYCLE, .lr = 1, .period = 9, .one_cycle = {.rise = -1}}, "the cycle's rise is -1"},
        {{.kind = TUFF_SCHEDULE_TABLE, .lr = 1}, "the schedule's table of rates is missing"},
        {{.kind = TUFF_SCHEDULE_TABLE, .lr = 1, .rates = below, .rate_count = 2}, "rate 1 of the schedule's table is -0.1"}};
    for (size_t i = 0; i < TUFF_COUNT(all); i++) {
        struct tuff_error e = {0};
        if (tuff_schedule_check(t->context, &all[i].s, &e) == TUFF_ERR_USAGE && strstr(e.message, all[i].sentence)) continue;
        printf("expected '%s', got '%s'\n", all[i].sentence, e.message);
        t->failures++;
    }
}

int main(void)
{
    struct backend_test t;
    int status = backend_test_begin(&t, NULL);
    if (status != 0) return status;
    test_plateau(&t);
    test_model(&t);
    test_trainer(&t);
    test_refusals(&t);
    return backend_test_end(&t, "train_rates");
}
