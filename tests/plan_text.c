/* plan_text.c - a plan prints, parses back to the same hash, and no damaged text crashes the parser. Needs no device. */
#include "backend/plan.h"

#include <stdio.h>

static uint32_t next_random(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; } /* Numerical Recipes */

static int build(struct tuff_plan *plan)
{
    static const uint32_t constant[4] = {0x3f800000, 0, 0xffffffff, 7};
    static const uint8_t table[1000] = {1, 2, 3};
    struct tuff_plan_slot slots[] = {
        {.name = "x \"quoted\"\n\x01 \xc3\xa4", .dtype = "f32", .rank = 2, .dim = {16, 16}, .bytes = 1024},
        {.name = "c", .bytes = 16, .content = TUFF_CONTENT_BLOB, .content_bytes = 16, .data = constant},
        {.bytes = 1024},
        {.name = "y", .dtype = "i32", .rank = 1, .dim = {256}, .bytes = 1024},
        {.name = "large", .bytes = 1024, .content = TUFF_CONTENT_BLOB, .content_bytes = sizeof table, .data = table},
        {.name = "w", .bytes = 1024, .content = TUFF_CONTENT_FILE, .content_bytes = 1000, .file_offset = 4096},
        {.name = "z", .bytes = 1024, .content = TUFF_CONTENT_ZEROS},
        {.name = "p", .bytes = 256, .content = TUFF_CONTENT_PASSING},
        {.name = "folded", .bytes = 1024}};
    const enum tuff_memory kinds[] = {TUFF_MEMORY_INPUT,  TUFF_MEMORY_CONST, TUFF_MEMORY_SCRATCH,
                                      TUFF_MEMORY_OUTPUT, TUFF_MEMORY_CONST, TUFF_MEMORY_PARAM,
                                      TUFF_MEMORY_STATE,  TUFF_MEMORY_STATE, TUFF_MEMORY_PREPARED};
    enum { x, c, t, y, large, w, z, p, folded };
    for (uint32_t i = 0; i < TUFF_COUNT(slots); i++) {
        bool placed = tuff_plan_place(plan, &slots[i], kinds[i], 1024); /* "c" and "large" need a memory each */
        if (!placed || tuff_plan_add_slot(plan, &slots[i]) != i) printf("slot %u is not placed\n", i);
    }
    int failures = 0;
    if (plan->memory_count != 9 || tuff_plan_kind_bytes(plan, TUFF_MEMORY_CONST) != 256 + 1024)
        printf("memories: expected 9, 1280 bytes of constants, got %u\n", plan->memory_count), failures++;
    struct tuff_plan_kernel kernel = {
        .file = "pointwise", .defines = "#define A 1\n", .hooks = "float in0(uint i) { return 1.0; }\n\\"};
    uint32_t first = tuff_plan_add_kernel(plan, &kernel, (struct tuff_plan_spec[]){{16, 3}, {0, 64}}, 2);
    uint32_t again = tuff_plan_add_kernel(plan, &kernel, (struct tuff_plan_spec[]){{0, 64}, {16, 3}}, 2);
    if (first || again) printf("equal kernels: expected 0 0, got %u %u\n", first, again), failures++;
    kernel.hooks = "";
    uint32_t second = tuff_plan_add_kernel(plan, &kernel, NULL, 0);
    tuff_plan_add_launch(plan, &(struct tuff_plan_launch){.label = "fold w", .kernel = second, .groups = {1, 1, 1}},
                         (struct tuff_plan_binding[]){{.slot = w, .access = TUFF_READ, .bytes = 1024},
                                                      {.slot = folded, .access = TUFF_WRITE, .bytes = 1024}},
                         2, NULL, 0);
    tuff_plan_add_launch(
        plan, &(struct tuff_plan_launch){.label = "mul t", .kernel = first, .groups = {4, 1, 1}, .flops = 256},
        (struct tuff_plan_binding[]){{.slot = x, .access = TUFF_READ, .bytes = 1024, .few = 512},
                                     {.slot = c, .access = TUFF_READ, .bytes = 16, .texels = TUFF_TEXELS_U32},
                                     {.slot = t, .access = TUFF_WRITE, .bytes = 1024}},
        3, (const uint32_t[]){256, 0xdeadbeef}, 2);
    tuff_plan_add_numbers(plan, (const uint32_t[]){3, 0x80000001, 0}, 3);
    tuff_plan_add_launch(
        plan, &(struct tuff_plan_launch){.label = "add y", .kernel = second, .groups = {4, 2, 3}},
        (struct tuff_plan_binding[]){
            {.slot = t, .access = TUFF_READ | TUFF_WRITE, .offset = 512, .bytes = 256, .step = -256, .ring = 2},
            {.slot = y, .access = TUFF_WRITE, .offset = 256, .bytes = 256, .step = 256}},
        2, NULL, 0);
    if (!tuff_plan_add_loop(plan, &(struct tuff_plan_loop){2, 1, 3})) printf("loops: expected one\n"), failures++;
    plan->prepare_count = 1;
    bool stations = tuff_plan_add_station(plan, "half \"way\"", 2) && tuff_plan_add_station(plan, "end", 3);
    if (!stations) printf("stations: expected two\n"), failures++;
    tuff_plan_place_barriers(plan);
    return failures;
}

/* The hash covers all that the text says: another digit anywhere is another plan, but for the place of a content in its file. */
static int each_digit(struct tuff_text *text, uint64_t hash)
{
    int failures = 0, others = 0;
    for (size_t i = 0; i < text->length; i++) {
        struct tuff_plan plan;
        struct tuff_text again;
        if (i >= 5 && !memcmp(text->data + i - 5, "file=", 5)) i += strcspn(text->data + i, ":");
        char digit = text->data[i];
        if (digit < '0' || digit > '9') continue;
        tuff_plan_init(&plan, text->context);
        tuff_text_init(&again, text->context);
        text->data[i] = digit == '9' ? '8' : (char)(digit + 1);
        if (tuff_plan_parse(&plan, text->data, text->length, NULL) == TUFF_OK) {
            text->data[i] = digit;
            tuff_plan_print(&plan, &again);
            bool same = again.length == text->length && !memcmp(again.data, text->data, text->length);
            others += !same;
            if (!same && tuff_plan_hash(&plan) == hash)
                printf("hash: expected another for a plan of\n%s\n", again.data), failures++;
        }
        text->data[i] = digit;
        tuff_text_finish(&again);
        tuff_plan_finish(&plan);
    }
    if (others < 50) printf("digits: %d other plans, expected more\n", others), failures++;
    return failures;
}

static int damage(const struct tuff_text *text, uint64_t hash)
{
    uint32_t random = 1, parsed = 0;
    char *copy = tuff_alloc(text->context, text->length + 1);
    if (!copy) return 1;
    for (size_t cut = 0; cut < text->length; cut++) {
        struct tuff_plan plan;
        tuff_plan_init(&plan, text->context);
        memcpy(copy, text->data, cut);
        tuff_status status = tuff_plan_parse(&plan, copy, cut, NULL);
        if (status == TUFF_OK && tuff_plan_hash(&plan) == hash) printf("cut at %zu: same hash\n", cut), parsed += 1000000;
        tuff_plan_finish(&plan);
    }
    for (int round = 0; round < 20000; round++) {
        struct tuff_plan plan;
        struct tuff_error error = {0};
        tuff_plan_init(&plan, text->context);
        memcpy(copy, text->data, text->length);
        for (uint32_t flips = 1 + (round & 3); flips; flips--)
            copy[next_random(&random) % text->length] ^= (char)(1 << (next_random(&random) >> 29));
        tuff_status status = tuff_plan_parse(&plan, copy, text->length, &error);
        if (status == TUFF_OK) {
            parsed++;
            (void)tuff_plan_check(&plan, text->context, NULL);
        } else if (status != TUFF_ERR_FORMAT || !strstr(error.message, "line ")) {
            printf("flip %d: expected TUFF_ERR_FORMAT with a line, got %s: %s\n", round, tuff_status_name(status),
                   error.message);
            parsed += 1000000;
        }
        tuff_plan_finish(&plan);
    }
    tuff_free(text->context, copy);
    printf("20000 damaged texts: %u parse\n", parsed % 1000000);
    return parsed >= 1000000;
}

static int too_many_numbers(struct tuff_context *context)
{
    static const uint32_t numbers[TUFF_PLAN_MOST_NUMBERS + 1];
    int failures = 0;
    for (uint32_t more = 0; more < 2; more++) {
        struct tuff_plan plan;
        tuff_plan_init(&plan, context);
        uint32_t kernel = tuff_plan_add_kernel(&plan, &(struct tuff_plan_kernel){.file = "pointwise"}, NULL, 0);
        tuff_plan_add_launch(&plan, &(struct tuff_plan_launch){.kernel = kernel, .groups = {1, 1, 1}}, NULL, 0, NULL, 0);
        bool added = tuff_plan_add_numbers(&plan, numbers, TUFF_PLAN_MOST_NUMBERS + more);
        tuff_status status = tuff_plan_check(&plan, context, NULL);
        if (!added || status != (more ? TUFF_ERR_USAGE : TUFF_OK))
            printf("%u numbers: got %s\n", TUFF_PLAN_MOST_NUMBERS + more, tuff_status_name(status)), failures++;
        tuff_plan_finish(&plan);
    }
    return failures;
}

/* What content may lie where; a range of a file is as good as the same blob. */
static int contents(struct tuff_plan *plan, struct tuff_context *context)
{
    struct tuff_plan_slot *large = &plan->slots[4], *w = &plan->slots[5], *x = &plan->slots[0];
    uint64_t hash = tuff_plan_hash(plan);
    int failures = 0;
    large->content = TUFF_CONTENT_FILE;
    if (tuff_plan_hash(plan) != hash) printf("content in a file: expected the same hash\n"), failures++;
    large->content_hash ^= 1;
    if (tuff_plan_hash(plan) == hash) printf("other content: expected another hash\n"), failures++;
    large->content_hash ^= 1;
    large->content = TUFF_CONTENT_BLOB;
    const struct {
        const char *what;
        struct tuff_plan_slot *slot;
        enum tuff_content content;
        uint64_t bytes;
    } wrong[] = {{"more content than room", w, TUFF_CONTENT_FILE, 1028},
                 {"an input with content", x, TUFF_CONTENT_FILE, 4},
                 {"a constant without", large, TUFF_CONTENT_NONE, 0},
                 {"a parameter of one run alone", w, TUFF_CONTENT_PASSING, 0},
                 {"zeros that have bytes", &plan->slots[6], TUFF_CONTENT_ZEROS, 4}};
    for (size_t i = 0; i < TUFF_COUNT(wrong); i++) {
        struct tuff_plan_slot kept = *wrong[i].slot;
        wrong[i].slot->content = wrong[i].content;
        wrong[i].slot->content_bytes = wrong[i].bytes;
        if (tuff_plan_check(plan, context, NULL) != TUFF_ERR_USAGE)
            printf("%s: expected a refusal\n", wrong[i].what), failures++;
        *wrong[i].slot = kept;
    }
    return failures;
}

static int stations(struct tuff_plan *plan, struct tuff_context *context)
{
    struct tuff_plan_station *last = &plan->stations[1], kept = *last;
    const struct tuff_plan_station wrong[] = {{"end", 0}, {"end", 4}, {plan->stations[0].name, 3}};
    uint64_t hash = tuff_plan_hash(plan);
    int failures = 0;
    for (size_t i = 0; i < TUFF_COUNT(wrong); i++) {
        *last = wrong[i];
        if (tuff_plan_check(plan, context, NULL) != TUFF_ERR_USAGE || tuff_plan_hash(plan) == hash)
            printf("station %s, %u: expected a refusal and another hash\n", last->name, last->launch_count), failures++;
        *last = kept;
    }
    return failures;
}

int main(void)
{
    struct tuff_context *context = NULL;
    struct tuff_error error = {0};
    int failures = 0;
    if (tuff_context_create(NULL, &context, &error) != TUFF_OK) return 1;
    struct tuff_plan plan, back;
    struct tuff_text text, again;
    tuff_plan_init(&plan, context);
    tuff_plan_init(&back, context);
    tuff_text_init(&text, context);
    tuff_text_init(&again, context);
    failures += build(&plan);
    if (tuff_plan_check(&plan, context, &error) != TUFF_OK)
        printf("check: expected ok, got %s\n", error.message), failures++;
    tuff_plan_print(&plan, &text);
    if (tuff_plan_parse(&back, text.data, text.length, &error) != TUFF_OK)
        printf("parse: expected ok, got %s\n%s", error.message, text.data), failures++;
    tuff_plan_print(&back, &again);
    if (text.length != again.length || memcmp(text.data, again.data, text.length))
        printf("expected\n%s\ngot\n%s\n", text.data, again.data), failures++;
    failures += each_digit(&text, tuff_plan_hash(&plan));
    if (tuff_plan_hash(&plan) != tuff_plan_hash(&back)) printf("hash: expected equal\n"), failures++;
    plan.push_words[1] ^= 1;
    if (tuff_plan_hash(&plan) == tuff_plan_hash(&back))
        printf("hash: expected another after a changed push word\n"), failures++;
    plan.push_words[1] ^= 1;
    for (uint32_t i = 0; i < 3; i++) {
        plan.numbers[i] ^= 1;
        if (tuff_plan_hash(&plan) == tuff_plan_hash(&back))
            printf("hash: expected another after a changed number\n"), failures++;
        plan.numbers[i] ^= 1;
    }
    plan.launches[1].number_count--;
    if (tuff_plan_hash(&plan) == tuff_plan_hash(&back)) printf("hash: expected another with one number less\n"), failures++;
    plan.launches[1].number_count += 2;
    if (tuff_plan_check(&plan, context, NULL) != TUFF_ERR_USAGE)
        printf("numbers: expected a refusal of a range beyond their array\n"), failures++;
    plan.launches[1].number_count--;
    plan.bindings[2].texels = TUFF_TEXELS_F32;
    if (tuff_plan_check(&plan, context, &error) != TUFF_OK || tuff_plan_hash(&plan) == tuff_plan_hash(&back))
        printf("texels: expected ok and another hash\n"), failures++;
    plan.bindings[4].texels = TUFF_TEXELS_F32;
    if (tuff_plan_check(&plan, context, NULL) != TUFF_ERR_USAGE)
        printf("texels: expected a refusal where they are written\n"), failures++;
    failures += too_many_numbers(context);
    plan.bindings[4].texels = TUFF_TEXELS_NONE;
    failures += contents(&plan, context);
    failures += stations(&plan, context);
    failures += damage(&text, tuff_plan_hash(&back));
    again.length = 0;
    tuff_plan_summary(&back, &again);
    printf("%s", again.data);
    tuff_text_finish(&text);
    tuff_text_finish(&again);
    tuff_plan_finish(&plan);
    tuff_plan_finish(&back);
    tuff_context_destroy(context);
    return failures != 0;
}
