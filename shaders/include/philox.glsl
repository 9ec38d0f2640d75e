/* philox.glsl - Philox 4x32-10, the twin of graph/philox.h (Salmon et al. 2011). 32-bit products only: umulExtended. */
uvec4 tuff_philox(uvec4 c, uvec2 k)
{
    for (int round = 0; round < 10; round++) {
        uint h0, l0, h1, l1;
        umulExtended(0xD2511F53u, c.x, h0, l0);
        umulExtended(0xCD9E8D57u, c.z, h1, l1);
        c = uvec4(h1 ^ c.y ^ k.x, l1, h0 ^ c.w ^ k.y, l0);
        k += uvec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}
float tuff_philox_uniform(int seed_low, int seed_high, int step, uint stream, uint index)
{
    uvec4 c = tuff_philox(uvec4(index >> 2, 0u, uint(step), stream), uvec2(uint(seed_low), uint(seed_high)));
    uint w = index & 3u;
    uint v = w == 0u ? c.x : (w == 1u ? c.y : (w == 2u ? c.z : c.w));
    return float(v >> 8) * 5.9604644775390625e-8;
}
