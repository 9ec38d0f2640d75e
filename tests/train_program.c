/* train_program.c - tuff-train as a user runs it, at its edges: what can be known before the first step is refused before it, with a
 * sentence and nothing written; results are not overwritten; --resume compares; signals save; a training that fails says so, and no
 * number is printed of another run's file. */
#if !defined(_WIN32) /* shells, signals and disks of POSIX */

#include "loaders/loaders.h"
#include "tests/program_help.h"

#include "backend/os.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define write_data program_write_data
#define write_folders program_write_folders
#define shell program_shell
#define expect program_expect
#define expect_not program_expect_not
#define MLP "$TRAIN --arch mlp --epochs 1 "

/* ---- before the first step ------------------------------------------------------------------------------------------------------------ */

static void test_data(struct program_test *t)
{
    write_data(t, "one", (struct program_set){.count = 40, .classes = 1});
    write_data(t, "few", (struct program_set){.count = 5, .classes = 2});
    write_data(t, "two-channels", (struct program_set){.count = 40, .classes = 2, .channels = 2});
    write_data(t, "letters", (struct program_set){.count = 235, .classes = 47});
    expect(t, MLP "--data one --out x", 1, "one class");
    expect(t, MLP "--data two-channels --out x", 1, "2 channels");
    expect(t, MLP "--data few --validation 0 --batch 64 --out few-out --json few-out.json && cat few-out.json", 0,
           "batch    5: there are no more pictures");
    expect_not(t, "validation:"); /* figures of training under another name */
    backend_check(&t->test, t->output && strstr(t->output, "\"validation_loss\": [null]"), "a validation loss in\n%s",
                  t->output ? t->output : "");
    expect(t, MLP "--data few --validation 0.9 --out x", 1, "leaves one picture to train on");
    expect(t, MLP "--data letters --out letters-out", 0, "47 classes");
    expect_not(t, "classes with");
    write_data(t, "damaged", (struct program_set){.count = 2000, .classes = 3, .odd = 131});
    expect(
        t, MLP "--data damaged --out damaged-out", 0,
        "classes without a picture to train on: 128 of 132 (first: 3)\n         classes with less than a hundredth of the "
        "others' pictures: 1 (first: 131, 1 of 2000)");
    expect(t, MLP "--data none --out x", 1, "none: there is no such folder");
    expect(t, "mkdir empty; " MLP "--data empty --out x", 1, "holds no folders");
    expect(t, MLP "--data \"$(printf 'a\\377b')\" --out x", 2, "not UTF-8");
    expect(t, "ls -A x", 0, "");
    backend_check(&t->test, !t->output || !t->output[0], "expected nothing in x, got %s", t->output);
}

static void test_folders(struct program_test *t)
{
    write_folders(t, "pets", "cat dog");
    expect(t, "ls pets/cat", 0, "");
    if (!t->output || !strstr(t->output, "11.png")) return; /* a build without libpng */
    expect(t, "mkdir pets/empty; " MLP "--data pets --size 8 --out x", 1, "a class folder without");
    expect(t, "rmdir pets/empty; mkdir lone; cp -r pets/cat lone; " MLP "--data lone --size 8 --out x", 1, "one class");
    expect(t, "mkdir odd; cp -r pets/* odd; mv odd/cat \"$(printf 'odd/ca\\377')\"; " MLP "--data odd --size 8 --out x", 1,
           "not UTF-8");
    expect(t, "mkdir odd2; cp -r pets/* odd2; mv odd2/cat \"$(printf 'odd2/ca\\nt')\"; " MLP "--data odd2 --size 8 --out x",
           1, "control characters");
    write_folders(t, "split/train", "cat dog");
    write_folders(t, "split/test", "dog");
    expect(t, MLP "--data split --size 8 --validation 0 --out split-out", 0,
           "24 pictures to train on, 0 to validate, 12 to test");
    write_folders(t, "split/val", "cat dog");
    expect(t, MLP "--data split --size 8 --out split-out --force", 0, "24 pictures to train on, 24 to validate, 12 to test");
    expect(t, "mkdir split/notes; mv split/train split/TRAIN; " MLP "--data split --size 8 --out split-out --force", 0,
           "24 pictures to train on, 24 to validate, 12 to test\n         left out: 1 beside the folder to train on (first: "
           "notes)");
    write_folders(t, "split/test", "emu");
    expect(t, MLP "--data split --size 8 --out x", 1, "\"emu\" that the training set lacks");
    expect(t, "mkdir flat; mv split/test/dog flat/Test; mv split/TRAIN/dog flat/Train; " MLP "--data flat --size 8 --out x",
           1, "\"Train\" holds pictures, but no folders of classes");
    expect(t, "echo > a-file; " MLP "--data a-file --out x", 1, "a-file is no folder");
}

static void test_places(struct program_test *t)
{
    expect(t, "echo > file; " MLP "--data data --out file", 1, "file");
    expect(t, MLP "--data data --out file/below", 1, "file/below");
    expect(t, MLP "--data data --out /proc/tuff", 1, "/proc/tuff");
    expect(t, MLP "--data data --out x --json /proc/tuff", 1, "cannot write /proc/tuff");
    expect(t, MLP "--data data --out x --json none/r.json", 1, "none/r.json: No such file or directory");
    expect(t, MLP "--data data --out x --json -", 2, "--json - would mix");
    expect(t, "ln -s away dead; ln -s round round; " MLP "--data data --out dead", 1, "folder dead: No such file");
    expect(t, MLP "--data data --out round", 1, "folder round: Too many levels");
    expect(t, MLP "--data data --out x --json \"$(printf '%256s' x | tr ' ' n)\"", 1, "File name too long");
    expect_not(t, "epoch 1/1");
    expect(t, "mkfifo pipe; " MLP "--data data --out x --json pipe", 1, "pipe: nobody reads this pipe");
    expect(t, "cat pipe > piped & " MLP "--data data --out piped-out --json pipe; wait; cat piped", 0, "\"scratch_bytes\"");
    expect(t, MLP "--data data --out x --json .", 1, "cannot write .: Is a directory");
    expect(t, "ln -s far/r.json dangling; " MLP "--data data --out x --json dangling", 1, "dangling: No such file");
    expect(t, "mkdir far; " MLP "--data data --out x --epochs 0 --json dangling", 2, "--epochs cannot be \"0\"");
    expect(t, MLP "--data none --out x --json dangling", 1, "no such folder");
    expect(t, "readlink dangling && ls far && rmdir far", 0, "far/r.json"); /* what is tried stays as it was */
    expect(t, MLP "--data data --out \"$(printf '%4000s')\"", 2, "--out takes at most 1023 bytes, not 4000");
    expect(t, MLP "--data data --out ''", 2, "--out cannot be \"\"");
    expect(t, "mkdir odd-out; mkfifo odd-out/training.tuff; " MLP "--data data --out odd-out", 1, "is there already");
    expect(t, MLP "--data data --out odd-out --force", 1, "odd-out/training.tuff is no regular file: move it away");
    expect(t, "$TRAIN --resume --out odd-out", 1, "cannot go on: cannot read odd-out/training.tuff: it is a pipe");
    expect(t, "rm odd-out/*; mkdir odd-out/model.tuff; " MLP "--data data --out odd-out --force", 1, "no regular file");
    expect(t, "rmdir odd-out/*; mkdir odd-out/curves.svg; " MLP "--data data --out odd-out", 1,
           "curves.svg: Is a directory");
    expect_not(t, "epoch 1/1");
    /* llvmpipe since Mesa 25 keeps device memory in files without names, and dies itself of the limit. */
    if (shell(t, "ulimit -f 100; " MLP "--data data --out x") == 128 + SIGBUS && t->output &&
        strstr(t->output, "llvmpipe")) {
        puts("limit of file sizes: skipped, the driver keeps its memory in files");
        shell(t, "rm -f x/.tuff-lock");
    } else {
        expect(t, "ulimit -f 100; " MLP "--data data --out x", 1, "File too large"); /* SIGXFSZ */
        expect_not(t, "epoch 1/1");
    }
    expect(t, MLP "--data data --out full --json /dev/full", 1, "cannot write /dev/full: No space left on device");
    expect(t, "ls full", 0, "curves.svg"); /* what can be written is */
    expect(t, "mkdir small; ls -A x", 0, "");
    backend_check(&t->test, !t->output || !t->output[0], "expected nothing in x, got %s", t->output);
    char small[400];
    snprintf(small, sizeof small, "%s/small", t->folder);
    if (mount("tmpfs", small, "tmpfs", 0, "size=500k") != 0) return;
    expect(t, MLP "--data data --out small", 1, "No space left on device");
    expect_not(t, "epoch 1/1");
    expect(t, "echo old > small/r.json; cat /dev/zero > small/fill; " MLP "--data data --out x --json small/r.json", 1,
           "cannot write 4096 bytes into small/r.json: No space left on device");
    expect(t, "cat small/r.json; ls small", 0, "old\nfill\nr.json");
    expect(t, "$TRAIN --version > small/version", 1, "could be written: No space left on device");
    if (mount("tmpfs", small, "tmpfs", MS_REMOUNT | MS_RDONLY, "") == 0)
        expect(t, MLP "--data data --out small/a", 1, "Read-only file system");
    umount(small);
}

/* ---- going on ------------------------------------------------------------------------------------------------------------------------- */

static void test_resume(struct program_test *t)
{
    write_data(t, "less", (struct program_set){.count = 119, .classes = 3});
    write_data(t, "others", (struct program_set){.count = 120, .classes = 3, .first = 1});
    write_data(t, "more", (struct program_set){.count = 120, .classes = 12});
    expect(t, MLP "--data data --out out --epochs 2", 0, "the model of epoch");
    expect(t, MLP "--data data --out out", 1, "out/training.tuff is there already: --resume");
    expect(t, "rm out/training.tuff; " MLP "--data data --out out", 1, "out/model.tuff is there already");
    expect(t, MLP "--data data --out out --epochs 2 --force", 0, "the model of epoch");
    expect(t, "$TRAIN --resume --out out --lr 0.5", 2, "--lr is 0.001 in the checkpoint, not 0.5");
    expect(t, "$TRAIN --resume --out out --arch cnn", 2, "--arch is mlp in the checkpoint, not cnn");
    expect(t, "$TRAIN --resume --out out --lr 0.001 --arch mlp --epochs 3", 0, "resumed  after 2 epochs");
    expect(t, "$TRAIN --resume --out out --data less --epochs 4", 1, "is 119, and 120 in the checkpoint");
    expect(t, "$TRAIN --resume --out out --data others --epochs 4", 1, "their digest is");
    expect(t, "$TRAIN --resume --out out --data more --epochs 4", 1,
           "class 10 is \"10\" in the data and \"\" in the checkpoint");
    expect(t, MLP "--data data --seed 2 --out other", 0, "the model of epoch");
    expect(t, "cp other/model.tuff out; $TRAIN --resume --out out --epochs 5", 1, "is not this training's model");
    expect_not(t, "accuracy");
    expect(t, "truncate -s 99 out/model.tuff; $TRAIN --resume --out out --epochs 5", 1, "To go on without it, move it away");
    expect(t, "rm out/model.tuff; $TRAIN --resume --out out --epochs 5", 0, "the model of epoch");
}

static void test_optimizers(struct program_test *t)
{
    expect(t, MLP "--data data --optimizer nothing --out x", 2, "there is no optimizer \"nothing\"; there are adam, ");
    expect(t, "$TRAIN --data data --arch nothing --out x", 2, "there is no network \"nothing\"; there are mlp, cnn, ");
    expect(t, MLP "--data data --lr much --out x", 2, "--lr cannot be \"much\": it is a number from 1e-09 to 1e+30");
    expect(t, MLP "--data data --schedule nothing --out x", 2,
           "--schedule is cosine, linear, one-cycle, constant or plateau, not \"nothing\"");
    expect(t, MLP "--data data --optimizer lion --schedule plateau --lr 1e-4 --out lion --epochs 2", 0,
           "the model of epoch");
    expect(t, "$TRAIN --resume --out lion --epochs 3 --optimizer adam", 2,
           "--optimizer is lion in the checkpoint, not adam");
    expect(t, "$TRAIN --resume --out lion --epochs 3 --schedule plateau", 0, "resumed  after 2 epochs");
    expect(t, MLP "--data data --schedule one-cycle --out cycle", 0, "the model of epoch");
    expect(t, MLP "--data data --find-rate --out rates && test -s rates/rates.svg && test ! -e rates/model.tuff", 0,
           "the loss falls steepest at");
    expect(t, MLP "--data data --out rates", 0, "the model of epoch");
    expect(t, "$TRAIN --resume --find-rate --out rates", 2, "--find-rate comes before a training");
    expect(t, MLP "--data data --find-rate --json r.json --out x", 2, "--json and --report tell of a training");
    expect(t, MLP "--data data --size 16 --out x", 1, "--size is for class folders");
    expect(t, MLP "--data data --invert always --out x", 1, "--invert is for class folders");
    expect(t, MLP "--data data --precision f16 --memory-budget 1G --out both", 0, "the model of epoch");
    expect(
        t,
        "$TRAIN --arch mlp --data data --validation 0 --epochs 400 --early-stop 1 --lr 0.05 --schedule constant --out alone",
        0, "the training's loss got no better for 1 epoch");
}

static void test_augment(struct program_test *t)
{
    expect(t, MLP "--data data --augment mixup --class-weights balanced --out weighed", 0, "the model of epoch");
    expect(t, MLP "--data data --augment flop --out x", 2, "there is no \"flop\"; there are flip, ");
    expect(t, MLP "--data data --augment shift,flip=2 --out x", 2, "flip is above 0 and 1 at most, not \"2\"");
    expect(t, MLP "--data data --show-augmentation x.png", 2, "give that too");
    expect(t, MLP "--data data --augment flip --show-augmentation x.jpg", 2, "ends in .png");
    expect(t, MLP "--data data --augment flip --show-augmentation x.png --find-rate", 2, "give one of them");
    expect(t, MLP "--data data --augment flip --show-augmentation x.png --report", 2, "--show-augmentation ends before it");
    expect(t, MLP "--data data --augment strong,cutmix=1 --out x", 2, "there is no \"strong\"");
    expect(t, MLP "--data data --augment strong --out augmented --epochs 2", 0, "the model of epoch");
    expect(t, "$TRAIN --resume --out augmented --epochs 3 --augment light", 2,
           "--augment is strong in the checkpoint, not light");
    expect(t, "$TRAIN --resume --out augmented --epochs 3", 0, "resumed  after 2 epochs");
    if (shell(t, "ls pets/cat/0.png") != 0) return; /* a build without libpng */
    expect(t, MLP "--data pets --augment crop,flip,color=0.4,erase=1,cutmix,pad=reflect --out colour", 0,
           "the model of epoch");
    expect(t, "rm -rf trained; $TRAIN --data pets --augment crop,color --show-augmentation sheet.png && test ! -e trained",
           0, "files    sheet.png");
    expect(t, "$TRAIN --data data --augment flip,mixup --show-augmentation none/sheet.png", 1,
           "cannot create none/sheet.png");
}

static void test_links(struct program_test *t)
{
    expect(t,
           "mkdir -p far linked; ln -s ../far/c.tuff linked/training.tuff; echo > linked/model.tuff.1.2.tmp; " MLP
           "--data data --out linked && ls -lA linked far",
           0, "training.tuff -> ../far/c.tuff");
    expect_not(t, ".tmp");
    backend_check(&t->test, t->output && strstr(t->output, " c.tuff"), "no checkpoint behind the link:\n%s", t->output);
    expect(t,
           "ln -s ../far/m.tuff linked/m; mv linked/model.tuff far/m.tuff; mv linked/m linked/model.tuff; "
           "ln -sf ../far/r.json linked/r.json; " MLP
           "--data data --out linked --force --json linked/r.json && ls -l linked far",
           0, "model.tuff -> ../far/m.tuff");
    backend_check(&t->test, t->output && strstr(t->output, " m.tuff") && strstr(t->output, "r.json -> ../far/r.json"),
                  "no model or result behind a link:\n%s", t->output);
}

/* ---- signals --------------------------------------------------------------------------------------------------------------------------- */

/* A training that does not end, once it has saved. */
#define ENDLESS                                                                                                             \
    "rm -rf long; $TRAIN --data data --arch mlp --epochs 10000 --out long & p=$!; "                                         \
    "while [ ! -e long/training.tuff ]; do sleep 0.1; kill -0 $p || exit 99; done; "

static void test_signals(struct program_test *t)
{
    expect(t, ENDLESS "kill -TERM $p; wait $p", 143, "To go on: tuff-train --resume --out long");
    expect(t, ENDLESS "kill -HUP $p; wait $p", 129, "To go on: tuff-train --resume --out long");
    expect(t, ENDLESS MLP "--data data --out long --force; kill -INT $p; wait $p", 130, "another process is writing");
    expect(t, ENDLESS "kill -KILL $p; wait $p; $TRAIN --resume --out long --epochs 1", 0, "the model of epoch");
    expect(t,
           "rm -rf long; { $TRAIN --data data --arch mlp --epochs 10000 --out long; echo $? > long/status; } | head -n 1; "
           "cat long/status",
           0, "141");
    expect(t, MLP "--data data --out full2 > /dev/full", 1, "not all of the output could be written");
}

/* ---- failure ---------------------------------------------------------------------------------------------------------------------------- */

/* The same file with weights that are not numbers. */
static bool spoil(struct program_test *t, const char *from, const char *to)
{
    char source[400], target[400];
    struct tuff_tensors *file = NULL;
    struct tuff_error error = {0};
    snprintf(source, sizeof source, "%s/%s", t->folder, from);
    snprintf(target, sizeof target, "%s/%s", t->folder, to);
    tuff_status status = tuff_checkpoint_read(t->test.context, source, "model", &file, &error);
    if (!backend_status(&t->test, "the model", TUFF_OK, status, &error)) return false;
    struct tuff_array arrays[20];
    struct tuff_pair texts[20];
    struct tuff_tensors_params params = {.struct_size = sizeof params, .arrays = arrays, .texts = texts, .kind = "model"};
    for (size_t i = 0; i < tuff_tensors_count(file) && i < 20; i++) arrays[params.array_count++] = tuff_tensors_get(file, i);
    for (size_t i = 0; i < tuff_tensors_text_count(file) && i < 20; i++) {
        texts[params.text_count] = tuff_tensors_text_get(file, i);
        params.text_count += strncmp(texts[params.text_count].key, "tuff.", 5) != 0;
    }
    float *bad = malloc((size_t)arrays[0].bytes);
    if (!bad) exit(1);
    for (size_t i = 0; i < arrays[0].bytes / sizeof *bad; i++) bad[i] = NAN;
    arrays[0].data = bad;
    status = tuff_checkpoint_write(t->test.context, target, &params, &error);
    free(bad);
    tuff_tensors_destroy(file);
    return backend_status(&t->test, "a spoilt model", TUFF_OK, status, &error);
}

static void test_failure(struct program_test *t)
{
    if (!spoil(t, "other/model.tuff", "nan.tuff")) return;
    expect(t, MLP "--data data --out nan --start nan.tuff", 1, "finite");
    expect_not(t, "test     accuracy");
    expect(t, "$CLASSIFY --model nan.tuff --json - pets/cat/0.png", 1, "the model's answer is not a number\"}");
    expect_not(t, "probability");
    expect(t, "$CLASSIFY --model nan.tuff --data data --count 2 --out sheet.png", 1, "answer is not a number");
    /* diverges by itself, in its second step and behind a good epoch */
    expect(t, MLP "--data data --out wild --lr 1e12", 1, "Nothing is saved. A smaller --lr may help");
    backend_check(&t->test,
                  t->output && strstr(t->output, "epoch 1, step 2: the loss is ") &&
                      strstr(t->output, "the first value that is not finite is"),
                  "no step and no value in\n%s", t->output);
    expect_not(t, "accuracy");
    expect(t, "ls wild", 0, "");
    backend_check(&t->test, t->output && !t->output[0], "expected nothing in wild, got %s", t->output);
    expect(t, MLP "--data data --out wild --lr 1e12 --skip-not-finite", 1, "the validation loss of epoch 1 is not a finite");
    backend_check(&t->test, t->output && strstr(t->output, "skipped  13 steps"), "no number of skipped steps in\n%s",
                  t->output);
    expect(t, "cp -r other nan2; cp other/model.tuff before; " MLP "--data data --out nan2 --force --start nan.tuff", 1,
           "finite");
    expect_not(t, "test     accuracy");
    expect(t, "cmp before nan2/model.tuff && ls nan2", 0, "training.tuff"); /* what a failure would replace stays */
}

static void test_classify(struct program_test *t)
{
#define CLASSIFY "$CLASSIFY --model other/model.tuff "
    expect(t, CLASSIFY "--data data --count 2 --out none/sheet.png", 1, "none/sheet.png: No such file");
    expect(t, CLASSIFY "--json none/a.json pets/cat/0.png", 1, "none/a.json: No such file");
    expect(t, CLASSIFY "--json . pets/cat/0.png", 1, "cannot write .");
    expect(t, CLASSIFY "--count 2 pets/cat/0.png", 2, "--count and --first go with --data");
    if (shell(t, "ls pets/cat/0.png") != 0) return; /* a build without libpng */
    expect(t,
           "mv data my-fashion; " CLASSIFY "--data my-fashion --count 2 --out sheet.png; s=$?; mv my-fashion data; exit $s",
           1, "its class 0 is \"T-shirt/top\", that of the model \"0\"");
    expect(t, CLASSIFY "--json /dev/full pets/cat/0.png", 1, "cannot write /dev/full: No space left on device");
    expect(t, CLASSIFY "--json - pets/cat/0.png > /dev/full", 1, "could be written");
    expect(t, CLASSIFY "--json - pets/cat/0.png", 0, "\"probability\"");
}

int main(void)
{
    struct program_test t;
    int code = program_test_begin(&t, "program");
    if (code) return code;
    write_data(&t, "data", (struct program_set){.count = 120, .classes = 3});
    test_data(&t);
    test_folders(&t);
    test_places(&t);
    test_resume(&t);
    test_links(&t);
    test_optimizers(&t);
    test_augment(&t);
    test_signals(&t);
    test_failure(&t);
    test_classify(&t);
    return program_test_end(&t, "train_program");
}

#else
#include <stdio.h>
int main(void)
{
    puts("skipped: needs a POSIX system");
    return 77;
}
#endif
