/* program.c - see program.h. */
#ifndef _WIN32
#define _XOPEN_SOURCE 700 /* realpath */
#endif
#include "program.h"
#include "text.h"

#include <tuff/tuff.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#ifdef _WIN32
#include <io.h>
#include <sys/timeb.h>
#define isatty _isatty
#define fileno _fileno
#else
#include <fcntl.h>
#include <unistd.h>

extern char **environ;
#endif

/* ---- signals -------------------------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped_by;

#ifdef _WIN32
static const int numbers[] = {SIGINT, SIGTERM, SIGBREAK};
#else
static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
#endif
enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

#ifdef _WIN32
static void set(int number, void (*handler)(int)) { signal(number, handler); }
#else
static void set(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static bool ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* What is printed on the way out meets the same closed pipe: this one never ends the program. */
static void on_pipe(int number)
{
    if (!stopped_by) stopped_by = number;
}
#endif

static void on_signal(int number)
{
    stopped_by = number;
    for (int i = 0; i < NUMBERS; i++) set(numbers[i], SIG_DFL);
}

void program_catch_signals(void)
{
    for (int i = 0; i < NUMBERS; i++) {
#ifndef _WIN32
        if (numbers[i] == SIGHUP && ignored(SIGHUP)) continue;
#endif
        set(numbers[i], on_signal);
    }
#ifndef _WIN32
    set(SIGPIPE, on_pipe);
#endif
}

void program_release_signals(void)
{
    for (int i = 0; i < NUMBERS; i++) {
#ifndef _WIN32
        if (ignored(numbers[i])) continue;
#endif
        set(numbers[i], SIG_DFL);
    }
}

bool program_stopping(void) { return stopped_by != 0; }

int program_stop_status(void) { return 128 + stopped_by; }

/* ---- output --------------------------------------------------------------------------------------------------------------------- */

static void check_output(void)
{
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) == 0 && !failed && !ferror(stderr)) return;
    fprintf(stderr, "error: not all of the output could be written%s%s\n", errno ? ": " : "", errno ? strerror(errno) : "");
    fflush(stderr);
    _Exit(stopped_by ? program_stop_status() : 1);
}

#ifndef _WIN32
/* Letters to change, add or leave out so that a becomes b (Levenshtein); names of up to 31 letters. */
static int distance(const char *a, const char *b)
{
    int row[32];
    size_t wide = strlen(b);
    if (strlen(a) > 31 || wide > 31) return 32;
    for (size_t k = 0; k <= wide; k++) row[k] = (int)k;
    for (size_t i = 0; a[i]; i++) {
        int corner = row[0]++;
        for (size_t k = 0; k < wide; k++) {
            int best = corner + (a[i] != b[k]);
            corner = row[k + 1];
            if (row[k + 1] + 1 < best) best = row[k + 1] + 1;
            if (row[k] + 1 < best) best = row[k] + 1;
            row[k + 1] = best;
        }
    }
    return row[wide];
}

/* A variable that nobody reads for a slip of its name would do nothing, in silence. */
static void check_environment(void)
{
    static const char *const known[] = {"DEVICE", "DEBUG", "LOG", "CACHE_DIR", "LIMITS", "DRIVER"};
    enum { KNOWN = sizeof known / sizeof known[0] };
    for (char **variable = environ; variable && *variable; variable++) {
        char name[32];
        int nearest = 0;
        if (strncmp(*variable, "TUFF_", 5) != 0) continue;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*variable + 5, "="), *variable + 5);
        for (int i = 1; i < KNOWN; i++)
            if (distance(name, known[i]) < distance(name, known[nearest])) nearest = i;
        int far = distance(name, known[nearest]);
        if (far == 0 || far > (strlen(name) < 5 ? 1 : 2)) continue;
        fprintf(stderr, "warning: nothing reads the variable TUFF_%s; is TUFF_%s meant?\n", SHOWN(name), known[nearest]);
    }
}
#endif

void program_begin(void)
{
#ifndef _WIN32
    for (int i = 0; i < 3; i++) /* of a closed stream: a place that cannot be read from or written to, as it was */
        if (fcntl(i, F_GETFD) < 0) (void)!open("/dev/null", i == 0 ? O_WRONLY : O_RDONLY);
    signal(SIGXFSZ, SIG_IGN);
#endif
    atexit(check_output);
#ifndef _WIN32
    check_environment();
#endif
}

/* ---- time ----------------------------------------------------------------------------------------------------------------------- */

double seconds_now(void)
{
#ifdef TIME_UTC
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
#else /* mingw-w64 */
    struct _timeb now;
    _ftime(&now);
    return (double)now.time + now.millitm / 1e3;
#endif
}

void program_tell(const char *what, double done, double all)
{
    static double shown; /* of the main thread */
    static bool stands;
    const char *kind = getenv("TERM");
    double now = seconds_now();
    if (!isatty(fileno(stderr)) || (kind && !strcmp(kind, "dumb"))) return;
    if (done < all ? now - shown < 0.2 : !stands) return;
    stands = done < all;
    shown = now;
    fflush(stdout);
    if (stands) fprintf(stderr, "\r%s %.0f of %.0f", what, done, all);
    fputs(stands ? "\033[K" : "\r\033[K", stderr);
    fflush(stderr);
}

/* ---- files ---------------------------------------------------------------------------------------------------------------------- */

bool program_exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0;
}

bool program_is_file(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && (about.st_mode & S_IFMT) == S_IFREG;
}

bool program_same_file(const char *one, const char *other)
{
#ifdef _WIN32
    char *a = _fullpath(NULL, one, 0), *b = _fullpath(NULL, other, 0);
    const bool same = a && b && _stricmp(a, b) == 0 && program_exists(one);
    free(a);
    free(b);
    return same;
#else
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
#endif
}

void program_remove(const char *path)
{
#ifdef _WIN32
    remove(path);
#else
    char *behind = realpath(path, NULL);
    if (behind) remove(behind);
    free(behind);
#endif
}
