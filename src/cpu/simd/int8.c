/* Integer products, exact in int32: four unsigned by four signed bytes at a time. Bytes are widened to 16 bits before they
 * are multiplied, because the 8-bit multiply-add of AVX2 saturates; with VNNI there is an instruction that does not. */
#include "cpu/simd/level_table.h"

#define GROUP 4
#define STEP (HONE_PANEL * GROUP) /* bytes of a panel for one group */

static void tile_row(const uint8_t *a, const int8_t *b, int64_t groups, int32_t c[HONE_PANEL])
{
    int32_t acc[HONE_PANEL] = {0};

    for (int64_t g = 0; g < groups; g++, a += GROUP, b += STEP)
        for (int j = 0; j < HONE_PANEL; j++)
            acc[j] += a[0] * b[4 * j] + a[1] * b[4 * j + 1] + a[2] * b[4 * j + 2] + a[3] * b[4 * j + 3];
    memcpy(c, acc, sizeof acc);
}

void LEVEL(hone_vector_int8)(const hone_int8_tile *t)
{
    for (int r = 0; r < t->rows; r++)
        for (int p = 0; p < t->panels; p++)
            tile_row(t->a[r], t->b + p * t->panel, t->groups, t->c[r] + p * HONE_PANEL);
}
