#!/bin/sh
# lint_libc.sh - what the libraries call of the C library is C11 as Android's Bionic has it (API level 28), beside the libraries
# that are linked; backend/os_posix.c and os_shared.c alone call POSIX, also no more than Bionic has. Read from the objects, so that no macro
# and no header hides a call. docs/android.md says how to build with the NDK.
set -eu
cd "${TUFF_BUILD_DIR:?TUFF_BUILD_DIR is the build folder}"
nm=nm
case ${CC:-} in *-gcc) nm=${CC%gcc}nm ;; esac # of the same system
command -v "$nm" >/dev/null 2>&1 || { echo "SKIP: nm is not installed (binutils)"; exit 77; }
if grep -q '^TUFF_SANITIZE:[A-Z]*=.' CMakeCache.txt; then echo "SKIP: sanitizers call a library of their own"; exit 77; fi
case ${CC:-} in *mingw*) echo "SKIP: Windows has another C library"; exit 77 ;; esac

objects=$(find CMakeFiles -path '*_obj.dir/*' -name '*.o' | sort)
[ -n "$objects" ] || { echo "no objects in $PWD"; exit 1; }
# Left out of C11: timespec_get and threads.h (API 29, 30), aligned_alloc (28, but nothing needs it), locales, wide characters.
# shellcheck disable=SC2086
"$nm" -A $objects | awk '
function allow(table, text, i, names) { split(text, names, " "); for (i in names) table[names[i]] = 1 }
BEGIN {
    allow(c11, "abort abs atexit atof atoi atol atoll bsearch calloc div exit free getenv labs ldiv llabs lldiv malloc qsort realloc " \
        "strtod strtof strtol strtoll strtoul strtoull _Exit " \
        "memchr memcmp memcpy memmove memset strcat strchr strcmp strcpy strcspn strerror strlen strncat strncmp strncpy strpbrk " \
        "strrchr strspn strstr strtok " \
        "isalnum isalpha isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit tolower toupper " \
        "clearerr fclose feof ferror fflush fgetc fgets fopen fprintf fputc fputs fread freopen fscanf fseek ftell fwrite getc " \
        "perror printf putc putchar puts remove rename rewind setbuf setvbuf snprintf sprintf sscanf stderr stdin stdout tmpfile " \
        "ungetc vfprintf vprintf vsnprintf vsprintf vsscanf " \
        "clock difftime gmtime localtime mktime strftime time longjmp setjmp raise signal " \
        "acos acosh asin asinh atan atan2 atanh ceil cos cosh erf erfc exp exp2 expm1 fabs floor fma fmax fmin fmod frexp hypot ilogb ldexp lgamma " \
        "llrint llround log log10 log1p log2 logb lrint lround modf nearbyint pow remainder rint round scalbn sin sinh sqrt tan " \
        "tanh tgamma trunc ceilf cosf expf fabsf floorf fmaf fmaxf fminf fmodf frexpf ldexpf logf lrintf lroundf nearbyintf powf " \
        "rintf roundf sinf sqrtf tanf tanhf truncf")
    allow(posix, "access clock_gettime close closedir dirfd dlclose dlopen dlsym dup fchmod fcntl flock fstat fsync geteuid getpid lseek lstat mkdir mmap munmap nanosleep open openat " \
        "opendir read readdir readlink stat sysconf unlinkat " \
        "unlink write pthread_cond_broadcast pthread_cond_destroy pthread_cond_init pthread_cond_wait pthread_create pthread_join " \
        "pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock")
    # glibc names of C11 functions, and what compilers put in: Bionic has its own for them
    allow(c11, "__ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc __errno_location __assert_fail _setjmp __sigsetjmp " \
        "__stack_chk_fail _GLOBAL_OFFSET_TABLE_ __tls_get_addr __cpu_model")
}
$(NF - 1) != "U" && $(NF - 1) != "w" { defined[$NF] = 1; next }
{ file[++count] = $1; called[count] = $NF }
END {
    for (i = 1; i <= count; i++) {
        name = called[i]
        sub(/^__isoc(99|23)_/, "", name)
        if (name ~ /^__.*_chk$/) { sub(/^__/, "", name); sub(/_chk$/, "", name) }
        if (name in defined || name in c11) continue
        if (name ~ /^(png|jpeg|cJSON|glslang|stbi|opj|zip|pb)_/ || name ~ /^(WebP|DGif|TIFF|GifErrorString)/ || name ~ /^(inflate|crc32|zlibVersion)/) continue
        if (name ~ /^__aarch64_(cas|swp|ldadd|ldclr|ldeor|ldset)/ || name ~ /^__u?(div|mod|mul)[a-z]*[0-9]$/) continue # libgcc
        if (name in posix && file[i] ~ /os_(posix|shared)\.c\.o:/) continue
        if (file[i] ~ /\/volk\.c\.o:/ && name ~ /^dl(open|sym|close)$/) continue
        where = file[i]; sub(/.*_obj\.dir\//, "", where)
        print where " calls " called[i] ", which is not C11 in Bionic"; errors++
    }
    if (errors) { print errors " calls (docs/android.md)"; exit 1 }
}'
