/* op_cases.c - see op_cases.h. */
#include "tests/op_cases.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ATTRS = 8, MOST_NUMBERS = 8 };
/* The attributes of a case in the order of the operator's table, each as its numbers: those of a shape or a list behind their count. */
#define A(...)                                                                                                              \
    (const double[MOST_ATTRS][MOST_NUMBERS]) { __VA_ARGS__ }
#define T(...) TUFF_TYPE(TUFF_F32, __VA_ARGS__)
#define B(...) TUFF_TYPE(TUFF_BOOL, __VA_ARGS__)
#define I(...) TUFF_TYPE(TUFF_I32, __VA_ARGS__)
#define HALF(...) TUFF_TYPE(TUFF_F16, __VA_ARGS__)
#define L(...) __VA_ARGS__

/* ---- pointwise rows: fresh shapes with odd sizes; the domain is the row's own (op_fill) ------------------------------------------------ */

static const struct tuff_case row1[] = {
    {"one", {T(1)}, 1, {TUFF_DOMAIN_NORMAL}, 0, A({0.7}, {1.3})},
    {"odd", {T(3, 5, 7)}, 1, {TUFF_DOMAIN_NORMAL}, 0, A({0.7}, {1.3})},
    {"kinks", {T(257)}, 1, {TUFF_DOMAIN_KINKS}, 0, A({0.7}, {1.3})},
    {"positive", {T(4099)}, 1, {TUFF_DOMAIN_POSITIVE}, 0, A({0.7}, {1.3})},
    {"wide", {T(31, 17)}, 1, {TUFF_DOMAIN_WIDE}, 0, A({0.7}, {1.3})},
};
static const struct tuff_case row2[] = {
    {"one", {T(1), T(1)}, 2, {TUFF_DOMAIN_POSITIVE, TUFF_DOMAIN_POSITIVE}, 0, A({0.7}, {1.3})},
    {"odd", {T(3, 5, 7), T(3, 5, 7)}, 2, {TUFF_DOMAIN_NORMAL, TUFF_DOMAIN_NONZERO}, 0, A({0.7}, {1.3})},
    {"kinks", {T(257), T(257)}, 2, {TUFF_DOMAIN_KINKS, TUFF_DOMAIN_KINKS}, 0, A({0.7}, {1.3})},
    {"positive", {T(4099), T(4099)}, 2, {TUFF_DOMAIN_POSITIVE, TUFF_DOMAIN_NORMAL}, 0, A({0.7}, {1.3})},
};
static const struct tuff_case row2_whole[] = {
    {"one", {I(1), I(1)}, 2, {TUFF_DOMAIN_INDEX, TUFF_DOMAIN_INDEX}, 24, A({0}, {0})},
    {"odd", {I(3, 5, 7), I(3, 5, 7)}, 2, {TUFF_DOMAIN_INDEX, TUFF_DOMAIN_INDEX}, 24, A({0}, {0})},
};

/* ---- views, elements by place ------------------------------------------------------------------------------------------------------- */

static const struct tuff_case reshape[] = {
    {"merge", {T(3, 5, 7)}, 1, {0}, 0, A({2, 15, 7})},
    {"split", {T(6, 35)}, 1, {0}, 0, A({4, 2, 3, 5, 7})},
    {"across", {T(6, 5)}, 1, {0}, 0, A({2, 10, 3})},
};
static const struct tuff_case permute[] = {
    {"two", {T(61, 67)}, 1, {0}, 0, A({2, 1, 0})},
    {"three", {T(3, 5, 7)}, 1, {0}, 0, A({3, 2, 0, 1})},
    {"four", {T(2, 3, 16, 17)}, 1, {0}, 0, A({4, 0, 2, 3, 1})},
    {"blocks", {T(24, 40)}, 1, {0}, 0, A({2, 1, 0})},
    {"picture", {T(2, 12, 4, 6)}, 1, {0}, 0, A({4, 0, 2, 3, 1})},
    {"channels", {T(3, 2, 6, 20)}, 1, {0}, 0, A({4, 0, 3, 1, 2})},
    {"between", {T(8, 5, 12)}, 1, {0}, 0, A({3, 2, 1, 0})},
    {"five", {T(2, 3, 4, 5, 3)}, 1, {0}, 0, A({5, 4, 2, 0, 3, 1})},
};
static const struct tuff_case slice[] = {
    {"rows", {T(8, 5)}, 1, {0}, 0, A({2, 0}, {1, 1}, {5, 5})},
    {"steps", {T(9, 7, 5)}, 1, {0}, 0, A({1, 0, 4}, {3, 2, 1}, {3, 4, 1})},
    {"quads", {T(6, 16)}, 1, {0}, 0, A({1, 4}, {1, 1}, {5, 8})},
    {"windows", {T(6, 17)}, 1, {0}, 0, A({0, 3}, {1, 1}, {6, 12})},
    {"from third", {T(23)}, 1, {0}, 0, A({3}, {1}, {20})},
    {"reversed", {T(9, 7)}, 1, {0}, 0, A({8, 5}, {-2, -1}, {5, 3})},
};
static const struct tuff_case expand[] = {
    {"row", {T(1, 5)}, 1, {0}, 0, A({3, 4, 3, 5})},
    {"channel", {T(7, 1, 1)}, 1, {0}, 0, A({4, 2, 7, 5, 3})},
    {"one", {T(1)}, 1, {0}, 0, A({1, 257})},
};
static const struct tuff_case pad[] = {
    {"value", {T(5, 7)}, 1, {0}, 0, A({2, 3}, {0, 1}, {0}, {1.5})},
    {"picture", {T(2, 3, 5, 7)}, 1, {0}, 0, A({0, 0, 1, 2}, {0, 0, 2, 3}, {0}, {0.0})},
    {"interior", {T(5, 4)}, 1, {0}, 0, A({1, 0}, {0, 2}, {2, 1}, {0.0})},
};
static const struct tuff_case concat[] = {
    {"first", {T(3, 5), T(4, 5)}, 2, {0}, 0, A({0})},
    {"middle", {T(2, 3, 5), T(2, 1, 5), T(2, 4, 5)}, 3, {0}, 0, A({1})},
    {"quads", {T(3, 8, 4), T(3, 4, 4)}, 2, {0}, 0, A({1})},
    {"windows", {T(3, 2, 7), T(3, 1, 7), T(3, 5, 7)}, 3, {0}, 0, A({1})},
    {"last", {T(5, 3), T(5, 9)}, 2, {0}, 0, A({1})},
};
static const struct tuff_case iota[] = {{"middle", {{0}}, 0, {0}, 0, A({1}, {3, 3, 5, 7})}};
static const struct tuff_case gather[] = {
    {"rows", {T(29, 13), I(5)}, 2, {0, TUFF_DOMAIN_INDEX}, 29, A({0})},
    {"table", {T(7, 3), I(2, 5)}, 2, {0, TUFF_DOMAIN_INDEX}, 7, A({0})},
    {"middle", {T(3, 17, 5), I(67)}, 2, {0, TUFF_DOMAIN_INDEX}, 17, A({1})},
    {"quads", {T(11, 12), I(7)}, 2, {0, TUFF_DOMAIN_INDEX}, 11, A({0})},
    {"wide", {T(2, 11, 64), I(9)}, 2, {0, TUFF_DOMAIN_INDEX}, 11, A({1})},
};
static const struct tuff_case gather_elements[] = {
    {"rows", {T(13, 7), I(5, 7)}, 2, {0, TUFF_DOMAIN_INDEX}, 13, A({0})},
    {"smaller", {T(5, 11, 3), I(4, 17, 2)}, 2, {0, TUFF_DOMAIN_INDEX}, 11, A({1})},
};
static const struct tuff_case scatter_add[] = {
    {"line", {T(5), I(67), T(67)}, 3, {0, TUFF_DOMAIN_INDEX}, 5, A({0})},
    {"rows", {T(13, 7), I(29, 5), T(29, 5)}, 3, {0, TUFF_DOMAIN_INDEX}, 13, A({0})},
    {"middle", {T(3, 11, 5), I(2, 17, 4), T(2, 17, 4)}, 3, {0, TUFF_DOMAIN_INDEX}, 11, A({1})},
    {"by rows", {T(3, 5, 65), I(1, 33, 1), T(3, 33, 65)}, 3, {0, TUFF_DOMAIN_INDEX}, 5, A({1})},
    {"by many rows", {T(31, 17), I(2200, 1), T(2200, 17)}, 3, {0, TUFF_DOMAIN_INDEX}, 31, A({0})},
};
static const struct tuff_case scatter[] = {
    {"line", {T(7), I(67), T(67)}, 3, {0, TUFF_DOMAIN_INDEX}, 5, A({0}, {TUFF_SCATTER_NONE})},
    {"rows", {T(13, 7), I(29, 5), T(29, 5)}, 3, {0, TUFF_DOMAIN_INDEX}, 13, A({0}, {TUFF_SCATTER_MAX})},
    {"middle", {T(3, 11, 5), I(2, 17, 4), T(2, 17, 4)}, 3, {0, TUFF_DOMAIN_INDEX}, 11, A({1}, {TUFF_SCATTER_MIN})},
    {"zeros",
     {T(11, 6), I(19, 5), T(19, 5)},
     3,
     {TUFF_DOMAIN_KINKS, TUFF_DOMAIN_INDEX, TUFF_DOMAIN_KINKS},
     11,
     A({0}, {TUFF_SCATTER_MUL})},
    {"by rows", {T(3, 7, 65), I(1, 33, 1), T(3, 33, 65)}, 3, {0, TUFF_DOMAIN_INDEX}, 5, A({1}, {TUFF_SCATTER_NONE})},
    {"most by rows", {T(9, 67), I(33, 1), T(33, 67)}, 3, {0, TUFF_DOMAIN_INDEX}, 9, A({0}, {TUFF_SCATTER_MAX})},
    {"products by rows", {T(31, 67), I(70, 1), T(70, 67)}, 3, {0, TUFF_DOMAIN_INDEX}, 31, A({0}, {TUFF_SCATTER_MUL})},
    {"whole",
     {I(5, 7), I(29, 5), I(29, 5)},
     3,
     {TUFF_DOMAIN_INDEX, TUFF_DOMAIN_INDEX, TUFF_DOMAIN_INDEX},
     5,
     A({0}, {TUFF_SCATTER_NONE})},
};
static const struct tuff_case topk[] = {
    {"line", {T(37)}, 1, {0}, 0, A({0}, {2}, {0})},
    {"rows", {T(5, 67)}, 1, {0}, 0, A({1}, {5}, {0})},
    {"middle", {T(3, 17, 5)}, 1, {TUFF_DOMAIN_KINKS}, 0, A({1}, {17}, {1})},
    {"few", {T(3, 19, 5)}, 1, {TUFF_DOMAIN_KINKS}, 0, A({1}, {6}, {1})},
    {"quads", {T(70, 24)}, 1, {TUFF_DOMAIN_KINKS}, 0, A({1}, {7}, {0})},
    {"whole", {I(5, 67)}, 1, {TUFF_DOMAIN_INDEX}, 40, A({1}, {5}, {1})},
    {"parts", {T(9, 260)}, 1, {TUFF_DOMAIN_KINKS}, 0, A({1}, {21}, {0})},
    {"parts_ties", {I(3, 131, 2)}, 1, {TUFF_DOMAIN_INDEX}, 5, A({1}, {60}, {1})},
    {"parts_short", {T(2, 70, 3)}, 1, {0}, 0, A({1}, {35}, {1})},
};
static const struct tuff_case random_uniform[] = {{"odd", {I(3)}, 1, {TUFF_DOMAIN_INDEX}, 1000, A({5}, {2, 31, 17})}};
static const struct tuff_case select_[] = {
    {"odd", {B(3, 5, 7), T(3, 5, 7), T(3, 5, 7)}, 3, {TUFF_DOMAIN_BOOL}, 0, NULL},
    {"one", {B(1), T(1), T(1)}, 3, {TUFF_DOMAIN_BOOL}, 0, NULL},
    {"i32", {B(67), I(67), I(67)}, 3, {TUFF_DOMAIN_BOOL, TUFF_DOMAIN_INDEX, TUFF_DOMAIN_INDEX}, 9999999, NULL},
    {"u8",
     {B(67), TUFF_TYPE(TUFF_U8, 67), TUFF_TYPE(TUFF_U8, 67)},
     3,
     {TUFF_DOMAIN_BOOL, TUFF_DOMAIN_INDEX, TUFF_DOMAIN_INDEX},
     256,
     NULL},
    {"i8",
     {B(67), TUFF_TYPE(TUFF_I8, 67), TUFF_TYPE(TUFF_I8, 67)},
     3,
     {TUFF_DOMAIN_BOOL, TUFF_DOMAIN_WIDE, TUFF_DOMAIN_WIDE},
     0,
     NULL},
    {"bool", {B(67), B(67), B(67)}, 3, {TUFF_DOMAIN_BOOL, TUFF_DOMAIN_BOOL, TUFF_DOMAIN_BOOL}, 0, NULL},
    {"f16", {B(67), HALF(67), HALF(67)}, 3, {TUFF_DOMAIN_BOOL}, 0, NULL},
    {"bf16", {B(67), TUFF_TYPE(TUFF_BF16, 67), TUFF_TYPE(TUFF_BF16, 67)}, 3, {TUFF_DOMAIN_BOOL}, 0, NULL},
};
static const struct tuff_case cast[] = {
    {"f16", {T(3, 5, 7)}, 1, {TUFF_DOMAIN_WIDE}, 0, A({TUFF_F16})},
    {"i32", {T(257)}, 1, {TUFF_DOMAIN_WIDE}, 0, A({TUFF_I32})},
    {"u8", {T(31)}, 1, {TUFF_DOMAIN_WIDE}, 0, A({TUFF_U8})},
    {"bool", {T(33)}, 1, {TUFF_DOMAIN_KINKS}, 0, A({TUFF_BOOL})},
    {"bf16", {T(3, 5, 7)}, 1, {TUFF_DOMAIN_WIDE}, 0, A({TUFF_BF16})},
    {"i8", {T(31)}, 1, {TUFF_DOMAIN_WIDE}, 0, A({TUFF_I8})},
    {"i8 to u8", {TUFF_TYPE(TUFF_I8, 67)}, 1, {TUFF_DOMAIN_WIDE}, 0, A({TUFF_U8})},
    {"from i8", {TUFF_TYPE(TUFF_I8, 67)}, 1, {TUFF_DOMAIN_WIDE}, 0, A({TUFF_BF16})},
    {"i32 to i8", {I(65)}, 1, {TUFF_DOMAIN_INDEX}, 1000, A({TUFF_I8})},
    {"bf16 to f16", {TUFF_TYPE(TUFF_BF16, 5, 13)}, 1, {TUFF_DOMAIN_WIDE}, 0, A({TUFF_F16})},
    {"from i32", {I(65)}, 1, {TUFF_DOMAIN_INDEX}, 1000, A({TUFF_F32})},
};
static const struct tuff_case same[] = {{"odd", {T(3, 5, 7)}, 1, {0}, 0, NULL}};

/* ---- sums, extrema, products, norms ------------------------------------------------------------------------------------------------------- */

#define CASE(label, type, axes, keep)                                                                                       \
    {                                                                                                                       \
        label, {type}, 1, {0}, 0, A({axes}, {keep})                                                                         \
    }
static const struct tuff_case reduce[] = {
    CASE("one", T(1), 1, 1),
    CASE("all", T(3, 5, 7), 7, 0),
    CASE("rows", T(13, 257), 2, 1),
    CASE("columns", T(257, 13), 1, 0),
    CASE("middle", T(5, 67, 7), 2, 0),
    CASE("channels", T(4, 7, 5, 9), 13, 1),
    CASE("long", T(3, 10007), 2, 0),
    CASE("wide", T(3, 5, 1031), 3, 0),
    CASE("outer", T(300, 3, 5), 1, 0),
    CASE("quads", T(5, 64, 36), 4, 0),
    CASE("few", T(2, 20008), 2, 0),
    CASE("fours", T(300, 3, 8), 1, 0),
    CASE("batch", T(9, 6, 4, 6), 13, 1),
    CASE("parts", T(3, 13339), 3, 1),
    {"whole", {I(67, 12)}, 1, {TUFF_DOMAIN_INDEX}, 99, A({1}, {0})},
};
static const struct tuff_case prod[] = {
    CASE("one", T(1), 1, 1),
    CASE("rows", T(13, 12), 2, 1),
    CASE("columns", T(67, 13), 1, 0),
    CASE("middle", T(5, 9, 7), 2, 0),
    CASE("long", T(3, 515), 2, 0),
    CASE("quads", T(70, 8), 2, 0),
    CASE("fours", T(30, 3, 8), 1, 0),
    {"zeros", {T(31, 5)}, 1, {TUFF_DOMAIN_KINKS}, 0, A({2}, {1})},
    {"zeros in columns", {T(4, 1028)}, 1, {TUFF_DOMAIN_KINKS}, 0, A({1}, {0})},
    {"whole", {I(31, 7)}, 1, {TUFF_DOMAIN_INDEX}, 9, A({2}, {1})},
};
static const struct tuff_case arg[] = {
    CASE("rows", T(13, 257), 2, 1),     CASE("columns", T(67, 13), 1, 0),
    CASE("middle", T(5, 129, 7), 2, 0), CASE("short", T(64, 10), 2, 0),
    CASE("fours", T(259, 12), 1, 0),    CASE("quads", T(3, 1032), 2, 0),
    CASE("parts", T(40007), 1, 0),      {"whole", {I(31, 70)}, 1, {TUFF_DOMAIN_INDEX}, 99, A({2}, {1})},
};
#undef CASE
static const struct tuff_case cumsum[] = {
    {"line", {T(1051)}, 1, {0}, 0, A({0}, {0}, {0})},
    {"middle", {T(3, 17, 5)}, 1, {0}, 0, A({1}, {1}, {0})},
    {"back", {T(65, 13)}, 1, {0}, 0, A({1}, {0}, {1})},
    {"whole", {I(5, 37)}, 1, {TUFF_DOMAIN_INDEX}, 99, A({1}, {1}, {1})},
    {"quads", {T(9, 76)}, 1, {0}, 0, A({1}, {1}, {0})},
    {"quads_back", {T(9, 76)}, 1, {0}, 0, A({1}, {0}, {1})},
    {"beside", {T(3, 17, 12)}, 1, {0}, 0, A({1}, {0}, {1})},
    {"cache_line", {T(2, 13, 48)}, 1, {0}, 0, A({1}, {1}, {0})},
};
static const struct tuff_case matmul[] = {
    {"one", {T(1, 1), T(1, 1)}, 2, {0}, 0, A({0}, {0})},
    {"column", {T(13, 1), T(1, 17)}, 2, {0}, 0, A({0}, {0})},
    {"dot", {T(1, 259), T(259, 1)}, 2, {0}, 0, A({0}, {0})},
    {"prime", {T(37, 29), T(29, 41)}, 2, {0}, 0, A({0}, {0})},
    {"prime_ta", {T(29, 37), T(29, 41)}, 2, {0}, 0, A({1}, {0})},
    {"prime_tb", {T(37, 29), T(41, 29)}, 2, {0}, 0, A({0}, {1})},
    {"prime_tab", {T(29, 37), T(41, 29)}, 2, {0}, 0, A({1}, {1})},
    {"power", {T(64, 128), T(128, 64)}, 2, {0}, 0, A({0}, {0})},
    {"power_ta", {T(128, 64), T(128, 64)}, 2, {0}, 0, A({1}, {0})},
    {"power_tb", {T(64, 128), T(64, 128)}, 2, {0}, 0, A({0}, {1})},
    {"power_tab", {T(128, 64), T(64, 128)}, 2, {0}, 0, A({1}, {1})},
    {"below", {T(63, 127), T(127, 63)}, 2, {0}, 0, A({0}, {0})},
    {"above", {T(65, 129), T(129, 65)}, 2, {0}, 0, A({0}, {0})},
    {"fours", {T(20, 36), T(36, 100)}, 2, {0}, 0, A({0}, {0})},
    {"fours_ta", {T(36, 20), T(36, 100)}, 2, {0}, 0, A({1}, {0})},
    {"fours_tb", {T(20, 36), T(100, 36)}, 2, {0}, 0, A({0}, {1})},
    {"batch", {T(3, 17, 9), T(3, 9, 11)}, 2, {0}, 0, A({0}, {0})},
    {"batch_fours_ta", {T(3, 12, 8), T(3, 12, 36)}, 2, {0}, 0, A({1}, {0})},
    {"rows", {T(5, 3, 8), T(8, 12)}, 2, {0}, 0, A({0}, {0})},
    {"batch_row", {T(2, 3, 5, 8), T(3, 8, 7)}, 2, {0}, 0, A({0}, {0})},
    {"batch_both", {T(2, 1, 5, 8), T(3, 8, 7)}, 2, {0}, 0, A({0}, {0})},
    {"batch_left", {T(6, 9), T(2, 3, 2, 9, 4)}, 2, {0}, 0, A({0}, {0})},
    {"f16", {HALF(20, 36), HALF(36, 100)}, 2, {0}, 0, A({0}, {0})},
    {"f16_prime_ta", {HALF(29, 37), HALF(29, 41)}, 2, {0}, 0, A({1}, {0})},
    {"f16_f32_tb", {HALF(20, 36), T(100, 36)}, 2, {0}, 0, A({0}, {1})},
    {"f32_f16_batch", {T(3, 17, 9), HALF(9, 11)}, 2, {0}, 0, A({0}, {0})},
    {"counted", {T(5, 37), T(37, 13), I(1)}, 3, {[2] = TUFF_DOMAIN_INDEX}, 40, A({0}, {0})},
    {"counted_ta", {T(36, 20), T(36, 40), I(1)}, 3, {[2] = TUFF_DOMAIN_INDEX}, 36, A({1}, {0})},
    {"counted_tb", {T(3, 20, 36), T(100, 36), I(1)}, 3, {[2] = TUFF_DOMAIN_INDEX}, 36, A({0}, {1})},
    {"batch_zigzag", {T(2, 1, 3, 1, 2, 1, 2, 3), T(1, 2, 1, 2, 1, 2, 3, 5)}, 2, {0}, 0, A({0}, {0})},
};
static const struct tuff_case group_counts[] = {
    {"few", {I(1)}, 1, {TUFF_DOMAIN_INDEX}, 12, A({10}, {7}, {64}, {65535})},
    {"folded", {I(1)}, 1, {TUFF_DOMAIN_INDEX}, 5000, A({4999}, {1001}, {64}, {100})},
};
static const struct tuff_case lrn[] = {
    {"odd", {T(2, 7, 5, 3)}, 1, {0}, 0, A({0.5}, {0.75}, {2}, {5})},
    {"even", {T(2, 9, 4, 5)}, 1, {0}, 0, A({1}, {0.75}, {1}, {4})},
    {"one", {T(3, 5, 7)}, 1, {0}, 0, A({0.3}, {0.5}, {1}, {1})},
    {"narrow", {T(3, 5, 3)}, 1, {0}, 0, A({0.3}, {0.5}, {1}, {3})},
    {"all", {T(2, 5, 17)}, 1, {0}, 0, A({0.7}, {1.5}, {0.5}, {13})},
    {"line", {T(67, 33)}, 1, {0}, 0, A({0.5}, {0.75}, {1}, {3})},
    {"alexnet", {T(2, 96, 9, 9)}, 1, {0}, 0, A({0.0005}, {0.75}, {2}, {5})},
    {"f16", {HALF(2, 6, 5, 4)}, 1, {0}, 0, A({0.5}, {0.75}, {1}, {3})},
};
static const struct tuff_case resample[] = {
    {"line", {T(5), I(7, 2), T(7, 2)}, 3, {0, TUFF_DOMAIN_INDEX}, 5, A({0})},
    {"last", {T(3, 5, 9), I(13, 4), T(13, 4)}, 3, {0, TUFF_DOMAIN_INDEX}, 9, A({2})},
    {"middle", {T(2, 7, 5, 3), I(4, 3), T(4, 3)}, 3, {0, TUFF_DOMAIN_INDEX}, 7, A({1})},
    {"one tap", {T(2, 3, 16), I(67, 1), T(67, 1)}, 3, {0, TUFF_DOMAIN_INDEX}, 3, A({1})},
    {"quads", {T(3, 11, 8), I(5, 2), T(5, 2)}, 3, {0, TUFF_DOMAIN_INDEX}, 11, A({1})},
    {"many", {T(2, 129), I(3, 129), T(3, 129)}, 3, {0, TUFF_DOMAIN_INDEX}, 129, A({1})},
    {"four lines", {T(2, 6, 9), I(5, 3), T(5, 3)}, 3, {0, TUFF_DOMAIN_INDEX}, 9, A({2})},
    {"four results", {T(3, 7, 9), I(12, 3), T(12, 3)}, 3, {0, TUFF_DOMAIN_INDEX}, 9, A({2})},
    {"many taps", {T(3, 7, 9), I(8, 5), T(8, 5)}, 3, {0, TUFF_DOMAIN_INDEX}, 9, A({2})},
    {"long rows", {T(2, 7, 44), I(5, 2), T(5, 2)}, 3, {0, TUFF_DOMAIN_INDEX}, 7, A({1})},
    {"f16", {HALF(2, 6, 4), I(5, 2), T(5, 2)}, 3, {0, TUFF_DOMAIN_INDEX}, 6, A({1})},
};

/* ---- one list of convolutions, of which each operator takes its two operands ---------------------------------------- */

/* ROW(type, name, n, ci, h, w, co, kh, kw, oh, ow, stride, dilation, pad, groups, splits): of x [n, ci, h, w], w [co, ci / groups, kh, kw] and
 * y [n, co, oh, ow]. The type is that of pictures and weights; gradients are f32. Lists in L() */
#define CASES                                                                                                               \
    ROW(F32, "one", 1, 1, 1, 1, 1, 1, 1, 1, 1, L(1, 1), L(1, 1), L(0), 1, 1)                                                \
    ROW(F32, "pointwise", 2, 8, 5, 4, 12, 1, 1, 5, 4, L(1, 1), L(1, 1), L(0), 1, 2)                                         \
    ROW(F32, "pointwise_prime", 2, 7, 5, 7, 13, 1, 1, 5, 7, L(1, 1), L(1, 1), L(0), 1, 2)                                   \
    ROW(F32, "same3", 3, 4, 8, 8, 8, 3, 3, 8, 8, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 3)                                     \
    ROW(F32, "same3_14", 2, 16, 14, 14, 32, 3, 3, 14, 14, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 2)                            \
    ROW(F32, "gray28", 3, 1, 28, 28, 16, 3, 3, 28, 28, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 3)                               \
    ROW(F32, "same3_30", 1, 4, 6, 30, 20, 3, 3, 6, 30, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 1)                               \
    ROW(F32, "same5_36", 2, 3, 5, 36, 9, 5, 5, 5, 36, L(1, 1), L(1, 1), L(2, 2, 2, 2), 1, 2)                                \
    ROW(F32, "valid3_26", 2, 8, 6, 26, 33, 3, 3, 4, 24, L(1, 1), L(1, 1), L(0), 1, 2)                                       \
    ROW(F32, "valid5_68", 1, 4, 7, 68, 5, 5, 5, 3, 64, L(1, 1), L(1, 1), L(0), 1, 1)                                        \
    ROW(F32, "valid3", 2, 3, 11, 13, 5, 3, 3, 9, 11, L(1, 1), L(1, 1), L(0), 1, 1)                                          \
    ROW(F32, "five", 2, 3, 17, 19, 9, 5, 5, 17, 19, L(1, 1), L(1, 1), L(2, 2, 2, 2), 1, 2)                                  \
    ROW(F32, "stem", 1, 3, 23, 21, 10, 7, 7, 12, 11, L(2, 2), L(1, 1), L(3, 3, 3, 3), 1, 1)                                 \
    ROW(F32, "stride2", 3, 5, 9, 9, 7, 3, 3, 5, 5, L(2, 2), L(1, 1), L(1, 1, 1, 1), 1, 2)                                   \
    ROW(F32, "stride2_even", 2, 4, 8, 8, 8, 3, 3, 4, 4, L(2, 2), L(1, 1), L(1, 1, 1, 1), 1, 2)                              \
    ROW(F32, "stride2_1x1", 2, 6, 7, 9, 10, 1, 1, 4, 5, L(2, 2), L(1, 1), L(0), 1, 1)                                       \
    ROW(F32, "stride32", 2, 2, 11, 12, 3, 2, 3, 4, 5, L(3, 2), L(1, 1), L(0), 1, 1)                                         \
    ROW(F32, "stride_far", 1, 3, 8, 8, 4, 3, 3, 1, 1, L(65536, 65536), L(1, 1), L(0), 1, 1)                                 \
    ROW(F32, "dilated", 2, 3, 13, 12, 4, 3, 3, 13, 10, L(1, 1), L(2, 3), L(2, 2, 2, 2), 1, 1)                               \
    ROW(F32, "lopsided", 2, 3, 6, 7, 4, 3, 2, 5, 9, L(1, 1), L(1, 1), L(1, 0, 0, 3), 1, 1)                                  \
    ROW(F32, "tall", 2, 3, 9, 1, 6, 3, 1, 7, 1, L(1, 1), L(1, 1), L(0), 1, 2)                                               \
    ROW(F32, "wide", 1, 2, 1, 67, 5, 1, 3, 1, 67, L(1, 1), L(1, 1), L(0, 1, 0, 1), 1, 1)                                    \
    ROW(F32, "whole", 3, 4, 5, 5, 9, 5, 5, 1, 1, L(1, 1), L(1, 1), L(0), 1, 3)                                              \
    ROW(F32, "groups", 2, 6, 7, 8, 10, 3, 3, 7, 8, L(1, 1), L(1, 1), L(1, 1, 1, 1), 2, 2)                                   \
    ROW(F32, "groups_stride", 2, 6, 7, 8, 9, 3, 3, 4, 4, L(2, 2), L(1, 1), L(1, 1, 1, 1), 3, 1)                             \
    ROW(F32, "tiny", 1, 6, 2, 2, 4, 3, 3, 2, 2, L(1, 1), L(1, 1), L(1, 1, 1, 1), 2, 1)                                      \
    ROW(F32, "thirty", 1, 4, 4, 30, 17, 3, 3, 4, 30, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 1)                                 \
    ROW(F32, "sixty_two", 1, 4, 2, 62, 3, 3, 3, 2, 62, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 1)                               \
    ROW(F32, "many", 5, 17, 10, 11, 33, 3, 3, 10, 11, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 3)

/* one input channel in a group: whole and odd rows, strides, several output channels */
#define DEPTHWISE_CASES                                                                                                     \
    ROW(F32, "depthwise", 2, 11, 9, 8, 11, 3, 3, 9, 8, L(1, 1), L(1, 1), L(1, 1, 1, 1), 11, 2)                              \
    ROW(F32, "depthwise2", 1, 5, 9, 8, 10, 3, 3, 5, 4, L(2, 2), L(1, 1), L(1, 1, 1, 1), 5, 1)                               \
    ROW(F32, "depthwise_12", 3, 4, 11, 12, 4, 3, 3, 11, 12, L(1, 1), L(1, 1), L(1, 1, 1, 1), 4, 2)                          \
    ROW(F32, "depthwise_14", 2, 3, 14, 14, 3, 3, 3, 14, 14, L(1, 1), L(1, 1), L(1, 1, 1, 1), 3, 1)                          \
    ROW(F32, "depthwise_7", 5, 4, 7, 7, 4, 3, 3, 7, 7, L(1, 1), L(1, 1), L(1, 1, 1, 1), 4, 3)                               \
    ROW(F32, "depthwise_odd", 3, 3, 5, 17, 3, 3, 3, 5, 17, L(1, 1), L(1, 1), L(1, 1, 1, 1), 3, 2)                           \
    ROW(F32, "depthwise_stride", 2, 4, 20, 24, 4, 3, 3, 10, 12, L(2, 2), L(1, 1), L(1, 1, 1, 1), 4, 2)                      \
    ROW(F32, "depthwise_stride_14", 2, 2, 14, 14, 2, 3, 3, 7, 7, L(2, 2), L(1, 1), L(1, 1, 1, 1), 2, 1)                     \
    ROW(F32, "depthwise_stride_odd", 3, 3, 9, 15, 3, 3, 3, 5, 8, L(2, 2), L(1, 1), L(1, 1, 1, 1), 3, 3)                     \
    ROW(F32, "depthwise_stride32", 2, 2, 19, 21, 2, 3, 5, 7, 10, L(3, 2), L(1, 1), L(2, 0, 1, 3), 2, 1)                     \
    ROW(F32, "depthwise_stride4", 1, 3, 17, 18, 3, 2, 3, 5, 4, L(4, 5), L(1, 1), L(0, 1, 1, 1), 3, 1)                       \
    ROW(F32, "depthwise_dilated", 2, 4, 13, 16, 4, 3, 3, 13, 16, L(1, 1), L(3, 2), L(3, 2, 3, 2), 4, 2)                     \
    ROW(F32, "depthwise_dilated_stride", 2, 3, 15, 13, 3, 3, 3, 8, 6, L(2, 2), L(2, 3), L(2, 1, 2, 4), 3, 1)                \
    ROW(F32, "depthwise_seven", 1, 2, 10, 13, 2, 7, 7, 10, 13, L(1, 1), L(1, 1), L(3, 3, 3, 3), 2, 1)                       \
    ROW(F32, "depthwise_five", 2, 4, 9, 16, 8, 5, 5, 5, 8, L(2, 2), L(1, 1), L(2, 2, 2, 2), 4, 2)                           \
    ROW(F32, "depthwise_three", 2, 2, 8, 12, 6, 3, 3, 8, 12, L(1, 1), L(1, 1), L(1, 1, 1, 1), 2, 2)                         \
    ROW(F32, "depthwise_valid", 2, 3, 12, 14, 3, 3, 4, 10, 11, L(1, 1), L(1, 1), L(0), 3, 2)                                \
    ROW(F32, "depthwise_wider", 1, 2, 4, 5, 2, 2, 2, 8, 15, L(1, 1), L(1, 1), L(3, 5, 2, 6), 2, 1)                          \
    ROW(F32, "depthwise_tall", 2, 4, 37, 1, 4, 3, 1, 37, 1, L(1, 1), L(1, 1), L(1, 0, 1, 0), 4, 1)                          \
    ROW(F32, "depthwise_1x1", 2, 5, 6, 7, 5, 1, 1, 3, 4, L(2, 2), L(1, 1), L(0), 5, 2)                                      \
    ROW(F32, "depthwise_long", 6, 3, 30, 34, 3, 3, 3, 30, 34, L(1, 1), L(1, 1), L(1, 1, 1, 1), 3, 2)

#define HALF_CASES                                                                                                          \
    ROW(F16, "f16_pointwise", 2, 7, 5, 7, 13, 1, 1, 5, 7, L(1, 1), L(1, 1), L(0), 1, 2)                                     \
    ROW(F16, "f16_same3_14", 2, 16, 14, 14, 32, 3, 3, 14, 14, L(1, 1), L(1, 1), L(1, 1, 1, 1), 1, 2)                        \
    ROW(F16, "f16_stride2", 3, 5, 9, 9, 7, 3, 3, 5, 5, L(2, 2), L(1, 1), L(1, 1, 1, 1), 1, 2)                               \
    ROW(F16, "f16_depthwise", 2, 11, 9, 8, 11, 3, 3, 9, 8, L(1, 1), L(1, 1), L(1, 1, 1, 1), 11, 2)                          \
    ROW(F16, "f16_depthwise_odd", 3, 3, 5, 17, 3, 3, 3, 5, 17, L(1, 1), L(1, 1), L(1, 1, 1, 1), 3, 2)                       \
    ROW(F16, "f16_depthwise_stride", 2, 4, 20, 24, 4, 3, 3, 10, 12, L(2, 2), L(1, 1), L(1, 1, 1, 1), 4, 2)                  \
    ROW(F16, "f16_depthwise_five", 2, 4, 9, 16, 8, 5, 5, 5, 8, L(2, 2), L(1, 1), L(2, 2, 2, 2), 4, 2)

#define TYPE(dtype, ...) TUFF_TYPE(TUFF_##dtype, __VA_ARGS__)
#define ROW(type, label, n, ci, h, w, co, kh, kw, oh, ow, s, d, p, g, splits)                                               \
    {label, {TYPE(type, n, ci, h, w), TYPE(type, co, ci / g, kh, kw)}, 2, {0}, 0, A({s}, {d}, {p}, {g})},
static const struct tuff_case conv2d[] = {CASES DEPTHWISE_CASES HALF_CASES};
#undef ROW
#define ROW(type, label, n, ci, h, w, co, kh, kw, oh, ow, s, d, p, g, splits)                                               \
    {label, {TYPE(F32, n, co, oh, ow), TYPE(type, co, ci / g, kh, kw)}, 2, {0}, 0, A({s}, {d}, {p}, {g}, {h, w})},
static const struct tuff_case conv2d_input_grad[] = {CASES DEPTHWISE_CASES HALF_CASES};
#undef ROW
#define ROW(type, label, n, ci, h, w, co, kh, kw, oh, ow, s, d, p, g, splits)                                               \
    {label, {TYPE(type, n, ci, h, w), TYPE(F32, n, co, oh, ow)}, 2, {0}, 0, A({s}, {d}, {p}, {g}, {kh, kw}, {splits})},
static const struct tuff_case conv2d_weight_grad[] = {CASES DEPTHWISE_CASES HALF_CASES};
#undef ROW
#undef CASES
#undef HALF_CASES

/* ---- one list of windows, of which each operator takes its operands ------------------------------------------------ */

/* ROW(name, x, y, h and w of x, kernel, stride, pad, dilation, ceil_mode, count_include_pad) */
#define CASES                                                                                                               \
    ROW("one", L(1, 1, 1, 1), L(1, 1, 1, 1), L(1, 1), L(1, 1), L(1, 1), L(0), L(1, 1), 0, 0)                                \
    ROW("two", L(2, 3, 8, 6), L(2, 3, 4, 3), L(8, 6), L(2, 2), L(2, 2), L(0), L(1, 1), 0, 0)                                \
    ROW("two_odd", L(2, 3, 7, 9), L(2, 3, 3, 4), L(7, 9), L(2, 2), L(2, 2), L(0), L(1, 1), 0, 0)                            \
    ROW("two_ceil", L(2, 3, 7, 9), L(2, 3, 4, 5), L(7, 9), L(2, 2), L(2, 2), L(0), L(1, 1), 1, 0)                           \
    ROW("two_pad", L(1, 2, 7, 9), L(1, 2, 4, 5), L(7, 9), L(2, 2), L(2, 2), L(1, 1, 0, 0), L(1, 1), 0, 1)                   \
    ROW("gray28", L(3, 5, 28, 28), L(3, 5, 14, 14), L(28, 28), L(2, 2), L(2, 2), L(0), L(1, 1), 0, 0)                       \
    ROW("stem", L(1, 4, 15, 16), L(1, 4, 8, 8), L(15, 16), L(3, 3), L(2, 2), L(1, 1, 1, 1), L(1, 1), 0, 0)                  \
    ROW("stem_count", L(1, 4, 15, 16), L(1, 4, 8, 8), L(15, 16), L(3, 3), L(2, 2), L(1, 1, 1, 1), L(1, 1), 0, 1)            \
    ROW("overlap", L(2, 2, 11, 13), L(2, 2, 11, 13), L(11, 13), L(3, 3), L(1, 1), L(1, 1, 1, 1), L(1, 1), 0, 0)             \
    ROW("gaps", L(2, 2, 11, 13), L(2, 2, 4, 4), L(11, 13), L(2, 1), L(3, 4), L(0), L(1, 1), 0, 0)                           \
    ROW("dilated", L(1, 3, 12, 11), L(1, 3, 5, 7), L(12, 11), L(2, 3), L(2, 1), L(0), L(3, 2), 0, 0)                        \
    ROW("dilated_pad", L(1, 3, 12, 11), L(1, 3, 7, 9), L(12, 11), L(2, 3), L(2, 1), L(2, 1, 1, 1), L(3, 2), 1, 1)           \
    ROW("lopsided", L(1, 2, 6, 7), L(1, 2, 4, 4), L(6, 7), L(3, 2), L(2, 2), L(1, 0, 2, 1), L(1, 1), 1, 1)                  \
    ROW("ceil_dropped", L(1, 2, 5, 5), L(1, 2, 3, 3), L(5, 5), L(2, 2), L(2, 2), L(1, 1, 1, 1), L(1, 1), 1, 0)              \
    ROW("rows", L(1, 3, 6, 10), L(1, 3, 4, 8), L(6, 10), L(3, 3), L(1, 1), L(0), L(1, 1), 0, 0)                             \
    ROW("wide", L(2, 3, 5, 8), L(2, 3, 4, 4), L(5, 8), L(2, 5), L(1, 1), L(0), L(1, 1), 0, 0)                               \
    ROW("same", L(2, 2, 7, 12), L(2, 2, 7, 12), L(7, 12), L(3, 3), L(1, 1), L(1, 1, 1, 1), L(1, 1), 0, 1)                   \
    ROW("fours", L(2, 2, 9, 16), L(2, 2, 5, 4), L(9, 16), L(3, 5), L(2, 4), L(1, 2, 1, 2), L(1, 1), 0, 0)                   \
    ROW("whole", L(2, 67, 5, 3), L(2, 67, 1, 1), L(5, 3), L(5, 3), L(1, 1), L(0), L(1, 1), 0, 0)

#define ROW(label, x, y, hw, k, s, p, d, ceil, count)                                                                       \
    {label, {T(x)}, 1, {TUFF_DOMAIN_NORMAL}, 0, A({k}, {s}, {p}, {d}, {ceil}, {count})},
/* Of one operand or two, with windows without gaps that fit the picture. */
#define ONE(label, x, domain, k, s, p) {label, {x}, 1, {domain}, 0, A({k}, {s}, {p}, {1, 1})},
#define TWO(label, x, y, domain, k, s, p) {label, {x, y}, 2, {domain}, 0, A({k}, {s}, {p}, {1, 1})},
#define HALF_CASES                                                                                                          \
    ONE("f16", HALF(2, 3, 8, 8), 0, L(2, 2), L(2, 2), L(0))                                                                 \
    ONE("f16_overlap", HALF(2, 3, 9, 7), 0, L(3, 3), L(2, 2), L(1, 1, 1, 1))
static const struct tuff_case avg_pool2d[] = {CASES HALF_CASES};
static const struct tuff_case max_pool2d[] = {
    /* clang-format off */
    CASES HALF_CASES
    ONE("ties", T(2, 3, 8, 6), TUFF_DOMAIN_KINKS, L(2, 2), L(2, 2), L(0))
    TWO("pick", T(2, 3, 9, 7), T(2, 3, 9, 7), 0, L(3, 2), L(2, 2), L(1, 0, 0, 1))
    /* clang-format on */
};
#undef ROW
#define ROW(label, x, y, hw, k, s, p, d, ceil, count)                                                                       \
    {label, {T(x), T(y)}, 2, {TUFF_DOMAIN_NORMAL}, 0, A({k}, {s}, {p}, {d}, {ceil}, {count})},
static const struct tuff_case max_pool2d_grad[] = {
    /* clang-format off */
    CASES
    TWO("f16", HALF(2, 3, 8, 8), T(2, 3, 4, 4), 0, L(2, 2), L(2, 2), L(0))
    TWO("f16_overlap", HALF(2, 3, 9, 7), T(2, 3, 5, 4), 0, L(3, 3), L(2, 2), L(1, 1, 1, 1))
    TWO("ties", T(2, 3, 8, 6), T(2, 3, 4, 3), TUFF_DOMAIN_KINKS, L(2, 2), L(2, 2), L(0))
    TWO("ties_overlap", T(1, 2, 9, 8), T(1, 2, 5, 4), TUFF_DOMAIN_KINKS, L(3, 3), L(2, 2), L(1, 1, 1, 1))
    /* clang-format on */
};
#undef ROW
#define ROW(label, x, y, hw, k, s, p, d, ceil, count)                                                                       \
    {label, {T(y)}, 1, {TUFF_DOMAIN_NORMAL}, 0, A({k}, {s}, {p}, {d}, {ceil}, {count}, {hw})},
static const struct tuff_case avg_pool2d_grad[] = {CASES};
#undef ROW

/* ---- attention: heads of keys, rows, columns, widths; odd and even, more rows than columns and fewer, tiles that end anywhere ------------ */

#define HEADS(of, b, h, hk, t, s, d, e) of(b, h, t, d), of(b, hk, s, d), of(b, hk, s, e)
#define GRADS(b, h, hk, t, s, d, e) HEADS(T, b, h, hk, t, s, d, e), T(b, h, t, e), T(b, h, t), T(b, h, t)
static const struct tuff_case attention[] = {
    {"one", {HEADS(T, 1, 1, 1, 1, 1, 1, 1)}, 3, {0}, 0, A({1}, {0})},
    {"odd", {HEADS(T, 1, 3, 3, 5, 33, 5, 3)}, 3, {0}, 0, A({0.5}, {0})},
    {"causal", {HEADS(T, 2, 2, 2, 65, 65, 8, 8)}, 3, {0}, 0, A({0.3}, {1})},
    {"causal, fewer columns", {HEADS(T, 1, 2, 1, 70, 31, 64, 64)}, 3, {0}, 0, A({0.125}, {1})},
    {"causal, more columns", {HEADS(T, 1, 1, 1, 33, 127, 33, 32)}, 3, {0}, 0, A({0.2}, {1})},
    {"grouped", {HEADS(T, 2, 6, 2, 35, 64, 64, 64)}, 3, {0}, 0, A({0.125}, {0})},
    {"one row", {HEADS(T, 1, 8, 2, 1, 128, 64, 64)}, 3, {0}, 0, A({0.125}, {0})},
    {"wide", {HEADS(T, 1, 1, 1, 36, 40, 128, 96)}, 3, {0}, 0, A({0.08}, {0})},
    {"wider", {HEADS(T, 1, 1, 1, 7, 9, 129, 132)}, 3, {0}, 0, A({0.08}, {0})},
    {"mask", {HEADS(T, 2, 2, 2, 34, 37, 16, 20), T(2, 1, 34, 37)}, 4, {0}, 0, A({0.25}, {1})},
    {"mask of keys", {HEADS(T, 2, 4, 2, 5, 67, 64, 64), T(2, 1, 1, 67)}, 4, {0}, 0, A({0.125}, {0})},
    {"large", {HEADS(T, 1, 2, 2, 9, 40, 4, 4)}, 3, {TUFF_DOMAIN_WIDE, TUFF_DOMAIN_KINKS}, 0, A({0.5}, {0})},
    {"count", {HEADS(T, 2, 4, 2, 1, 70, 64, 64), I(1)}, 4, {0, 0, 0, TUFF_DOMAIN_INDEX}, 71, A({0.125}, {0})},
    {"counts, causal",
     {HEADS(T, 2, 4, 2, 3, 50, 32, 32), T(1, 1, 1, 50), I(2, 2)},
     5,
     {0, 0, 0, 0, TUFF_DOMAIN_INDEX},
     51,
     A({0.125}, {1})},
    {"halves", {HEADS(HALF, 1, 2, 1, 33, 36, 32, 32)}, 3, {0}, 0, A({0.2}, {1})},
};
static const struct tuff_case attention_grad[] = {
    {"one", {GRADS(1, 1, 1, 1, 1, 1, 1)}, 6, {0}, 0, A({1}, {0})},
    {"odd", {GRADS(1, 3, 3, 5, 33, 5, 3)}, 6, {0}, 0, A({0.5}, {0})},
    {"causal", {GRADS(2, 2, 2, 65, 65, 8, 8)}, 6, {0}, 0, A({0.3}, {1})},
    {"causal, fewer columns", {GRADS(1, 2, 1, 70, 31, 64, 64)}, 6, {0}, 0, A({0.125}, {1})},
    {"causal, more columns", {GRADS(1, 1, 1, 33, 127, 33, 32)}, 6, {0}, 0, A({0.2}, {1})},
    {"grouped", {GRADS(2, 6, 2, 35, 64, 64, 64)}, 6, {0}, 0, A({0.125}, {0})},
    {"wide", {GRADS(1, 1, 1, 36, 40, 128, 96)}, 6, {0}, 0, A({0.08}, {0})},
};

/* ---- the table -------------------------------------------------------------------------------------------------------------------------- */

#define AS(name, cases)                                                                                                     \
    {                                                                                                                       \
        .op = #name, .count = TUFF_COUNT(cases), .at = cases                                                                \
    }
#define OP(name) AS(name, name)
static const struct op_cases {
    const char *op;
    uint32_t count;
    const struct tuff_case *at;
} table[] = {
    AS(sum, reduce),
    OP(prod),
    AS(reduce_max, reduce),
    AS(reduce_min, reduce),
    AS(argmax, arg),
    AS(argmin, arg),
    AS(select, select_),
    AS(detach, same),
    AS(once, same),
    AS(copy, same),
    OP(reshape),
    OP(permute),
    OP(slice),
    OP(expand),
    OP(pad),
    OP(concat),
    OP(iota),
    OP(gather),
    OP(gather_elements),
    OP(scatter_add),
    OP(scatter),
    OP(topk),
    OP(random_uniform),
    OP(cast),
    OP(cumsum),
    OP(matmul),
    OP(group_counts),
    OP(lrn),
    OP(resample),
    OP(conv2d),
    OP(conv2d_input_grad),
    OP(conv2d_weight_grad),
    OP(max_pool2d),
    OP(max_pool2d_grad),
    OP(avg_pool2d),
    OP(avg_pool2d_grad),
    OP(attention),
    OP(attention_grad),
    AS(attention_query_grad, attention_grad),
    AS(attention_key_grad, attention_grad),
};
static const struct op_cases rows[3] = {OP(row1), OP(row2), OP(row2_whole)};

/* What a case of the table is made to: its attributes as the operator's struct. */
struct made {
    struct tuff_case c;
    double attrs[32]; /* aligned for all */
    int32_t list[MOST_NUMBERS];
};

static const struct op_cases *cases_of(const struct tuff_op *op)
{
    if (op->glsl)
        return op->own || op->traits & TUFF_DERIVATIVE ? NULL : &rows[op->result == TUFF_RESULT_I32 ? 2 : op->arity_min - 1];
    for (size_t i = 0; i < TUFF_COUNT(table); i++)
        if (!strcmp(table[i].op, op->name)) return &table[i];
    return NULL;
}

static void put_attr(struct made *made, const struct tuff_attr *attr, const double *numbers)
{
    char *to = (char *)made->attrs + attr->offset;
    uint32_t count = (uint32_t)(int32_t)numbers[0]; /* of a shape or a list */
    struct tuff_shape shape = {.rank = count};
    struct tuff_list list = {count, made->list};
    switch (attr->kind) {
    case TUFF_ATTR_I32:
    case TUFF_ATTR_DTYPE: memcpy(to, &(int32_t){(int32_t)numbers[0]}, sizeof(int32_t)); break;
    case TUFF_ATTR_F64: memcpy(to, &numbers[0], sizeof(double)); break;
    case TUFF_ATTR_U32S:
    case TUFF_ATTR_I32S: /* the same bits */
        for (uint32_t i = 0; i < attr->count; i++) ((int32_t *)(void *)to)[i] = (int32_t)numbers[i];
        break;
    case TUFF_ATTR_SHAPE:
        for (uint32_t i = 0; i < count; i++) shape.dim[i] = (uint32_t)numbers[1 + i];
        memcpy(to, &shape, sizeof shape);
        break;
    case TUFF_ATTR_LIST:
        for (uint32_t i = 0; i < count; i++) made->list[i] = (int32_t)numbers[1 + i];
        memcpy(to, &list, sizeof list);
        break;
    case TUFF_ATTR_BODY:
    case TUFF_ATTR_TEXT: abort();
    }
}

uint32_t op_case_count(const struct tuff_op *op) { return cases_of(op) ? cases_of(op)->count : 0; }

const struct tuff_case *op_case(const struct tuff_op *op, uint32_t index)
{
    static struct made *made[TUFF_COUNT(table) + TUFF_COUNT(rows)]; /* of each line, when it is first asked for */
    const struct op_cases *cases = cases_of(op);
    if (!cases || index >= cases->count) abort();
    struct made **of_op = &made[op->glsl ? TUFF_COUNT(table) + (size_t)(cases - rows) : (size_t)(cases - table)];
    if (!*of_op) {
        struct made *all = *of_op = calloc(cases->count, sizeof *all);
        if (!all || op->attrs_bytes > sizeof all->attrs) abort();
        for (uint32_t c = 0; c < cases->count; c++) {
            const double *numbers = cases->at[c].attrs;
            all[c].c = cases->at[c];
            for (uint32_t i = 0; i < op->attr_count; i++) put_attr(&all[c], &op->attrs[i], numbers + i * MOST_NUMBERS);
            all[c].c.attrs = op->attr_count ? all[c].attrs : NULL;
        }
    }
    return &(*of_op)[index].c;
}
