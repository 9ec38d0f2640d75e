/* sample-tabular - learns one column of a CSV file from the others: a number (regression) or a kind (classes), and tells which columns count.
 * README.md says more. */
#include "canvas.h"
#include "nets.h"
#include "plot.h"
#include "table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    uint32_t epochs, batch, rows, units, seed;
    double rate, share;
    const char *target, *left_out;
};

/* Encoded rows: those to train with, then those to validate with. */
struct job {
    struct settings set;
    struct table table;
    uint32_t target, width, trained, tested;
    bool classes;
    uint32_t *order; /* [rows]: where each comes from */
    float *x;        /* [rows, width] */
    void *y;         /* [rows] i32 or f32 */
    struct tuff_model *model;
    double *importance; /* [columns] */
};

static void network(struct tuff_graph *g, struct tuff_network *n, void *user)
{
    const struct job *job = user;
    struct zoo_build b = {.g = g, .training = n->training, .norms = true};
    uint32_t answers = job->classes ? job->table.column[job->target].kind_count : 1;
    tuff_val y = zoo_rows(&b, n->fields[0], job->set.units, answers);
    if (job->classes) {
        tuff_network_classify(g, n, y, n->fields[1], 0);
        return;
    }
    y = tuff_reshape(g, y, TUFF_SHAPE(n->batch));
    tuff_network_regress(g, n, y, n->fields[1]);
    if (!n->fields[1]) return;
    tuff_val error = tuff_affine(g, tuff_abs(g, tuff_sub(g, y, n->fields[1])), job->table.column[job->target].deviation, 0);
    tuff_network_metric(g, n, "absolute-error", error, 0);
}

/* ---- rows -------------------------------------------------------------------------------------------------------------------------- */

static tuff_status encode(struct sample *s, struct job *job)
{
    struct table *t = &job->table;
    uint64_t random = job->set.seed;
    uint32_t known = 0, columns = 0;
    job->order = malloc(t->rows * sizeof *job->order);
    if (!job->order) return TUFF_ERR_MEMORY;
    for (uint32_t i = 0; i < t->rows; i++) /* a row without an answer teaches nothing */
        if (t->fields[(size_t)i * t->columns + job->target][0]) job->order[known++] = i;
    for (uint32_t i = known; i > 1; i--) {
        uint32_t k = sample_random(&random) % i, at = job->order[i - 1];
        job->order[i - 1] = job->order[k];
        job->order[k] = at;
    }
    job->tested = (uint32_t)(job->set.share * known);
    job->trained = known - job->tested;
    if (job->tested < 2 || job->trained < 2)
        return sample_refuse(s, TUFF_ERR_USAGE, "of %u rows too few are left to train or to validate with", (unsigned)known);
    job->width = table_standardise(t, job->target, job->order, job->trained);
    for (uint32_t k = 0; k < t->columns; k++) columns += t->column[k].width > 0;
    if (!columns) return sample_refuse(s, TUFF_ERR_USAGE, "no column is left to learn from");
    job->x = malloc((size_t)known * job->width * sizeof *job->x);
    job->y = malloc(known * sizeof(float));
    job->importance = calloc(t->columns, sizeof *job->importance);
    if (!job->x || !job->y || !job->importance) return TUFF_ERR_MEMORY;
    const struct table_column *c = &t->column[job->target];
    for (uint32_t i = 0; i < known; i++) {
        double value = t->value[(size_t)job->order[i] * t->columns + job->target];
        table_encode(t, job->order[i], job->x + (size_t)i * job->width);
        if (job->classes)
            ((int32_t *)job->y)[i] = (int32_t)value;
        else
            ((float *)job->y)[i] = (float)((value - c->mean) / c->deviation);
    }
    printf("rows     %u to train with, %u to validate with; %u columns as %u numbers\n", (unsigned)job->trained,
           (unsigned)job->tested, (unsigned)columns, (unsigned)job->width);
    return TUFF_OK;
}

static struct tuff_data part(const struct job *job, bool validation)
{
    size_t first = validation ? job->trained : 0;
    return (struct tuff_data){.count = validation ? job->tested : job->trained,
                              .fields = {job->x + first * job->width, (const float *)job->y + first}};
}

/* ---- which columns count -------------------------------------------------------------------------------------------------------------- */

/* How much the loss grows where a column's content is that of another row (Breiman 2001; Fisher et al. 2019), mean of some shuffles. */
static tuff_status permute(struct sample *s, struct job *job)
{
    enum { SHUFFLES = 3 };
    struct tuff_data data = part(job, true);
    struct tuff_metrics metrics;
    uint64_t random = job->set.seed + 7;
    TRY(tuff_model_evaluate(job->model, &data, &metrics, &s->error));
    double before = metrics.loss;
    size_t bytes = (size_t)job->tested * job->width * sizeof(float);
    float *x = malloc(bytes);
    if (!x) return TUFF_ERR_MEMORY;
    const float *own = data.fields[0];
    tuff_status status = TUFF_OK;
    data.fields[0] = x;
    for (uint32_t k = 0; k < job->table.columns; k++) {
        const struct table_column *c = &job->table.column[k];
        for (int turn = 0; turn < SHUFFLES && status == TUFF_OK && c->width; turn++) {
            memcpy(x, own, bytes);
            for (uint32_t i = job->tested; i > 1; i--) {
                float *a = x + (size_t)(i - 1) * job->width, *b = x + (size_t)(sample_random(&random) % i) * job->width;
                for (uint32_t at = c->place; at < c->place + c->width; at++) {
                    float kept = a[at];
                    a[at] = b[at], b[at] = kept;
                }
            }
            if (program_stopping()) status = TUFF_ERR_CANCELLED;
            if (status == TUFF_OK) status = tuff_model_evaluate(job->model, &data, &metrics, &s->error);
            job->importance[k] += (metrics.loss - before) / SHUFFLES;
        }
    }
    free(x);
    return status;
}

/* Bars, the longest first. */
static tuff_status draw_importance(struct sample *s, const struct job *job)
{
    uint32_t order[TABLE_COLUMNS], count = 0;
    for (uint32_t k = 0; k < job->table.columns; k++) {
        uint32_t at = count;
        if (!job->table.column[k].width) continue;
        for (; at > 0 && job->importance[order[at - 1]] < job->importance[k]; at--) order[at] = order[at - 1];
        order[at] = k;
        count++;
    }
    static const char *const files[] = {"importance.svg", "importance.png"};
    double most = count ? fmax(job->importance[order[0]], 1e-9) : 1;
    char path[SAMPLE_PATH], text[64];
    for (uint32_t i = 0; i < count; i++)
        printf("column   %-20.60s loss %c %.4f\n", SHOWN(job->table.column[order[i]].name),
               job->importance[order[i]] < 0 ? '-' : '+', fabs(job->importance[order[i]]));
    if (count > 40) count = 40;
    for (int i = 0; i < 2; i++) {
        struct canvas *canvas = canvas_open(sample_path(s, files[i], path), 640, 70 + 26 * (int)count);
        if (!canvas) continue;
        snprintf(text, sizeof text, "What counts for \"%.30s\"", job->table.column[job->target].name);
        canvas_text(canvas, 20, 32, 17, ANCHOR_START, PLOT_BLACK, text);
        canvas_text(canvas, 620, 32, 12, ANCHOR_END, PLOT_GREY, "growth of the loss where the column is shuffled");
        for (uint32_t k = 0; k < count; k++) {
            double value = job->importance[order[k]], y = 66 + 26 * k, end = 170 + 380 * fmax(0, value) / most;
            snprintf(text, sizeof text, "%.20s", job->table.column[order[k]].name);
            canvas_text(canvas, 160, y + 4, 13, ANCHOR_END, PLOT_BLACK, text);
            canvas_line(canvas, (const double[2][2]){{170, y}, {end, y}}, 2, PLOT_BLUE, 14);
            snprintf(text, sizeof text, "%.3f", value);
            canvas_text(canvas, end + 8, y + 4, 12, ANCHOR_START, PLOT_GREY, text);
        }
        TRY(canvas_close(canvas, s->context, &s->error));
    }
    return TUFF_OK;
}

/* ---- how good it is -------------------------------------------------------------------------------------------------------------------- */

/* R2, and each prediction beside the truth. */
static tuff_status score_numbers(struct sample *s, const struct job *job)
{
    const struct table_column *c = &job->table.column[job->target];
    struct tuff_data data = part(job, true);
    const float *truth = data.fields[1];
    float *found = malloc(job->tested * sizeof *found);
    double(*points)[2] = malloc(job->tested * sizeof *points), least = INFINITY, most = -INFINITY;
    struct tuff_scores scores;
    const struct tuff_answers answers = {
        .struct_size = sizeof answers, .count = job->tested, .targets = truth, .values = found};
    tuff_status status = found && points ? tuff_model_predict(job->model, &data, (void *[]){found}, &s->error)
                                         : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) status = tuff_score(s->context, &answers, &scores, NULL, NULL, &s->error);
    for (uint32_t i = 0; i < job->tested && !status; i++) {
        points[i][0] = c->mean + (double)truth[i] * c->deviation, points[i][1] = c->mean + (double)found[i] * c->deviation;
        least = fmin(least, points[i][0]), most = fmax(most, points[i][0]);
    }
    char path[SAMPLE_PATH], note[40];
    if (status == TUFF_OK) {
        const double even[2][2] = {{least, least}, {most, most}};
        printf("result   R2 %.4f of %u rows\n", scores.value[TUFF_SCORE_R2], (unsigned)job->tested);
        snprintf(note, sizeof note, "R2 %.3f", scores.value[TUFF_SCORE_R2]);
        const struct plot plot = {.title = "Found, over the truth",
                                  .x_title = c->name,
                                  .note = note,
                                  .lines = {{NULL, PLOT_GREY, 1, false, false, even, 2},
                                            {NULL, PLOT_BLUE, 1, true, true, (const double(*)[2])points, job->tested}},
                                  .count = 2};
        status = plot_write(s->context, sample_path(s, "predictions", path), &plot, 1, NULL, &s->error);
    }
    free(found);
    free(points);
    return status;
}

/* Rows of the truth, columns of what was found. */
static tuff_status score_kinds(struct sample *s, const struct job *job)
{
    const struct table_column *c = &job->table.column[job->target];
    const uint32_t n = c->kind_count;
    uint64_t counts[TABLE_KINDS * TABLE_KINDS];
    struct tuff_data data = part(job, true);
    struct tuff_scores scores;
    float *found = malloc((size_t)job->tested * n * sizeof *found);
    const struct tuff_answers answers = {
        .struct_size = sizeof answers, .count = job->tested, .classes = n, .labels = data.fields[1], .scores = found};
    tuff_status status = found ? tuff_model_predict(job->model, &data, (void *[]){found}, &s->error) : TUFF_ERR_MEMORY;
    if (status == TUFF_OK) status = tuff_score(s->context, &answers, &scores, NULL, counts, &s->error);
    free(found);
    TRY(status);
    printf("result   accuracy %.4f of %u rows; rows of the table: what it is, columns: what was found\n",
           scores.value[TUFF_SCORE_ACCURACY], (unsigned)job->tested);
    for (uint32_t k = 0; k < n && n <= 12; k++) {
        printf("  %-16.40s", SHOWN(c->kinds[k]));
        for (uint32_t i = 0; i < n; i++) printf(" %6llu", (unsigned long long)counts[k * n + i]);
        printf("\n");
    }
    return TUFF_OK;
}

/* ---- the way ---------------------------------------------------------------------------------------------------------------------------- */

static tuff_status run(struct sample *s, struct job *job)
{
    const struct settings *set = &job->set;
    char path[SAMPLE_PATH];
    if (!s->word_count) TRY(table_make(s, "houses.csv", set->rows, set->seed));
    TRY(table_read(s, s->word_count ? s->words[0] : sample_path(s, "houses.csv", path), &job->table));
    TRY(table_find(s, &job->table, set->target, &job->target));
    TRY(table_leave_out(s, &job->table, set->left_out));
    job->classes = !job->table.column[job->target].numeric;
    TRY(encode(s, job));
    struct tuff_model_params declared = {
        .struct_size = sizeof declared,
        .build = network,
        .user = job,
        .fields = {TUFF_FIELD("x", TUFF_F32, job->width),
                   {.name = "y", .type = {.dtype = job->classes ? TUFF_I32 : TUFF_F32}, .answer = true}},
        .batch = set->batch,
        .seed = set->seed,
        .progress = sample_progress(s)};
    struct tuff_data train = part(job, false), validation = part(job, true);
    struct tuff_fit_params fit = {.struct_size = sizeof fit, .epochs = set->epochs, .validation = &validation};
    fit.optimizer = tuff_optimizer_defaults(TUFF_ADAMW, set->rate);
    sample_watch(s, &fit);
    TRY(tuff_model_create(s->device, &declared, &job->model, &s->error));
    TRY(tuff_model_fit(job->model, &train, &fit, &s->error));
    TRY(job->classes ? score_kinds(s, job) : score_numbers(s, job));
    TRY(permute(s, job));
    TRY(draw_importance(s, job));
    return sample_curves(s);
}

int main(int argc, char **argv)
{
    struct job job = {
        .set = {
            .epochs = 30, .batch = 64, .rows = 2000, .units = 64, .seed = 1, .rate = 2e-3, .share = 0.2, .target = "price"}};
    struct settings *set = &job.set;
    const struct sample_option options[] = {
        {"target", "column that is to be learned", .text = &set->target},
        {"leave-out", "columns that are not to be learned from: A,B", .text = &set->left_out},
        {"epochs", "times that each row is seen", .count = &set->epochs, .least = 1, .most = 100000},
        {"batch", "rows of a step", .count = &set->batch, .least = 1, .most = 65536},
        {"units", "of each of both hidden layers", .count = &set->units, .least = 1, .most = 4096},
        {"rate", "learning rate", .number = &set->rate, .least = 1e-9, .most = 10},
        {"validation", "share of the rows that are set apart", .number = &set->share, .least = 0.01, .most = 0.9},
        {"rows", "of the made-up file", .count = &set->rows, .least = 20, .most = 1000000},
        {"seed", "of the split, the weights, the made-up file", .count = &set->seed, .least = 0, .most = 1e9}};
    struct sample s;
    tuff_status status = sample_begin(&s, "sample-tabular",
                                      "learns a column of a CSV file from the others: sample-tabular [OPTION...] [FILE.csv]",
                                      options, sizeof options / sizeof options[0], 1, argc, argv);
    if (status == TUFF_OK) status = run(&s, &job);
    tuff_model_destroy(job.model);
    table_finish(&job.table);
    free(job.order), free(job.x), free(job.y), free(job.importance);
    return sample_end(&s, status);
}
