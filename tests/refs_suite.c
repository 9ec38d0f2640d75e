/* refs_suite.c - reference cases on a device, by tuff-refs (tests/refs): those of tests/data/refs, a few of each composed function,
 * and all of the shared data where there are any ($TUFF_SHARED, then ../shared) must pass; one with a wrong digit must not. */
#include "loaders/source.h"
#include "tests/loaders_support.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>

static const char program[] = TUFF_BUILD_DIR "/bin/tuff-refs";

static int run(const char *folder)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        execl(program, "tuff-refs", folder, (char *)NULL);
        perror(program);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* exp(0) and exp(1), the second of them off by `wrong`, as a folder of one case. */
static const char *write_case(struct loaders_test *test, float wrong)
{
    static const char index[] =
        "{\"count\": 1, \"cases\": [{\"file\": \"exp.safetensors\", \"family\": \"pointwise\", \"op\": \"exp\"}]}";
    const float in[2] = {0, 1}, out[2] = {1, 2.718281746F + wrong};
    const struct tuff_array arrays[] = {{"in0", TUFF_ELEMENT_F32, 1, {2}, in, sizeof in},
                                        {"out0", TUFF_ELEMENT_F32, 1, {2}, out, sizeof out}};
    const struct tuff_pair texts[] = {{"op", "exp"}};
    struct tuff_tensors_params params = {
        .struct_size = sizeof params, .arrays = arrays, .array_count = 2, .texts = texts, .text_count = 1};
    struct tuff_error error = {0};
    expect_status(test, "writing a case", TUFF_OK,
                  tuff_safetensors_write(test->context, scratch_path(test, "exp.safetensors"), &params, &error), &error,
                  NULL);
    scratch_write(test, "index.json", index, sizeof index - 1);
    return test->folder;
}

int main(void)
{
    struct loaders_test test;
    char folder[4096];
    if (!TUFF_HAVE_JSON) {
        puts("SKIP: built without cJSON");
        return 77;
    }
    bool shared = shared_path("data/refs", folder, sizeof folder);
    int status = run(TUFF_SOURCE_DIR "/tests/data/refs");
    if (status == 77) {
        puts("SKIP: there is no device");
        return 77;
    }
    loaders_begin(&test, "refs_suite");
    expect_number(&test, "status of tuff-refs with the cases of tests/data", 0, status);
    if (shared) expect_number(&test, "status of tuff-refs with the shared cases", 0, run(folder));
    if (!shared) puts("without the shared cases (data/refs in TUFF_SHARED or ../shared)");
    expect_number(&test, "status with a right case", 0, run(write_case(&test, 0)));
    puts("canary, must fail:");
    expect_number(&test, "status with a wrong digit", 1, run(write_case(&test, 1e-5F)));
    return loaders_end(&test);
}
#else
int main(void)
{
    puts("SKIP: starts a program as Unix does");
    return 77;
}
#endif
