/* torch_pickles.h - pickles in files of PyTorch's, most of which it would never write: for a test, and for the fuzz target to start from. */
#ifndef TUFF_TESTS_TORCH_PICKLES_H
#define TUFF_TESTS_TORCH_PICKLES_H

#include "backend/core.h"
#include "tests/zip_bytes.h"

static const uint8_t four[] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40, 0, 0, 0x80, 0x40}; /* 1, 2, 3, 4 */

/* ('storage', torch.TYPE, KEY, 'cpu', COUNT) as a persistent identifier, and a tensor of it */
#define STORAGE(module, type, key, count) "(X\7\0\0\0storagec" module "\n" type "\nX\1\0\0\0" key "X\3\0\0\0cpu" count "tQ"
#define FLOATS STORAGE("torch", "FloatStorage", "0", "K\4")
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n("
#define END                                                                                                                 \
    "\x89"                                                                                                                  \
    "ccollections\nOrderedDict\n)RtR"
#define DICT_OF(value) "\x80\2}X\1\0\0\0a" value "s."

static const struct pickle_case {
    const char *what, *pickle;
    size_t length;
    const char *order, *sentence; /* NULL: it is read */
    tuff_status status;
} pickle_cases[] = {
#define CASE(what, pickle, order, status, sentence)                                                                         \
    {                                                                                                                       \
        what, pickle, sizeof(pickle) - 1, order, sentence, status                                                           \
    }
    CASE("a tensor", DICT_OF(REBUILD FLOATS "K\0K\2K\2\x86K\2K\1\x86" END), "little", TUFF_OK, NULL),
    CASE("on its own", "\x80\2" REBUILD FLOATS "K\0K\4\x85K\1\x85" END ".", "little", TUFF_OK, NULL),
    CASE("big-endian", DICT_OF(REBUILD FLOATS "K\0K\4\x85K\1\x85" END), "big", TUFF_OK, NULL),
    CASE("another order", DICT_OF("N"), "middle", TUFF_ERR_FORMAT, "neither little nor big"),
    CASE("os.system", "\x80\2cos\nsystem\nX\4\0\0\0true\x85R.", "little", TUFF_ERR_UNSUPPORTED, "calls os.system"),
    CASE("by the stack", "\x80\4\x8c\2os\x8c\6system\x93.", "little", TUFF_ERR_UNSUPPORTED, "calls os.system"),
    CASE("no text", "\x80\4K\1K\1\x93.", "little", TUFF_ERR_FORMAT, "by no text"),
    CASE("a control character", "\x80\2c\1\n\2\n.", "little", TUFF_ERR_UNSUPPORTED, "calls"),
    CASE("an opcode", "\x80\2i", "little", TUFF_ERR_UNSUPPORTED, "opcode 0x69"),
    CASE("nothing", "", "little", TUFF_ERR_FORMAT, "cut off"),
    CASE("no end", "\x80\2N", "little", TUFF_ERR_FORMAT, "cut off"),
    CASE("half a text", "\x80\2X\7\0\0\0abc", "little", TUFF_ERR_FORMAT, "cut off"),
    CASE("half a name", "\x80\2cabc\n", "little", TUFF_ERR_FORMAT, "cut off"),
    CASE("an endless text", "\x80\2\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "little", TUFF_ERR_FORMAT, "cut off"),
    CASE("a zero byte", "\x80\2X\1\0\0\0\0.", "little", TUFF_ERR_FORMAT, "zero byte"),
    CASE("no UTF-8", "\x80\2U\1\xff.", "little", TUFF_ERR_FORMAT, "UTF-8"),
    CASE("two values", "NN.", "little", TUFF_ERR_FORMAT, "another number of values"),
    CASE("no value", ".", "little", TUFF_ERR_FORMAT, "another number of values"),
    CASE("no mark", "t.", "little", TUFF_ERR_FORMAT, "without a mark"),
    CASE("no mark for items", "]e.", "little", TUFF_ERR_FORMAT, "without a mark"),
    CASE("an empty stack", "\x86.", "little", TUFF_ERR_FORMAT, "empty stack"),
    CASE("s on an empty stack", "s.", "little", TUFF_ERR_FORMAT, "empty stack"),
    CASE("a on an empty stack", "a.", "little", TUFF_ERR_FORMAT, "empty stack"),
    CASE("b on an empty stack", "b.", "little", TUFF_ERR_FORMAT, "empty stack"),
    CASE("Q on an empty stack", "Q.", "little", TUFF_ERR_FORMAT, "empty stack"),
    CASE("q on an empty stack", "q\1.", "little", TUFF_ERR_FORMAT, "empty stack"),
    CASE("into no container", "NNNs.", "little", TUFF_ERR_FORMAT, "no container"),
    CASE("into no list", "NNa.", "little", TUFF_ERR_FORMAT, "no container"),
    CASE("half a pair", "}(Nu.", "little", TUFF_ERR_FORMAT, "no container"),
    CASE("a memo that is none", "h\1.", "little", TUFF_ERR_FORMAT, "never had"),
    CASE("a memo far out", "Nr\xff\xff\xff\x7f.", "little", TUFF_ERR_FORMAT, "remembers more"),
    CASE("a mark remembered", "(q\0h\0.", "little", TUFF_ERR_FORMAT, "recalls a mark"),
    CASE("a list in itself", "]q\0h\0a.", "little", TUFF_ERR_FORMAT, "in themselves"),
    CASE("a list of itself twice", "]\x94(h\0h\0e.", "little", TUFF_ERR_FORMAT, "in themselves"),
    CASE("a call of no function", "N)R.", "little", TUFF_ERR_FORMAT, "no function"),
    CASE("a call of a type", "ctorch\nfloat32\n)R.", "little", TUFF_ERR_FORMAT, "no function"),
    CASE("a dict of None", "ccollections\nOrderedDict\nN\x85R.", "little", TUFF_ERR_UNSUPPORTED, "of no list"),
    CASE("a dict of two", "ccollections\nOrderedDict\n]]\x86R.", "little", TUFF_ERR_UNSUPPORTED, "of no list"),
    CASE("a dict of no pairs", "ccollections\nOrderedDict\n]]a\x85R.", "little", TUFF_ERR_FORMAT, "of no pairs"),
    CASE("other values", "(ctorch\nSize\n)RctorchX\n\nNe", "little", TUFF_ERR_UNSUPPORTED, "calls"),
    CASE("values of all kinds",
         "\x80\3](N\x88\x89J\xff\xff\xff\xffM\1\1\x8a\1\xff\x8a\x0a"
         "0123456789G\0\0\0\0\0\0\0\0C\1xT\1\0\0\0xctorch\ndevice\n)Re.",
         "little", TUFF_OK, NULL),
    CASE("a key that is none", "}NNs.", "little", TUFF_ERR_UNSUPPORTED, "key of a dict"),
    CASE("a state", "}]b.", "little", TUFF_OK, NULL),
    CASE("a parameter of none", "ctorch._utils\n_rebuild_parameter\nN\x85R.", "little", TUFF_ERR_FORMAT, "no tensor"),
    CASE("no storage", "NQ.", "little", TUFF_ERR_FORMAT, "persistent identifier"),
    CASE("a missing storage", STORAGE("torch", "FloatStorage", "7", "K\4") ".", "little", TUFF_ERR_FORMAT,
         "data/7 is missing"),
    CASE("a short storage", STORAGE("torch", "FloatStorage", "0", "K\5") ".", "little", TUFF_ERR_FORMAT, "not 5 elements"),
    CASE("a huge storage", STORAGE("torch", "FloatStorage", "0", "\x8a\x08\4\0\0\0\0\0\0\x40") ".", "little",
         TUFF_ERR_FORMAT, "has 16 bytes"),
    CASE("two types", "](" FLOATS STORAGE("torch", "IntStorage", "0", "K\4") "e.", "little", TUFF_ERR_FORMAT, "two types"),
    CASE("no arguments", REBUILD "tR.", "little", TUFF_ERR_FORMAT, "arguments of a tensor"),
    CASE("ranks that differ", REBUILD FLOATS "K\0K\2\x85K\2K\1\x86" END ".", "little", TUFF_ERR_FORMAT,
         "arguments of a tensor"),
    CASE("out of the storage", REBUILD FLOATS "K\0K\5\x85K\1\x85" END ".", "little", TUFF_ERR_FORMAT, "lead out"),
    CASE("behind the storage", REBUILD FLOATS "K\5K\0\x85K\1\x85" END ".", "little", TUFF_ERR_FORMAT, "lead out"),
    CASE("before the storage", REBUILD FLOATS "J\xff\xff\xff\xffK\1\x85K\1\x85" END ".", "little", TUFF_ERR_FORMAT,
         "lead out"),
    CASE("a negative stride", REBUILD FLOATS "K\0K\2\x85J\xff\xff\xff\xff\x85" END ".", "little", TUFF_ERR_FORMAT,
         "lead out"),
    CASE("long steps", REBUILD FLOATS "K\0K\3K\3\x86\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\1\x86" END ".", "little",
         TUFF_ERR_FORMAT, "lead out"),
    CASE("more than memory", REBUILD FLOATS "K\0\x8a\x08\0\0\0\0\0\0\0\x10\x85K\0\x85" END ".", "little", TUFF_ERR_FORMAT,
         "larger than the limit"),
    CASE("more than the limit", REBUILD FLOATS "K\0J\0\0\0\x7f\x85K\0\x85" END ".", "little", TUFF_ERR_FORMAT,
         "larger than the limit"),
    CASE("nine dimensions", REBUILD FLOATS "K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1t(K\1K\1K\1K\1K\1K\1K\1K\1K\1t" END ".", "little",
         TUFF_ERR_UNSUPPORTED, "9 dimensions"),
    CASE("no bools", REBUILD STORAGE("torch", "BoolStorage", "0", "K\x10") "K\0K\4\x85K\1\x85" END ".", "little",
         TUFF_ERR_FORMAT, "neither 0 nor 1"),
    CASE("bytes without a type", REBUILD STORAGE("torch", "UntypedStorage", "0", "K\x10") "K\0K\4\x85K\1\x85" END ".",
         "little", TUFF_ERR_FORMAT, "not that of its storage"),
    CASE("big bytes without a type",
         "ctorch._utils\n_rebuild_tensor_v3\n(" STORAGE("torch", "UntypedStorage", "0",
                                                        "K\x10") "K\0K\4\x85K\1\x85\x89Nctorch\nuint16\ntR.",
         "big", TUFF_ERR_UNSUPPORTED, "big-endian"),
    CASE("a name twice", "}(X\1\0\0\0a" REBUILD FLOATS "K\0K\4\x85K\1\x85" END "q\0X\1\0\0\0ah\0u.", "little",
         TUFF_ERR_FORMAT, "two arrays are called"),
};

/* Files of the form before 1.6, whole. */
#define MAGIC "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define HEAD                                                                                                                \
    "\x80\2" MAGIC "\x80\2M\xe9\3."                                                                                         \
    "\x80\2}X\x0d\0\0\0little_endian\x88s."
#define KEYS                                                                                                                \
    "\x80\2]X\1\0\0\0"                                                                                                      \
    "0"                                                                                                                     \
    "a."
#define FOUR                                                                                                                \
    "\4\0\0\0\0\0\0\0"                                                                                                      \
    "\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40"
#define OF_FOUR "\x80\2" REBUILD FLOATS "K\0K\4\x85K\1\x85" END "."
static const struct pickle_case old_cases[] = {
#define OLD(what, file, status, sentence) CASE(what, file, NULL, status, sentence)
    OLD("a tensor", HEAD DICT_OF(REBUILD FLOATS "K\0K\2K\2\x86K\2K\1\x86" END) KEYS FOUR, TUFF_OK, NULL),
    OLD("of a big-endian machine",
        "\x80\2" MAGIC "\x80\2M\xe9\3."
        "\x80\2}X\x0d\0\0\0little_endian\x89s." DICT_OF(REBUILD FLOATS "K\0K\4\x85K\1\x85" END) KEYS FOUR,
        TUFF_OK, NULL),
    OLD("by protocol 4",
        "\x80\4\x95\x0d\0\0\0\0\0\0\0" MAGIC "\x80\4M\xe9\3."
        "\x80\4}." DICT_OF(REBUILD FLOATS "K\0K\4\x85K\1\x85" END) KEYS FOUR,
        TUFF_OK, NULL),
    /* OrderedDict([["a", Parameter(_rebuild_tensor(..))]]) with a state, whose texts are bytes */
    OLD("of 0.1 by Python 2",
        HEAD "\x80\2ccollections\nOrderedDict\n](](U\1actorch.nn.parameter\nParameter\n"
             "ctorch._utils\n_rebuild_tensor\n((U\7storagectorch\nFloatStorage\nU\1"
             "0"
             "U\3cpuK\4NtQ"
             "K\0K\4\x85K\1\x85tR\x85R(\x88\x89Ntbee\x85R." KEYS FOUR,
        TUFF_OK, NULL),
    OLD("another protocol", "\x80\2" MAGIC "\x80\2M\xe8\3.", TUFF_ERR_UNSUPPORTED, "another protocol"),
    OLD("no protocol", "\x80\2" MAGIC "N.", TUFF_ERR_UNSUPPORTED, "another protocol"),
    OLD("only a number", "\x80\2" MAGIC, TUFF_ERR_FORMAT, "cut off"),
    OLD("os.system", "\x80\2" MAGIC "M\xe9\3.cos\nsystem\n)R.", TUFF_ERR_UNSUPPORTED, "calls os.system"),
    OLD("a module", HEAD "(X\6\0\0\0modulecmy\nNet\nNNtQ.", TUFF_ERR_UNSUPPORTED, "calls my.Net"),
    OLD("a part",
        HEAD "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
             "0"
             "NK\4NK\0K\2\x87tQ.",
        TUFF_ERR_UNSUPPORTED, "a part of another"),
    OLD("no list", HEAD OF_FOUR "N." FOUR, TUFF_ERR_FORMAT, "have no list"),
    OLD("a key that is no text", HEAD OF_FOUR "]K\0a." FOUR, TUFF_ERR_FORMAT, "that no tensor is of"),
    OLD("a key of none", HEAD "N." KEYS FOUR, TUFF_ERR_FORMAT, "that no tensor is of"),
    OLD("a key twice",
        HEAD OF_FOUR "](X\1\0\0\0"
                     "0"
                     "X\1\0\0\0"
                     "0"
                     "e." FOUR FOUR,
        TUFF_ERR_FORMAT, "there twice"),
    OLD("a missing key", HEAD OF_FOUR "].", TUFF_ERR_FORMAT, "0 is missing"),
    OLD("a mark of another pickle",
        HEAD "Nq\0."
             "h\0.",
        TUFF_ERR_FORMAT, "never had"),
    OLD("more elements", HEAD OF_FOUR KEYS "\5" FOUR, TUFF_ERR_FORMAT, "has 1029 elements, not 4"),
    OLD("less than none", HEAD OF_FOUR KEYS "\xff\xff\xff\xff\xff\xff\xff\xff", TUFF_ERR_FORMAT, "-1 elements, not 4"),
    OLD("no number of elements", HEAD OF_FOUR KEYS "\4\0\0\0\0\0\0", TUFF_ERR_FORMAT, "0 is cut off"),
    OLD("no elements", HEAD OF_FOUR KEYS "\4\0\0\0\0\0\0\0", TUFF_ERR_FORMAT, "0 is cut off"),
    OLD("one within another", /* both as long as what is left */
        HEAD "](" FLOATS STORAGE("torch", "IntStorage", "1", "K\4") "e."
                                                                    "](X\1\0\0\0"
                                                                    "0"
                                                                    "X\1\0\0\0"
                                                                    "1"
                                                                    "e." FOUR,
        TUFF_ERR_FORMAT, "1 is cut off"),
    OLD("of two types", HEAD "](" FLOATS STORAGE("torch", "IntStorage", "0", "K\4") "e." KEYS FOUR, TUFF_ERR_FORMAT,
        "two types"),
    OLD("of two lengths", HEAD "](" FLOATS STORAGE("torch", "FloatStorage", "0", "K\3") "e." KEYS FOUR, TUFF_ERR_FORMAT,
        "not 3 elements"),
    OLD("larger than the file", HEAD STORAGE("torch", "FloatStorage", "0", "J\xff\xff\xff\x7f") ".", TUFF_ERR_FORMAT,
        "larger than the file"),
    OLD("larger than all", HEAD STORAGE("torch", "FloatStorage", "0", "\x8a\x08\4\0\0\0\0\0\0\x40") ".", TUFF_ERR_FORMAT,
        "larger than the file"),
    OLD("less than no elements", HEAD STORAGE("torch", "FloatStorage", "0", "J\xff\xff\xff\xff") ".", TUFF_ERR_FORMAT,
        "larger than the file"),
    OLD("out of the storage", HEAD REBUILD FLOATS "K\1K\4\x85K\1\x85" END "." KEYS FOUR, TUFF_ERR_FORMAT, "lead out"),
    OLD("no bools",
        HEAD REBUILD STORAGE("torch", "BoolStorage", "0", "K\4") "K\0K\4\x85K\1\x85" END "." KEYS "\4\0\0\0\0\0\0\0\1\0\2\1",
        TUFF_ERR_FORMAT, "neither 0 nor 1"),
    OLD("two objects", HEAD OF_FOUR KEYS FOUR HEAD OF_FOUR KEYS FOUR, TUFF_ERR_UNSUPPORTED, "several objects"),
};

/* An archive of a pickle and a storage of four floats. Returns its bytes. */
static inline size_t pickle_file(const char *pickle, size_t length, const char *order, uint8_t *file)
{
    const struct zip_member members[] = {
        {"a/data.pkl", (const uint8_t *)pickle, length, length, tuff_crc32(0, pickle, length), 0, 0},
        {"a/data/0", four, 16, 16, tuff_crc32(0, four, 16), 0, 0},
        {"a/byteorder", (const uint8_t *)order, strlen(order), strlen(order), tuff_crc32(0, order, strlen(order)), 0, 0}};
    return zip_make(file, members, 3);
}

#endif
