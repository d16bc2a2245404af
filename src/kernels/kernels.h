/* The texts of the GPU's kernels. What is compiled is three texts in a row: the prelude, a kernel's
 * knobs (`using T = f16; constexpr int N = 1000;`), and the kernel, whose entry has its name. */
#ifndef HONE_KERNELS_KERNELS_H
#define HONE_KERNELS_KERNELS_H

#include <stdbool.h>

typedef struct hone_kernel_text {
    const char *name; /* "conv_implicit_gemm": also of its function */
    const char *text;
    int arch;      /* the oldest that it runs on: 80 for compute capability 8.0 */
    bool is_alone; /* and the only one: by instructions that newer ones have not */
} hone_kernel_text;

/* Types that knobs may name, and what every kernel may use. */
const char *hone_kernel_prelude(void);

/* NULL where there is no such kernel. */
const hone_kernel_text *hone_kernel_source(const char *name);

/* The kernel number i, by name; NULL after the last. */
const hone_kernel_text *hone_kernel_at(int i);

#endif
