/* sample-series - forecasts a series with seasons, as hours with days and weeks, by an LSTM, and compares with forecasts that cost nothing.
 * README.md says more. */
#include "nets.h"
#include "plot.h"
#include "sample.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES = 5 }; /* the value, and the places in season and long season as sine and cosine */

struct settings {
    uint32_t epochs, batch, past, ahead, period, units, days, seed;
    double rate, share;
};

struct series {
    uint32_t count, room;
    double *value;          /* [owned] [count] */
    double mean, deviation; /* of what is trained with */
    float *x, *y;           /* [owned] [windows, past, FEATURES], [windows, ahead], standardised */
    uint32_t windows, trained;
};

/* ---- the series ---------------------------------------------------------------------------------------------------------------------- */

static bool append(struct series *to, double value)
{
    if (to->count == to->room) {
        uint32_t room = to->room ? 2 * to->room : 4096;
        double *values = realloc(to->value, room * sizeof *values);
        if (!values) return false;
        to->value = values, to->room = room;
    }
    to->value[to->count++] = value;
    return true;
}

/* Hours of what a town needs of electricity: days with two peaks, quieter weekends, a slow wave, and what cannot be foreseen, which stays for some
 * hours. */
static tuff_status make(struct series *to, uint32_t days, uint64_t random)
{
    double rest = 0;
    for (uint32_t hour = 0; hour < 24 * days; hour++) {
        double h = hour % 24, weekend = hour / 24 % 7 >= 5;
        double day = exp(-(h - 9) * (h - 9) / 12) + 1.3 * exp(-(h - 19) * (h - 19) / 8) - 0.4 * exp(-(h - 3) * (h - 3) / 10);
        rest = 0.9 * rest + 0.45 * sample_normal(&random);
        if (!append(to, 50 + 12 * day * (1 - 0.45 * weekend) + 4 * sin(hour / 24.0 / 30 * 6.2831853) + rest))
            return TUFF_ERR_MEMORY;
    }
    return TUFF_OK;
}

/* The last field of each line, behind commas or semicolons; a first line that is no number is a header. */
static tuff_status read_series(struct sample *s, const char *path, struct series *to)
{
    char line[4096];
    FILE *file = fopen(path, "rb");
    if (!file) return sample_refuse(s, TUFF_ERR_FILE, "%s: %s", path, strerror(errno));
    tuff_status status = TUFF_OK;
    for (uint32_t number = 1; status == TUFF_OK && fgets(line, sizeof line, file); number++) {
        char *end = line + strlen(line);
        if (end == line + sizeof line - 1)
            status = sample_refuse(s, TUFF_ERR_FORMAT, "%s: line %u is longer than %zu bytes", path, (unsigned)number,
                                   sizeof line - 2);
        while (end > line && strchr("\r\n \"", end[-1])) *--end = 0;
        char *field = end;
        while (field > line && !strchr(",;\t", field[-1])) field--;
        field += *field == '"';
        double value = strtod(field, &end);
        if (status || (number == 1 && (end == field || *end))) continue;
        if (end == field || *end || !isfinite(value))
            status = sample_refuse(s, TUFF_ERR_FORMAT, "%s: line %u ends in \"%.40s\", which is no number", path,
                                   (unsigned)number, field);
        else if (!append(to, value))
            status = TUFF_ERR_MEMORY;
    }
    fclose(file);
    return status;
}

/* Windows that begin at each hour; of those that forecast the last share of the series none is trained with. */
static tuff_status cut(struct sample *s, struct series *to, const struct settings *set)
{
    uint32_t least = 2 * (set->past + set->ahead) + 1, known = (uint32_t)((1 - set->share) * to->count);
    if (to->count < least || known < set->past + set->ahead || to->count - known < set->ahead)
        return sample_refuse(s, TUFF_ERR_USAGE, "%u values are too few for windows of %u and %u to train and to test with",
                             (unsigned)to->count, (unsigned)set->past, (unsigned)set->ahead);
    for (uint32_t i = 0; i < known; i++) to->mean += to->value[i] / known;
    for (uint32_t i = 0; i < known; i++) to->deviation += (to->value[i] - to->mean) * (to->value[i] - to->mean) / known;
    to->deviation = to->deviation > 0 ? sqrt(to->deviation) : 1;
    to->windows = to->count - set->past - set->ahead + 1;
    to->trained = known - set->past - set->ahead + 1;
    to->x = malloc((size_t)to->windows * set->past * FEATURES * sizeof *to->x);
    to->y = malloc((size_t)to->windows * set->ahead * sizeof *to->y);
    if (!to->x || !to->y) return sample_refuse(s, TUFF_ERR_MEMORY, "not enough memory for the windows");
    for (uint32_t w = 0; w < to->windows; w++) {
        for (uint32_t t = 0; t < set->past; t++) {
            float *x = to->x + ((size_t)w * set->past + t) * FEATURES;
            double turn = 6.283185307179586 * (w + t) / set->period;
            x[0] = (float)((to->value[w + t] - to->mean) / to->deviation);
            x[1] = (float)sin(turn), x[2] = (float)cos(turn), x[3] = (float)sin(turn / 7), x[4] = (float)cos(turn / 7);
        }
        for (uint32_t t = 0; t < set->ahead; t++)
            to->y[(size_t)w * set->ahead + t] = (float)((to->value[w + set->past + t] - to->mean) / to->deviation);
    }
    return TUFF_OK;
}

/* Windows whose whole forecast lies behind what is trained with. */
static uint32_t first_test(const struct series *series, const struct settings *set)
{
    return series->trained + set->ahead - 1;
}

static struct tuff_data part(const struct series *series, const struct settings *set, bool test)
{
    size_t first = test ? first_test(series, set) : 0;
    return (struct tuff_data){.count = test ? series->windows - first : series->trained,
                              .fields = {series->x + first * set->past * FEATURES, series->y + first * set->ahead}};
}

/* ---- the network -------------------------------------------------------------------------------------------------------------------- */

static void network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    const struct settings *set = user;
    struct zoo_build b = {.g = g, .training = n->training, .norms = true};
    const struct zoo_forecast size = {.units = set->units, .ahead = set->ahead, .period = set->period};
    tuff_network_regress(g, n, zoo_forecast(&b, n->fields[0], &size), n->fields[1]);
}

/* ---- how good it is ------------------------------------------------------------------------------------------------------------------ */

/* Mean absolute error of the values so many places before; 0 stands for the last one that is known. */
static double naive_error(const struct series *series, const struct settings *set, uint32_t back)
{
    double sum = 0;
    uint32_t first = first_test(series, set);
    for (uint32_t w = first; w < series->windows; w++)
        for (uint32_t t = 0; t < set->ahead; t++) {
            uint32_t at = w + set->past + t, from = back ? at - back : w + set->past - 1;
            sum += fabs(series->value[at] - series->value[from]);
        }
    return sum / set->ahead / (series->windows - first);
}

/* One forecast behind the other, over the last of what is tested. */
static tuff_status draw(struct sample *s, const struct series *series, const struct settings *set, const float *found)
{
    enum { SHOWN_WINDOWS = 7 };
    uint32_t tested = series->windows - first_test(series, set), most = (tested - 1) / set->ahead + 1;
    uint32_t windows = most < SHOWN_WINDOWS ? most : SHOWN_WINDOWS, count = windows * set->ahead,
             first = tested - (windows - 1) * set->ahead - 1;
    double(*points[3])[2], *memory = malloc((size_t)count * 6 * sizeof *memory);
    char path[SAMPLE_PATH];
    if (!memory) return TUFF_ERR_MEMORY;
    for (int k = 0; k < 3; k++) points[k] = (double(*)[2])(memory + (size_t)k * 2 * count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t window = first + i / set->ahead * set->ahead, at = first_test(series, set) + first + set->past + i;
        for (int k = 0; k < 3; k++) points[k][i][0] = at;
        points[0][i][1] = series->value[at - set->period];
        points[1][i][1] = series->value[at];
        points[2][i][1] = series->mean + series->deviation * (double)found[(size_t)window * set->ahead + i % set->ahead];
    }
    const struct plot plot = {
        .title = "Forecasts, each made before its first value was known",
        .x_title = "place in the series",
        .lines = {{"one season before", PLOT_PALE, 2, false, false, (const double(*)[2])points[0], count},
                  {"truth", PLOT_BLACK, 2, false, false, (const double(*)[2])points[1], count},
                  {"forecast", PLOT_ORANGE, 2, false, false, (const double(*)[2])points[2], count}},
        .count = 3,
        .width = 860};
    tuff_status status = plot_write(s->context, sample_path(s, "forecast", path), &plot, 1, NULL, &s->error);
    if (status == TUFF_OK) printf("files    %s.svg, .png\n", SHOWN(path));
    free(memory);
    return status;
}

static tuff_status score(struct sample *s, struct tuff_model *model, const struct series *series, const struct settings *set)
{
    struct tuff_data test = part(series, set, true);
    size_t numbers = (size_t)test.count * set->ahead;
    float *found = malloc(numbers * sizeof *found);
    double error = 0;
    if (!found) return TUFF_ERR_MEMORY;
    tuff_status status = tuff_model_predict(model, &test, (void *[]){found}, &s->error);
    for (size_t i = 0; i < numbers && !status; i++)
        error += fabs((double)found[i] - (double)((const float *)test.fields[1])[i]) * series->deviation / (double)numbers;
    if (status == TUFF_OK) {
        double season = naive_error(series, set, set->period), last = naive_error(series, set, 0);
        double least = fmin(season, last),
               week = series->trained > 7 * set->period ? naive_error(series, set, 7 * set->period) : INFINITY;
        printf("test     mean absolute error %.4f over %u values ahead\n", error, (unsigned)set->ahead);
        printf("naive    one season before %.4f, the last value %.4f", season, last);
        if (week < INFINITY) printf(", seven seasons before %.4f", week);
        printf("\nresult   %.4f of the error of the best of these\n", error / fmin(least, week));
        status = draw(s, series, set, found);
    }
    free(found);
    return status;
}

static tuff_status run(struct sample *s, struct settings *set, struct series *series, struct tuff_model **model)
{
    if (set->ahead > set->period || set->period > set->past)
        return sample_refuse(s, TUFF_ERR_USAGE, "--ahead is at most --period, and --period at most --past");
    TRY(s->word_count ? read_series(s, s->words[0], series) : make(series, set->days, set->seed));
    TRY(cut(s, series, set));
    struct tuff_model_params declared = {
        .struct_size = sizeof declared,
        .build = network,
        .user = set,
        .fields = {TUFF_FIELD("past", TUFF_F32, set->past, FEATURES), TUFF_ANSWER("ahead", TUFF_F32, set->ahead)},
        .batch = set->batch,
        .seed = set->seed,
        .progress = sample_progress(s)};
    struct tuff_data train = part(series, set, false), test = part(series, set, true);
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .epochs = set->epochs, .validation = &test};
    fit.optimizer = tuff_optimizer_defaults(TUFF_ADAM, set->rate);
    fit.optimizer.clip_norm = 1;
    sample_watch(s, &fit);
    TRY(tuff_model_create(s->device, &declared, model, &s->error));
    TRY(tuff_model_fit(*model, &train, &fit, &s->error));
    TRY(score(s, *model, series, set));
    return sample_curves(s);
}

int main(int argc, char **argv)
{
    struct settings set = {.epochs = 10,
                           .batch = 64,
                           .past = 72,
                           .ahead = 24,
                           .period = 24,
                           .units = 32,
                           .days = 120,
                           .seed = 1,
                           .rate = 4e-3,
                           .share = 0.2};
    const struct sample_option options[] = {
        {"past", "values that a forecast sees", .count = &set.past, .least = 2, .most = 10000},
        {"ahead", "values that are forecast", .count = &set.ahead, .least = 1, .most = 10000},
        {"period", "values of a season", .count = &set.period, .least = 1, .most = 10000},
        {"epochs", "times that each window is seen", .count = &set.epochs, .least = 1, .most = 10000},
        {"batch", "windows of a step", .count = &set.batch, .least = 1, .most = 65536},
        {"units", "of the LSTM", .count = &set.units, .least = 1, .most = 4096},
        {"rate", "learning rate", .number = &set.rate, .least = 1e-9, .most = 10},
        {"test", "share at the end that is not trained with", .number = &set.share, .least = 0.01, .most = 0.9},
        {"days", "of the made-up series", .count = &set.days, .least = 1, .most = 10000},
        {"seed", "of the weights and the made-up series", .count = &set.seed, .least = 0, .most = 1e9}};
    struct sample s;
    struct series series = {.count = 0};
    struct tuff_model *model = NULL;
    tuff_status status = sample_begin(&s, "sample-series",
                                      "forecasts a series by an LSTM: sample-series [OPTION...] [FILE.csv]", options,
                                      sizeof options / sizeof options[0], 1, argc, argv);
    if (status == TUFF_OK) status = run(&s, &set, &series, &model);
    tuff_model_destroy(model);
    free(series.value), free(series.x), free(series.y);
    return sample_end(&s, status);
}
