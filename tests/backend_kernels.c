/* backend_kernels.c - shaders/kernels.def against the SPIR-V of every variant that the build made: ids and defaults of constants,
 * places of push words, bindings and who writes them; and a table that is wrong in one of these is noticed. Hostile mode knows all their
 * instructions. Needs no device. */
#include "backend/kernels.h"
#include "backend/spirv.h"

#include <stdio.h>
#include <stdlib.h>

struct built { /* as in backend/built.c */
    const char *file, *defines;
    size_t words;
    const uint32_t *spirv;
};
static const struct built variants[] = {
#include "shaders/built.inc"
};

/* ---- the table ---------------------------------------------------------------------------------------------------------------- */

struct row {
    const char *file, *defines, *parts, *ports;
};
#define ROW(file, defines, parts, ports) {file, defines, parts, ports},
static const struct row rows[] = {TUFF_KERNELS(ROW)};

struct part {
    const struct tuff_kernel_part *part;
    const char *counts; /* of each word or array of words, one letter */
};
#define LETTER(count) ((char)('0' + count))
#define WORD(type, name) LETTER(1),
#define WORDS(type, name, count) LETTER(count),
#define NO_CONSTANT(id, type, name, value)
#define PART(part) {&tuff_part_##part, (const char[]){TUFF_PART_##part(NO_CONSTANT, WORD, WORDS) 0}},
static const struct part parts[] = {TUFF_PARTS(PART)};

struct port_set {
    const char *name, *access; /* r or w for each binding */
};
#define READ(n) "r"
#define WRITE(n) "w"
#define MORE(k, n) "w"
#define PORTS(part) {#part, TUFF_PORTS_##part(READ, READ, WRITE, WRITE, MORE, MORE)},
static const struct port_set port_sets[] = {TUFF_PORT_SETS(PORTS)};

/* ---- SPIR-V ------------------------------------------------------------------------------------------------------------------- */

enum { NAMES = 4096, PLACES = 64, FIELDS = 64 }; /* ids of a module; bindings; members of its push block */
enum {
    OP_TYPE_ARRAY = 28,
    OP_TYPE_STRUCT = 30,
    OP_TYPE_POINTER = 32,
    OP_CONSTANT = 43,
    OP_SPEC_TRUE = 48,
    OP_SPEC_FALSE,
    OP_SPEC_CONSTANT,
    OP_VARIABLE = 59,
    OP_DECORATE = 71,
    OP_MEMBER_DECORATE
};
enum { SPEC_ID = 1, NON_WRITABLE = 24, NON_READABLE, BINDING = 33, OFFSET = 35, PUSH_CONSTANT = 9 };

struct module {
    uint32_t spec_id[NAMES], value[NAMES], length[NAMES], pointed[NAMES], binding[NAMES]; /* by id; spec_id, binding: + 1 */
    uint32_t constants[TUFF_PLAN_FIRST_PORT_SPEC]
                      [2]; /* defaults by constant id; the size of a workgroup is a constant of its own */
    bool has[TUFF_PLAN_FIRST_PORT_SPEC];
    char access[NAMES];                                    /* of structs: r, w, or 0 */
    char ports[PLACES];                                    /* by binding */
    uint32_t push, offsets[FIELDS], sizes[FIELDS], fields; /* push: id of the struct of push words; sizes in words */
};

static void note_struct(struct module *m, const uint32_t *op, uint32_t words)
{
    if (op[1] != m->push) return;
    for (uint32_t i = 2; i < words && m->fields < FIELDS; i++)
        m->sizes[m->fields++] = m->length[op[i]] ? m->length[op[i]] : 1;
}

static void note(struct module *m, const uint32_t *op, uint32_t words, bool second)
{
    switch (op[0] & 0xffff) {
    case OP_DECORATE:
        if (op[2] == SPEC_ID) m->spec_id[op[1]] = op[3] + 1;
        if (op[2] == BINDING) m->binding[op[1]] = op[3] + 1;
        if (op[2] == NON_WRITABLE) m->access[op[1]] = 'r';
        if (op[2] == NON_READABLE) m->access[op[1]] = 'w';
        break;
    case OP_MEMBER_DECORATE:
        if (op[3] == NON_WRITABLE) m->access[op[1]] = 'r';
        if (op[3] == NON_READABLE) m->access[op[1]] = 'w';
        if (op[3] == OFFSET && second && op[1] == m->push && op[2] < FIELDS) m->offsets[op[2]] = op[4];
        break;
    case OP_CONSTANT: m->value[op[2]] = op[3]; break;
    case OP_SPEC_TRUE:
    case OP_SPEC_FALSE:
    case OP_SPEC_CONSTANT: {
        uint32_t id = m->spec_id[op[2]] - 1;
        if (id >= TUFF_PLAN_FIRST_PORT_SPEC) break;
        uint32_t *value = &m->constants[id][m->has[id] && !second];
        if (!second) *value = (op[0] & 0xffff) == OP_SPEC_CONSTANT ? op[3] : (op[0] & 0xffff) == OP_SPEC_TRUE;
        m->has[id] = true;
        break;
    }
    case OP_TYPE_ARRAY: m->length[op[1]] = m->value[op[3]]; break;
    case OP_TYPE_POINTER:
        m->pointed[op[1]] = op[3];
        if (op[2] == PUSH_CONSTANT && !m->push) m->push = op[3];
        break;
    case OP_TYPE_STRUCT:
        if (second) note_struct(m, op, words);
        break;
    case OP_VARIABLE: {
        uint32_t place = m->binding[op[2]] - 1;
        char access = m->access[op[2]] ? m->access[op[2]] : m->access[m->pointed[op[1]]];
        if (place < PLACES && (!m->ports[place] || m->ports[place] == access)) m->ports[place] = access ? access : '?';
        break;
    }
    default: break;
    }
}

/* Twice: members are decorated before it is known which struct holds the push words. */
static struct module *reflect(const struct built *built)
{
    struct module *m = calloc(1, sizeof *m);
    if (!m || built->spirv[3] > NAMES) abort();
    for (int pass = 0; pass < 2; pass++)
        for (size_t at = 5; at < built->words; at += built->spirv[at] >> 16)
            note(m, built->spirv + at, built->spirv[at] >> 16, pass == 1);
    return m;
}

/* ---- comparison --------------------------------------------------------------------------------------------------------------- */

/* What is wrong, or NULL. */
static const char *compare_parts(const struct module *m, const char *names)
{
    bool declared[TUFF_PLAN_FIRST_PORT_SPEC] = {false};
    uint32_t field = 0, offset = 0;
    char list[256], *rest = list;
    snprintf(list, sizeof list, "%s", names);
    for (char *name; (name = rest) && *name;) {
        rest = strchr(name, ' ');
        if (rest) *rest++ = 0;
        const struct part *found = NULL;
        for (uint32_t i = 0; i < TUFF_COUNT(parts); i++)
            if (!strcmp(parts[i].part->name, name)) found = &parts[i];
        if (!found) return "a part that is none";
        for (uint32_t i = 0; i < found->part->constant_count; i++) {
            const struct tuff_kernel_constant *c = &found->part->constants[i];
            if (declared[c->id]) return "two constants of one id";
            declared[c->id] = true;
            if (m->has[c->id] && m->constants[c->id][0] != c->value && m->constants[c->id][1] != c->value)
                return "another default";
            if (!m->has[c->id]) return "a constant that the module has not";
        }
        for (const char *count = found->counts; *count; count++, field++) {
            if (field >= m->fields || m->offsets[field] != offset || m->sizes[field] != (uint32_t)(*count - '0'))
                return "another push word";
            offset += 4 * m->sizes[field];
        }
    }
    for (uint32_t i = 0; i < TUFF_PLAN_FIRST_PORT_SPEC; i++)
        if (m->has[i] && !declared[i]) return "a constant that the table has not";
    return field == m->fields ? NULL : "more push words";
}

static const char *compare_ports(const struct module *m, const char *name, const char *access)
{
    for (uint32_t i = 0; i < TUFF_COUNT(port_sets) && !access; i++)
        if (!strcmp(port_sets[i].name, name)) access = port_sets[i].access;
    if (!access) return "ports that are none";
    return strcmp(m->ports, access) ? "other bindings" : NULL;
}

static const struct row *row_of(const struct built *built)
{
    const struct row *general = NULL;
    for (uint32_t i = 0; i < TUFF_COUNT(rows); i++) {
        if (strcmp(rows[i].file, built->file)) continue;
        if (rows[i].defines[0] && strstr(built->defines, rows[i].defines)) return &rows[i];
        if (!rows[i].defines[0]) general = &rows[i];
    }
    return general;
}

/* A table without the last part, and with the bindings turned round. */
static unsigned canary(const struct module *m, const struct row *row)
{
    char shorter[256], turned[PLACES] = "";
    snprintf(shorter, sizeof shorter, "%s", row->parts);
    char *last = strrchr(shorter, ' ');
    *(last ? last : shorter) = 0;
    unsigned unseen = row->parts[0] && !compare_parts(m, shorter);
    for (size_t i = 0, n = strlen(m->ports); i < n; i++) turned[i] = m->ports[n - 1 - i];
    return unseen + (row->ports[0] && !compare_ports(m, row->ports, turned));
}

static const char *compare_hostile(const struct built *built, struct tuff_error *error)
{
    for (uint32_t seed = 1; seed <= 4; seed++) {
        uint32_t *made = NULL;
        size_t words = 0;
        if (tuff_spirv_hostile(NULL, built->spirv, built->words, seed, true, &made, &words, error) != TUFF_OK)
            return error->message;
        tuff_free(NULL, made);
    }
    return NULL;
}

int main(void)
{
    struct tuff_error error = {0};
    unsigned failures = 0, unseen = 0;
    bool used[TUFF_COUNT(rows)] = {false};
    for (uint32_t i = 0; i < TUFF_COUNT(variants); i++) {
        const struct row *row = row_of(&variants[i]);
        struct module *m = reflect(&variants[i]);
        const char *wrong = row ? compare_parts(m, row->parts) : "no row in the table";
        if (!wrong && row->ports[0]) wrong = compare_ports(m, row->ports, NULL);
        if (!wrong) wrong = compare_hostile(&variants[i], &error);
        if (wrong) {
            printf("%s.comp, %s: %s; bindings %s\n", variants[i].file, variants[i].defines, wrong, m->ports);
            failures++;
        } else {
            used[row - rows] = true;
            unseen += canary(m, row);
        }
        free(m);
    }
    for (uint32_t i = 0; i < TUFF_COUNT(rows); i++) {
        if (used[i]) continue;
        printf("%s.comp, %s: a row without a variant\n", rows[i].file, rows[i].defines);
        failures++;
    }
    printf("backend_kernels: %u variants, %u failures, %u wrong tables not noticed\n", (unsigned)TUFF_COUNT(variants),
           failures, unseen);
    return failures || unseen;
}
