/* mutate_zip.c - the mutator of zip archives: one member's content is mutated, and the archive is written again with its checksum. */
#include "tests/fuzz/fuzz.h"
#include "tests/zip_bytes.h"

#include <stdlib.h>

enum { MEMBERS = 48, NAME = 64 };

static uint64_t get(const uint8_t *at, unsigned bytes) { return tuff_little(at, bytes); }

/* Members by the directory's entries, as far as they make sense; deflated ones stay as they are. */
static uint32_t read_members(const uint8_t *data, size_t size, struct zip_member *members, char (*names)[NAME])
{
    uint32_t count = 0;
    for (size_t at = 0; at + 46 <= size && count < MEMBERS; at++) {
        if (memcmp(data + at, "PK\1\2", 4) != 0) continue;
        const size_t head = get(data + at + 42, 4), packed = get(data + at + 20, 4), length = get(data + at + 28, 2);
        if (head > size || size - head < 30 || length >= NAME || length > size - at - 46) continue;
        const size_t from = head + 30 + get(data + head + 26, 2) + get(data + head + 28, 2);
        if (from > size || packed > size - from) continue;
        memcpy(names[count], data + at + 46, length);
        names[count][length] = 0;
        members[count] = (struct zip_member){names[count],
                                             data + from,
                                             packed,
                                             get(data + at + 24, 4),
                                             (uint32_t)get(data + at + 16, 4),
                                             (uint32_t)get(data + at + 10, 2),
                                             0};
        count++;
    }
    return count;
}

size_t fuzz_mutate_zip(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    struct zip_member members[MEMBERS];
    char names[MEMBERS][NAME];
    const uint32_t count = read_members(data, size, members, names);
    if (!count) return LLVMFuzzerMutate(data, size, most);
    /* The first member, which says what is made of the others, twice in three times. */
    struct zip_member *one = &members[seed % 3 ? 0 : seed / 3 % count];
    size_t whole = 22;
    for (uint32_t i = 0; i < count; i++) whole += 76 + 2 * strlen(members[i].name) + members[i].bytes;
    if (whole > most) return LLVMFuzzerMutate(data, size, most);
    const size_t room = one->bytes + most - whole;
    uint8_t *content = malloc(room + 1), *file = malloc(most);
    if (!content || !file) abort();
    memcpy(content, one->data, one->bytes);
    one->bytes = LLVMFuzzerMutate(content, one->bytes, room);
    one->data = content;
    if (one->method == 0) {
        one->plain = one->bytes;
        one->crc = tuff_crc32(0, content, one->bytes);
    }
    size = zip_make(file, members, count);
    memcpy(data, file, size);
    free(content);
    free(file);
    return size;
}
