/* train_scores.c - what tuff-train and tuff-classify say of a trained classifier: the scores of both are the same and add up, also by groups; the page and
 * the pictures are whole and hold what they are to, with names that would break them; early stop, frozen parameters and weights of classes. */
#if !defined(_WIN32) && TUFF_HAVE_PNG && TUFF_HAVE_JSON

#include "loaders/source.h"
#include "samples/bench/document.h"
#include "tests/program_help.h"

#include "backend/os.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define shell program_shell
#define expect program_expect
#define expect_not program_expect_not
#define MLP "$TRAIN --arch mlp --data data --epochs 2 "

static cJSON *read_json(struct program_test *t, const char *name)
{
    char path[600], reason[DOCUMENT_REASON] = "no file";
    size_t bytes = 0;
    void *text = NULL;
    snprintf(path, sizeof path, "%s/%s", t->folder, name);
    (void)!tuff_os_read_file(NULL, path, 0, &text, &bytes, NULL);
    cJSON *root = text ? document_parse(text, bytes, reason) : NULL;
    backend_check(&t->test, root != NULL, "%s: %s", name, reason);
    tuff_free(NULL, text);
    return root;
}

static double number(struct program_test *t, const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    backend_check(&t->test, cJSON_IsNumber(item), "no number \"%s\"", name);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static const cJSON *member(const cJSON *object, const char *name) { return cJSON_GetObjectItemCaseSensitive(object, name); }

/* The matrix has the classes' counts as its rows and columns, and the accuracy as its diagonal. */
static void check_scores(struct program_test *t, const cJSON *root, const char *what)
{
    const cJSON *matrix = member(root, "confusion"), *classes = member(root, "classes");
    int count = cJSON_GetArraySize(classes);
    double total = 0, right = 0;
    backend_check(&t->test, count > 1 && cJSON_GetArraySize(matrix) == count, "%s: %d classes, a matrix of %d rows", what,
                  count, cJSON_GetArraySize(matrix));
    for (int i = 0; i < count; i++) {
        double row = 0, column = 0;
        for (int k = 0; k < count; k++) {
            row += cJSON_GetArrayItem(cJSON_GetArrayItem(matrix, i), k)->valuedouble;
            column += cJSON_GetArrayItem(cJSON_GetArrayItem(matrix, k), i)->valuedouble;
        }
        const cJSON *class = cJSON_GetArrayItem(classes, i);
        double hits = cJSON_GetArrayItem(cJSON_GetArrayItem(matrix, i), i)->valuedouble;
        backend_check(&t->test,
                      row == number(t, class, "support") && column == number(t, class, "predicted") &&
                          hits == number(t, class, "hits"),
                      "%s: counts of class %d do not fit", what, i);
        total += row, right += hits;
    }
    double accuracy = number(t, member(root, "scores"), "accuracy");
    backend_check(&t->test, fabs(accuracy - right / total) < 1e-8, "%s: accuracy %g, the matrix says %g", what, accuracy,
                  right / total);
}

static void test_train(struct program_test *t)
{
    expect(t, MLP "--out out --json out.json", 0, "macro F1");
    backend_check(&t->test, t->output && strstr(t->output, "report.html, curves."), "no files told in %s", t->output);
    cJSON *result = read_json(t, "out.json");
    check_scores(t, result, "tuff-train");
    backend_check(&t->test, fabs(number(t, result, "accuracy") - number(t, member(result, "scores"), "accuracy")) < 1e-5,
                  "the accuracy of the evaluation and that of the answers differ");
    cJSON_Delete(result);
    expect(t, "cat out/report.html; ls out", 0, "</html>");
    static const char *const parts[] = {"confusion.svg",
                                        "<h2>Settings",
                                        "<span>class-weights</span>",
                                        "<span>memory-budget</span><b>0</b>",
                                        "<span>schedule</span><b>cosine",
                                        "<span>device</span>",
                                        "<h2>Curves",
                                        "<h2>Classes",
                                        "Confusion matrix"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        backend_check(&t->test, t->output && strstr(t->output, parts[i]), "no \"%s\" in the report or beside it", parts[i]);
    expect_not(t, "nan");
    expect_not(t, "http://www.w3.org/1999"); /* nothing is fetched; names of XML are no addresses of files */
    expect_not(t, "src=");
    expect_not(t, "href=");
}

static void test_options(struct program_test *t)
{
    expect(t, MLP "--out w --class-weights balanced", 0, "macro F1");
    expect(t, MLP "--out w --force --class-weights 1,0.5,1,0,0,0,0,0,0,0", 0, "macro F1");
    expect(t, MLP "--out w --force --class-weights balanced --augment mixup", 0, "macro F1");
    expect(t, MLP "--out x --class-weights 1,2", 1, "balanced or 10 numbers");
    expect(t, MLP "--out x --class-weights 1,2,-1,0,0,0,0,0,0,0", 1, "balanced or 10 numbers");
    expect(t, MLP "--out x --class-weights odd", 1, "balanced or 10 numbers");
    expect(t, MLP "--out x --freeze nothing.*", 1, "nothing.*");
    expect(t, MLP "--out x --freeze '*'", 1, "");
    expect(t, MLP "--out f --freeze hidden1.*,*.bias --backbone 0.5", 0, "macro F1");
    /* a rate of almost nothing: from the first epoch on nothing gets better by more than its rounding, or it does */
    expect(t, "$TRAIN --arch mlp --data data --epochs 400 --early-stop 2 --lr 0.05 --schedule constant --out e", 0,
           "got no better for 2 epochs");
    expect(t, "$TRAIN --resume --out e --early-stop 1 --epochs 401", 0, "got no better for 2 epochs");
    expect(t, MLP "--out x --early-stop -1", 2, "--early-stop cannot be \"-1\"");
    expect(t, MLP "--out x --arch vgg", 2, "there is no network \"vgg\"");
    expect(t, "$TRAIN --help", 0, "efficientnet-b0");
}

/* Class folders of the model's classes; a name that markup, JSON and CSV would trip over. */
#define ODD "a<b>\"&'"
static void test_folder(struct program_test *t)
{
    program_write_folders(t, "pets", "cat dog emu");
    expect(t,
           "mv pets/emu 'pets/"
           "a<b>\"&'\\''"
           "'; $TRAIN --data pets --arch mlp --epochs 2 --size 8 --out p && cat p/report.html p/confusion.svg",
           0, "a&#60;b&#62;&#34;&#38;&#39;");
    expect_not(t, "a<b");
    expect(t, "$CLASSIFY --model p/model.tuff --data pets --confusion c.svg --json c.json && cat c.svg", 0,
           "36 pictures of pets");
    expect_not(t, "a<b>\"&'</text");
    cJSON *scores = read_json(t, "c.json");
    check_scores(t, scores, "tuff-classify");
    const cJSON *first = cJSON_GetArrayItem(member(scores, "classes"), 0);
    backend_check(&t->test, first && !strcmp(member(first, "name")->valuestring, ODD), "another first class");
    cJSON_Delete(scores);
    expect(t,
           "printf 'file,group\\r\\ncat/0.png,\"in,\"\"door\"\"\"\\r\\ncat/1.png,out\\ndog/0.png,out\\nno/0.png,out\\n' > "
           "g.csv; "
           "$CLASSIFY --model p/model.tuff --data pets --groups g.csv --json g.json",
           0, "in,\"door\"");
    backend_check(&t->test,
                  t->output && strstr(t->output, "33 pictures are in no group") &&
                      strstr(t->output, "1 of 4 lines name no picture (first: no/0.png)"),
                  "no counts of groups in %s", t->output);
    scores = read_json(t, "g.json");
    const cJSON *groups = member(scores, "groups"), *gap = member(member(scores, "between_groups"), "accuracy");
    double a = number(t, member(cJSON_GetArrayItem(groups, 0), "scores"), "accuracy"),
           b = number(t, member(cJSON_GetArrayItem(groups, 1), "scores"), "accuracy");
    backend_check(&t->test,
                  number(t, cJSON_GetArrayItem(groups, 1), "pictures") == 2 && number(t, gap, "difference") == fabs(a - b),
                  "groups of accuracy %g and %g differ by something else", a, b);
    cJSON_Delete(scores);
    expect(t, "printf 'cat/0.png\\n' > g.csv; $CLASSIFY --model p/model.tuff --data pets --groups g.csv", 1,
           "line 1 is not file,group");
    expect(t, "printf 'x,y\\n' > g.csv; $CLASSIFY --model p/model.tuff --data pets --groups g.csv", 1,
           "none of its 1 lines names a picture");
    expect(t, "$CLASSIFY --model p/model.tuff --data pets --groups none.csv", 1, "none.csv: cannot be read");
    expect(t, "mkdir pets/yak; $CLASSIFY --model p/model.tuff --data pets", 1, "\"yak\" is none of the model's 3 classes");
    expect(t, "rmdir pets/yak; echo > pets/cat/odd.png; echo > pets/cat/text; $CLASSIFY --model p/model.tuff --data pets", 1,
           "odd.png");
    expect(t, "$CLASSIFY --model p/model.tuff --data pets --skip-damaged --json -", 0, "\"damaged\": 1");
    backend_check(&t->test, t->output && strstr(t->output, "\"pictures\": 36,\n  \"left_out\": 1,"), "other counts in %s",
                  t->output);
    expect(t, "$CLASSIFY --model p/model.tuff --data nowhere", 1, "nowhere: there is no such folder");
    expect(t, "$CLASSIFY --model p/model.tuff --confusion x.png pets/cat/0.png", 2,
           "--confusion and --groups go with --data");
}

/* The page in a real browser, where there is one: no wider than a window or a phone, with a name that is all markup as text. */
static void test_browser(struct program_test *t)
{
    if (shell(t, "command -v chromium || command -v chromium-browser || command -v google-chrome") != 0) {
        puts("the page: skipped, there is no chromium");
        return;
    }
    for (int width = 1200; width >= 500; width -= 700) {
        char command[700];
        snprintf(command, sizeof command,
                 "b=$(command -v chromium || command -v chromium-browser || command -v google-chrome); "
                 "sed 's|</body>|<script>document.documentElement.dataset.fits = document.documentElement.scrollWidth <= "
                 "innerWidth \\&\\& document.querySelectorAll(\"td\").length</script></body>|' p/report.html > probed.html; "
                 "timeout 120 \"$b\" --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir=profile "
                 "--window-size=%d,900 "
                 "--dump-dom \"file://$PWD/probed.html\" 2> log",
                 width);
        expect(t, command, 0, "a&lt;b&gt;"); /* as the browser writes a text that it has read */
        const char *fits = t->output ? strstr(t->output, "data-fits=\"") : NULL;
        backend_check(&t->test, fits && atoi(fits + 11) > 20, "%d pixels: the page is wider: %.40s", width,
                      fits ? fits : "");
    }
}

/* Test pictures of IDX files: the very scores that tuff-train told. */
static void test_idx(struct program_test *t)
{
    expect(t,
           "printf '0,a\\n1,b\\n2,a\\n' > i.csv; $CLASSIFY --model out/model.tuff --data data --json i.json --groups i.csv",
           0, "28 pictures are in no group");
    expect(t, "$CLASSIFY --model out/model.tuff --data data --invert always", 1, "--invert is for pictures");
    expect(t, "$CLASSIFY --model out/model.tuff --data data --out s.png --top 3", 2,
           "--top does not go with --data and --sheet");
    cJSON *one = read_json(t, "i.json"), *two = read_json(t, "out.json");
    backend_check(&t->test,
                  cJSON_Compare(member(one, "scores"), member(two, "scores"), true) &&
                      cJSON_Compare(member(one, "confusion"), member(two, "confusion"), true),
                  "tuff-train and tuff-classify score the same model otherwise");
    cJSON_Delete(one);
    cJSON_Delete(two);
}

int main(void)
{
    struct program_test t;
    int code = program_test_begin(&t, "scores");
    if (code) return code;
    program_write_data(&t, "data", (struct program_set){.count = 120, .classes = 3});
    test_train(&t);
    test_options(&t);
    test_folder(&t);
    test_browser(&t);
    test_idx(&t);
    return program_test_end(&t, "train_scores");
}

#else
#include <stdio.h>
int main(void)
{
    puts("skipped: needs a POSIX system, PNG and JSON");
    return 77;
}
#endif
