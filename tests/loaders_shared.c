/* loaders_shared.c - the shared test data: every picture against its expected size and samples, every safetensors file. */
#include "tests/loaders_support.h"

#include "backend/os.h"
#include "samples/data/data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#if TUFF_HAVE_JSON
#include <cjson/cJSON.h>

/* ---- SHA-256 (FIPS 180-4) ------------------------------------------------------------------------------------------- */

static const uint32_t sha_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void sha_block(uint32_t *h, const uint8_t *p)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) +
               (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(s, h, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t t = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + sha_k[i] +
                     w[i];
        uint32_t u = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t;
        s[0] = t + u;
    }
    for (int i = 0; i < 8; i++) h[i] += s[i];
}

static void sha256(const uint8_t *data, size_t bytes, char text[65])
{
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t tail[128] = {0};
    size_t whole = bytes / 64 * 64, rest = bytes - whole, tail_bytes = rest < 56 ? 64 : 128;
    for (size_t i = 0; i < whole; i += 64) sha_block(h, data + i);
    memcpy(tail, data + whole, rest);
    tail[rest] = 0x80;
    for (int i = 0; i < 8; i++) tail[tail_bytes - 1 - i] = (uint8_t)((uint64_t)bytes * 8 >> 8 * i);
    for (size_t i = 0; i < tail_bytes; i += 64) sha_block(h, tail + i);
    for (int i = 0; i < 8; i++) snprintf(text + 8 * i, 9, "%08x", (unsigned)h[i]);
}

/* ---- pictures --------------------------------------------------------------------------------------------------------- */

static int number(const cJSON *row, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, key);
    return item ? item->valueint : 0;
}

/* The samples as expected.json counts them: depth 2 (grey, alpha) or 4, and grey of 1, 2, 4 bits before it is scaled. */
static void check_sum(struct loaders_test *test, const char *name, const cJSON *row, const struct tuff_picture *picture)
{
    int depth = number(row, "depth"), maxval = number(row, "maxval");
    size_t pixels = (size_t)picture->width * picture->height;
    uint8_t *samples = malloc(pixels * (size_t)depth);
    char sum[65];
    if (!samples) exit(1);
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t *p = picture->pixels + i * picture->channels;
        for (int c = 0; c < depth; c++) {
            uint8_t alpha = picture->channels == 4 ? p[3] : 255,
                    v = c == depth - 1 ? alpha : p[picture->channels == 1 ? 0 : c];
            samples[i * (size_t)depth + (size_t)c] = (uint8_t)(v * maxval / 255);
        }
    }
    sha256(samples, pixels * (size_t)depth, sum);
    expect_text(test, name, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "sha256")), sum);
    free(samples);
}

static void check_means(struct loaders_test *test, const char *name, const cJSON *row, const struct tuff_picture *picture)
{
    const cJSON *means = cJSON_GetObjectItemCaseSensitive(row, "mean");
    expect_number(test, name, cJSON_GetArraySize(means), picture->channels);
    for (int c = 0; c < cJSON_GetArraySize(means) && c < (int)picture->channels; c++) {
        double sum = 0, wanted = cJSON_GetArrayItem(means, c)->valuedouble;
        size_t pixels = (size_t)picture->width * picture->height;
        for (size_t i = 0; i < pixels; i++) sum += picture->pixels[i * picture->channels + (size_t)c];
        /* Two right decoders differ by rounding; half a level in the mean is a wrong one. */
        expect(test, fabs(sum / (double)pixels - wanted) < 0.5, name, "the channel's mean", "%f for %f",
               sum / (double)pixels, wanted);
    }
}

static void check_decoded(struct loaders_test *test, const char *folder, const cJSON *row,
                          const struct tuff_picture *picture)
{
    const char *decoded = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "decoded"));
    char path[900];
    struct tuff_picture other = {0};
    if (!decoded || !TUFF_HAVE_PNG) return;
    snprintf(path, sizeof path, "%s/%s", folder, decoded);
    if (tuff_picture_read(test->context, path, NULL, &other, NULL) == TUFF_OK && other.channels == picture->channels) {
        size_t samples = (size_t)other.width * other.height * other.channels;
        double sum = 0;
        for (size_t i = 0; i < samples; i++) sum += abs(other.pixels[i] - picture->pixels[i]);
        expect(test, sum / (double)samples < 0.5, decoded, "a mean difference below 0.5", "%f", sum / (double)samples);
    } else {
        expect(test, false, decoded, "the decoded picture", "another shape, or none");
    }
    tuff_picture_finish(test->context, &other);
}

static void check_picture(struct loaders_test *test, const char *folder, const cJSON *row, int refused[2])
{
    const char *name = row->string;
    bool jpeg = strstr(name, ".jpg") != NULL;
    char path[900];
    struct tuff_picture picture = {0};
    struct tuff_error error = {0};
    struct tuff_picture_damage damage = {0};
    struct tuff_picture_options options = {
        .struct_size = sizeof options, .alpha = TUFF_ALPHA_KEEP, .ignore_orientation = true, .damage = &damage};
    if (jpeg ? !TUFF_HAVE_JPEG : !TUFF_HAVE_PNG) return;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    tuff_status status = tuff_picture_read(test->context, path, &options, &picture, &error);
    if (cJSON_GetObjectItemCaseSensitive(row, "error")) {
        if (status != TUFF_OK || !jpeg) expect_refused(test, name, status, &error);
        expect(test, status != TUFF_OK || damage.warnings > 0, name, "refused, or read with a warning", "neither");
        refused[jpeg]++;
    } else {
        expect_status(test, name, TUFF_OK, status, &error, NULL);
        expect_number(test, name, number(row, "width"), picture.width);
        expect_number(test, name, number(row, "height"), picture.height);
        if (status == TUFF_OK && jpeg) {
            check_means(test, name, row, &picture);
            check_decoded(test, folder, row, &picture);
        } else if (status == TUFF_OK && number(row, "maxval") <= 255) {
            check_sum(test, name, row, &picture);
        }
    }
    tuff_picture_finish(test->context, &picture);
}

static bool test_pictures(struct loaders_test *test)
{
    char folder[800], path[800];
    size_t bytes = 0;
    int refused[2] = {0, 0};
    if (!shared_path("data/pictures", folder, sizeof folder) ||
        !shared_path("data/pictures/expected.json", path, sizeof path))
        return false;
    uint8_t *text = file_read(path, &bytes);
    cJSON *rows = text ? cJSON_ParseWithLength((const char *)text, bytes) : NULL;
    const cJSON *row = NULL;
    expect(test, cJSON_GetArraySize(rows) > 150, "expected.json", "more than 150 pictures", "%d", cJSON_GetArraySize(rows));
    cJSON_ArrayForEach(row, rows) check_picture(test, folder, row, refused);
    if (TUFF_HAVE_PNG) expect_number(test, "PNG files that are refused", 14, refused[0]);
    if (TUFF_HAVE_JPEG) expect_number(test, "JPEG files that are refused, or read with a warning", 2, refused[1]);
    cJSON_Delete(rows);
    free(text);
    return true;
}

/* ---- safetensors ------------------------------------------------------------------------------------------------------ */

/* Opens a file, writes it anew, opens that, and compares every array and text. */
static void check_tensors(struct loaders_test *test, const char *path)
{
    struct tuff_tensors *a = NULL, *b = NULL;
    struct tuff_error error = {0};
    expect_status(test, path, TUFF_OK, tuff_safetensors_open(test->context, path, 0, &a, &error), &error, NULL);
    if (!a) return;
    size_t count = tuff_tensors_count(a), texts = tuff_tensors_text_count(a);
    struct tuff_array *arrays = calloc(count + 1, sizeof *arrays);
    struct tuff_pair *pairs = calloc(texts + 1, sizeof *pairs);
    if (!arrays || !pairs) exit(1);
    for (size_t i = 0; i < count; i++) arrays[i] = tuff_tensors_get(a, i);
    for (size_t i = 0; i < texts; i++) pairs[i] = tuff_tensors_text_get(a, i);
    struct tuff_tensors_params params = {
        .struct_size = sizeof params, .arrays = arrays, .array_count = count, .texts = pairs, .text_count = texts};
    const char *copy = scratch_path(test, "copy.safetensors");
    expect_status(test, path, TUFF_OK, tuff_safetensors_write(test->context, copy, &params, &error), &error, NULL);
    expect_status(test, path, TUFF_OK, tuff_safetensors_open(test->context, copy, 0, &b, &error), &error, NULL);
    if (b) expect_number(test, path, (long long)count, (long long)tuff_tensors_count(b));
    for (size_t i = 0; b && i < count; i++) {
        struct tuff_array other = {0};
        bool found = tuff_tensors_find(b, arrays[i].name, &other);
        bool same = found && other.element == arrays[i].element && other.rank == arrays[i].rank &&
                    other.bytes == arrays[i].bytes && memcmp(other.dim, arrays[i].dim, sizeof other.dim) == 0 &&
                    memcmp(other.data, arrays[i].data, other.bytes) == 0;
        expect(test, same, path, "the same array after a round trip", "another: %s", arrays[i].name);
        expect_number(test, path, 0, (long long)((uintptr_t)other.data % tuff_element_bytes(arrays[i].element)));
    }
    for (size_t i = 0; b && i < texts; i++) expect_text(test, path, pairs[i].value, tuff_tensors_text(b, pairs[i].key));
    tuff_tensors_destroy(a);
    tuff_tensors_destroy(b);
    free(arrays);
    free(pairs);
}

static size_t walk(struct loaders_test *test, const char *folder)
{
    char **names = NULL, path[1000];
    size_t count = 0, found = 0;
    if (tuff_os_list_folder(test->context, folder, &names, &count, NULL) != TUFF_OK) return 0;
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (tuff_os_is_folder(path)) {
            found += walk(test, path);
        } else if (strstr(names[i], ".safetensors")) {
            check_tensors(test, path);
            found++;
        }
    }
    tuff_free(test->context, names);
    return found;
}

static bool test_safetensors(struct loaders_test *test)
{
    char refs[800], model[800];
    if (!shared_path("data/refs", refs, sizeof refs) ||
        !shared_path("data/models/silero-vad-safetensors", model, sizeof model))
        return false;
    size_t found = walk(test, refs);
    expect(test, found >= 400, "reference files", "at least 400", "%zu", found);
    expect_number(test, "model files", 1, (long long)walk(test, model));
    return true;
}

int main(void)
{
    struct loaders_test test;
    loaders_begin(&test, "loaders_shared");
    bool here = test_pictures(&test);
    here = test_safetensors(&test) && here;
    int code = loaders_end(&test);
    if (code == 0 && !here) {
        printf("SKIP: the shared test data is not here (set TUFF_SHARED)\n");
        return 77;
    }
    return code;
}
#else
int main(void)
{
    printf("SKIP: this build has no cJSON\n");
    return 77;
}
#endif
