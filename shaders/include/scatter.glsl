/* scatter.glsl - what the two scatter*.comp share: elements, i32 with SCATTER_INT, and how one of the source joins what is at its place.
 * MODE, enum tuff_scatter_mode: 0 in its place, 1 sum, 2 product, 3 minimum, 4 maximum. */
#if SCATTER_INT
#define ELEMENT int
#define FOUR ivec4
TUFF_PORTS(NNNP)
int most(int a, int b) { return max(a, b); }
int opposite(int a) { return ~a; }
#else
#define ELEMENT float
#define FOUR vec4
TUFF_PORTS(INIO)
#include "include/order.glsl"
float most(float a, float b) { return ordered_value(max(order_value(a), order_value(b))); }
#endif
ELEMENT joined(ELEMENT sum, ELEMENT v)
{
    ELEMENT y = v;
    if (MODE == 1u) y = sum + v;
    if (MODE == 2u) y = sum * v;
    if (MODE == 3u) y = opposite(most(opposite(sum), opposite(v)));
    if (MODE == 4u) y = most(sum, v);
    return y;
}
