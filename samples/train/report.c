/* report.c - report.html: what was trained, how, and what came of it, in one file that needs no network. */
#include "confusion.h"
#include "text.h"
#include "train.h"
#include "whole.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;color:#222;background:#f4f5f7;margin:0}"
    "main{max-width:1000px;margin:0 auto;padding:16px}"
    "h1{font-size:1.5em;margin:.4em 0 .1em;overflow-wrap:anywhere}h2{font-size:1.15em;margin:0 0 .6em}"
    "section{background:#fff;border:1px solid #e1e4e8;border-radius:8px;padding:16px;margin:14px 0;overflow-x:auto}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(120px,1fr));gap:10px;background:none;border:0;"
    "padding:0}"
    ".figures div{background:#fff;border:1px solid #e1e4e8;border-radius:8px;padding:10px 12px}"
    ".figures b{display:block;font-size:1.35em;font-variant-numeric:tabular-nums}.figures "
    "span,.note{color:#666;font-size:.87em}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{padding:4px 10px;text-align:right;border-bottom:1px solid #eceff1;white-space:nowrap}"
    "th:first-child,td:first-child,.name{text-align:left;white-space:normal;overflow-wrap:break-word;min-width:5.5em;max-"
    "width:20em}"
    "th{color:#555;font-weight:600;font-size:.87em}"
    "tbody tr:hover{background:#f6f8fa}td.bar{background-repeat:no-repeat;background-size:100% 100%}"
    ".settings{columns:2 340px;column-gap:28px}.settings "
    "div{display:flex;justify-content:space-between;gap:16px;break-inside:avoid;"
    "border-bottom:1px solid #eceff1;padding:2px 0}.settings span{color:#555}.settings b{font-weight:500;text-align:right;"
    "overflow-wrap:anywhere}svg{display:block;max-width:100%;height:auto;margin:0 auto}.matrix svg{max-width:760px}"
    "@media(max-width:600px){main{padding:8px}section{padding:10px}th,td{padding:4px 6px}.wide{min-width:640px}}";

static void begin_section(FILE *page, const char *title, const char *class)
{
    fprintf(page, "<section class=\"%s\"><h2>%s</h2>\n", class, title);
}

/* A large number with what it is. */
static void figure(FILE *page, const char *what, const char *format, double value) TUFF_PRINTF(3, 0);
static void figure(FILE *page, const char *what, const char *format, double value)
{
    char text[64] = "-";
    if (isfinite(value)) snprintf(text, sizeof text, format, value);
    fprintf(page, "<div><b>%s</b><span>%s</span></div>\n", text, what);
}

static void put_figures(FILE *page, const struct result *r)
{
    const double *v = r->scores ? r->scores->all.value : NULL;
    fputs("<section class=\"figures\">\n", page);
    if (r->has_test) figure(page, "test accuracy", "%.2f %%", 100 * r->test.accuracy);
    if (r->has_test) figure(page, "test loss", "%.4f", r->test.loss);
    if (v && r->scores->classes > r->scores->top) figure(page, "test top-5", "%.2f %%", 100 * v[TUFF_SCORE_TOP_K]);
    if (v) figure(page, "macro F1", "%.4f", v[TUFF_SCORE_F1_MACRO]);
    if (v) figure(page, "macro AUC", "%.4f", v[TUFF_SCORE_AUC]);
    figure(page, "best epoch", "%.0f", r->best_epoch + 1.0);
    figure(page, "epochs", "%.0f", r->history->epoch_count);
    figure(page, "samples/s", "%.0f", history_rate(r->history));
    figure(page, "training", "%.1f s", r->history->seconds);
    fputs("</section>\n", page);
}

static void setting(FILE *page, const char *name, const char *value)
{
    fprintf(page, "<div><span>%s</span><b>", name);
    text_to_html(page, value[0] ? value : "-");
    fputs("</b></div>\n", page);
}

static void put_settings(FILE *page, const struct result *r)
{
    struct tuff_pair texts[OPTION_TEXTS_MAX];
    char numbers[OPTION_TEXTS_MAX][32];
    size_t count = options_all(r->options, texts, numbers);
    begin_section(page, "Settings", "");
    fputs("<div class=\"settings\">\n", page);
    for (size_t i = 0; i < count; i++) setting(page, texts[i].key, texts[i].value);
    fputs("</div></section>\n", page);
}

static void put_system(FILE *page, const struct result *r)
{
    char text[600];
    const struct tuff_dataset *train = &r->data->train;
    begin_section(page, "Data and system", "");
    fputs("<div class=\"settings\">\n", page);
    snprintf(text, sizeof text, "%llu to train on, %llu to validate, %llu to test", (unsigned long long)r->train_count,
             (unsigned long long)r->validation_count, (unsigned long long)r->data->test.count);
    setting(page, "pictures", text);
    snprintf(text, sizeof text, "%u x %u, %s, %u classes", (unsigned)train->width, (unsigned)train->height,
             train->channels == 1 ? "grey" : "colour", (unsigned)train->class_count);
    setting(page, "of", text);
    snprintf(text, sizeof text, "%llu", (unsigned long long)r->parameter_count);
    setting(page, "parameters", text);
    setting(page, "device", r->caps->name);
    snprintf(text, sizeof text, "%s %s", r->caps->driver_name, r->caps->driver_info);
    setting(page, "driver", text);
    snprintf(text, sizeof text, "%.1f MB at most", (double)r->peak_bytes / 1e6);
    setting(page, "device memory", text);
    snprintf(text, sizeof text, "%u launches, %.2f MB of parameters", (unsigned)r->plan.launches,
             (double)r->plan.param_bytes / 1e6);
    setting(page, "a training step", text);
    setting(page, "Tuff", tuff_version());
    fputs("</div></section>\n", page);
}

/* A number in [0, 1] with a bar behind it. */
static void put_share(FILE *page, double value)
{
    if (isnan(value))
        fputs("<td>-</td>", page);
    else
        fprintf(page,
                "<td class=\"bar\" style=\"background-image:linear-gradient(90deg,#dbe9f6 %.1f%%,transparent "
                "%.1f%%)\">%.4f</td>",
                100 * value, 100 * value, value);
}

static void put_classes(FILE *page, const struct class_scores *s)
{
    begin_section(page, "Classes", "");
    fputs("<table><thead><tr><th>class</th><th>pictures</th><th>precision</th><th>recall</th><th>F1</th><th>IoU</"
          "th><th>AUC</th></tr>"
          "</thead>\n<tbody>\n",
          page);
    for (uint32_t i = 0; i < s->classes; i++) {
        const struct tuff_class_score *c = &s->each[i];
        fputs("<tr><td>", page);
        text_to_html(page, s->names[i]);
        fprintf(page, "</td><td>%llu</td>", (unsigned long long)c->support);
        double named = c->support || c->predicted ? 0 : NAN; /* of other classes there is nothing to say */
        put_share(page, c->precision + named), put_share(page, c->recall + named);
        put_share(page, c->f1 + named), put_share(page, c->iou + named), put_share(page, c->auc);
        fputs("</tr>\n", page);
    }
    fputs("</tbody></table>\n", page);
    if (s->all.undefined)
        fprintf(page,
                "<p class=\"note\">%u of the classes had no pictures or were never the answer: a precision or recall of 0 / "
                "0 is counted "
                "as 0.</p>\n",
                (unsigned)s->all.undefined);
    fputs("</section>\n", page);
}

struct mistake {
    uint64_t count;
    uint32_t wanted, answer;
};

static int compare_mistakes(const void *a, const void *b)
{
    const struct mistake *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return x->wanted != y->wanted ? (x->wanted > y->wanted) - (x->wanted < y->wanted)
                                  : (x->answer > y->answer) - (x->answer < y->answer);
}

/* What is taken for what most often. */
static void put_mistakes(FILE *page, const struct class_scores *s)
{
    enum { MOST = 10 };
    struct mistake found[MOST + 1];
    size_t count = 0;
    for (uint32_t i = 0; i < s->classes; i++)
        for (uint32_t k = 0; k < s->classes; k++) {
            uint64_t times = s->confusion[(size_t)i * s->classes + k];
            if (i == k || !times) continue;
            found[count++] = (struct mistake){times, i, k};
            qsort(found, count, sizeof *found, compare_mistakes);
            if (count > MOST) count = MOST;
        }
    if (!count) return;
    begin_section(page, "Most frequent mistakes", "");
    fputs("<table><thead><tr><th>true class</th><th class=\"name\">answer</th><th>pictures</th><th>of the "
          "class</th></tr></thead><tbody>\n",
          page);
    for (size_t i = 0; i < count; i++) {
        fputs("<tr><td>", page);
        text_to_html(page, s->names[found[i].wanted]);
        fputs("</td><td class=\"name\">", page);
        text_to_html(page, s->names[found[i].answer]);
        fprintf(page, "</td><td>%llu</td><td>%.1f %%</td></tr>\n", (unsigned long long)found[i].count,
                100 * (double)found[i].count / (double)s->each[found[i].wanted].support);
    }
    fputs("</tbody></table></section>\n", page);
}

static void put_score(FILE *page, double value, const char *format, double factor) TUFF_PRINTF(3, 0);
static void put_score(FILE *page, double value, const char *format, double factor)
{
    fputs("<td>", page);
    if (isfinite(value))
        fprintf(page, format, factor * value);
    else
        fputs("-", page);
    fputs("</td>", page);
}

static void put_epochs(FILE *page, const struct history *h)
{
    begin_section(page, "Epochs", "");
    fputs("<table><thead><tr><th>epoch</th><th>loss</th><th>accuracy</th>"
          "<th>validation loss</th><th>validation accuracy</th><th>seconds</th><th></th></tr>"
          "</thead><tbody>\n",
          page);
    for (uint32_t i = 0; i < h->epoch_count; i++) {
        const struct epoch *e = &h->epochs[i];
        double unknown = h->validated ? 0 : NAN;
        fprintf(page, "<tr><td>%u</td>", (unsigned)e->number + 1);
        put_score(page, e->train.loss, "%.4f", 1), put_score(page, e->train.accuracy, "%.2f %%", 100);
        put_score(page, e->validation.loss + unknown, "%.4f", 1),
            put_score(page, e->validation.accuracy + unknown, "%.2f %%", 100);
        put_score(page, e->seconds, "%.1f", 1);
        fprintf(page, "<td class=\"note\">%s</td></tr>\n", e->best && h->validated ? "best so far" : "");
    }
    fputs("</tbody></table></section>\n", page);
}

static bool put_matrix(FILE *page, const struct class_scores *s)
{
    const struct confusion confusion = {s->confusion, s->classes, s->names};
    int width, height;
    confusion_size(&confusion, &width, &height);
    struct canvas *canvas = canvas_within(page, width, height);
    if (!canvas) return false;
    confusion_draw(canvas, &confusion);
    return canvas_close(canvas, NULL, NULL) == TUFF_OK;
}

tuff_status report_write(struct tuff_context *context, const char *path, const struct result *r, struct tuff_error *error)
{
    struct whole whole;
    if (!whole_begin(&whole)) return TUFF_ERR_MEMORY;
    FILE *page = whole.stream;
    fprintf(page,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
            "content=\"width=device-width,initial-scale=1\"><title>tuff-train: "
            "%s</title><style>%s</style></head><body><main>\n<h1>%s on ",
            r->options->arch, style, r->options->arch);
    text_to_html(page, r->options->data);
    fprintf(page, "</h1><div class=\"note\">trained by tuff-train %s on ", tuff_version());
    text_to_html(page, r->caps->name);
    fputs("</div>\n", page);
    put_figures(page, r);
    begin_section(page, "Curves", "");
    fputs("<div class=\"wide\">\n", page);
    bool good = curves_within(page, r->history, r->options->epochs);
    fputs("</div></section>\n", page);
    if (r->scores) {
        begin_section(page, "Test pictures", "matrix");
        fputs("<div class=\"wide\">\n", page);
        good = put_matrix(page, r->scores) && good;
        fputs("</div></section>\n", page);
        put_classes(page, r->scores);
        put_mistakes(page, r->scores);
    }
    put_epochs(page, r->history);
    put_settings(page, r);
    put_system(page, r);
    fputs("</main></body></html>\n", page);
    if (good) return whole_write(&whole, context, path, error);
    whole_drop(&whole);
    return TUFF_ERR_MEMORY;
}
