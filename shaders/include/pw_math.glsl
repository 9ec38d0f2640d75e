/* pw_math.glsl - functions of the pointwise rows in GLSL, f32 (graph/ops/pw_helpers.def). */
#include "include/dtype.glsl"
#define PW_HELPER1(name, glsl, c, error) float name(float a) { glsl }
#define PW_HELPER2(name, glsl, c, error) float name(float a, float b) { glsl }
#define PW_WHOLE2(name, glsl, c, error) int name(int a, int b) { glsl }
#define PW_PART(declaration, glsl) declaration { glsl }
#include "../graph/ops/pw_helpers.def"
