/* display.c - how far the training is: one line that is drawn over on a terminal, plain lines elsewhere. */
#ifndef _WIN32
#define _POSIX_C_SOURCE 200809L
#endif
#include "program.h"
#include "train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include <io.h>
#define isatty _isatty
#define fileno _fileno
#else
#include <sys/ioctl.h>
#include <unistd.h>
#endif

enum { PLAIN_SECONDS = 15 }; /* between lines where nothing can be drawn over */

void display_init(struct display *display)
{
    const char *language = getenv("LC_ALL");
    if (!language || !language[0]) language = getenv("LC_CTYPE");
    if (!language || !language[0]) language = getenv("LANG");
    const char *kind = getenv("TERM");
    *display = (struct display){.terminal = isatty(fileno(stdout)) && !(kind && !strcmp(kind, "dumb")),
                                .began = seconds_now()};
    display->utf8 = language && (strstr(language, "UTF-8") || strstr(language, "utf8"));
    display->shown = display->began;
}

static int columns(void)
{
#ifdef TIOCGWINSZ
    struct winsize size;
    if (ioctl(fileno(stdout), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
#endif
    return 80;
}

void display_clear(const struct display *display)
{
    if (display->terminal) fputs("\r\033[K", stdout);
    fflush(stdout);
}

/* "1:05", "2:01:05" */
static const char *clock_text(double seconds, char *text, size_t size)
{
    unsigned s = seconds < 1e8 ? (unsigned)(seconds + 0.5) : 0;
    if (s >= 3600)
        snprintf(text, size, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%u:%02u", s / 60, s % 60);
    return text;
}

static void bar(const struct display *display, double share, int width)
{
    int full = (int)(share * width + 0.5);
    for (int i = 0; i < width; i++) fputs(i < full ? display->utf8 ? "█" : "#" : display->utf8 ? "░" : ".", stdout);
}

void display_compile(struct display *display, const char *what, uint64_t done, uint64_t total)
{
    double now = seconds_now();
    if (!display->terminal || (now - display->shown < 0.1 && done != total)) return;
    display->shown = now;
    printf("\r%s %llu", what, (unsigned long long)done);
    if (total) printf(" of %llu", (unsigned long long)total);
    fputs("\033[K", stdout);
    fflush(stdout);
}

/* A loss that grows beyond all bounds takes no 30 digits. */
static const char *loss_text(double loss, char text[32])
{
    snprintf(text, 32, fabs(loss) < 1e6 ? "%.4f" : "%.4g", loss);
    return text;
}

static void print_score(const struct score *score)
{
    char loss[32];
    printf("loss %s  accuracy %.1f %%", loss_text(score->loss, loss), 100 * score->accuracy);
}

void display_step(struct display *display, const struct tuff_fit_progress *p)
{
    double now = seconds_now(), share = p->steps ? (double)p->step / (double)p->steps : 0;
    char head[64], tail[160], left[32], loss[32];
    if (!display->terminal && now - display->shown < PLAIN_SECONDS) return;
    display->shown = now;
    snprintf(head, sizeof head, "epoch %u/%u ", (unsigned)p->epoch + 1, (unsigned)p->epochs);
    snprintf(tail, sizeof tail, " %3.0f %%  loss %s  accuracy %.1f %%  %.0f samples/s  %s left", 100 * share,
             loss_text(p->train.loss, loss), 100 * score_of(&p->train).accuracy, p->samples_per_second,
             clock_text(p->seconds_left, left, sizeof left));
    if (!display->terminal) {
        printf("%s%s\n", head, tail);
    } else {
        int room = columns() - 3 - (int)strlen(head) - (int)strlen(tail); /* 3: "^C" leaves the line whole */
        printf("\r%s", head);
        if (room >= 4) bar(display, share, room < 30 ? room : 30);
        printf("%.*s\033[K", columns() - 1 - (int)strlen(head), tail);
    }
    fflush(stdout);
}

void display_epoch(struct display *display, const struct epoch *e, uint32_t epochs, bool validated)
{
    char time[32];
    display_clear(display);
    printf("epoch %u/%u  ", (unsigned)e->number + 1, (unsigned)epochs);
    print_score(&e->train);
    if (validated) fputs("   validation: ", stdout);
    if (validated) print_score(&e->validation);
    printf("   %s%s\n", clock_text(e->seconds, time, sizeof time), e->best ? "  best so far" : "");
    fflush(stdout);
    display->shown = seconds_now();
}
