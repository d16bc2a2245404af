/* Chooses the level of the vector code for this machine, once, and lets HONE_CPU in the environment
 * force a lower one. The scalar table stands until then, so that a kernel which runs before
 * hone_cpu_init is slow but right. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/vector.h"

extern const hone_cpu_vector_table hone_cpu_vector_scalar;
#if defined(__x86_64__)
extern const hone_cpu_vector_table hone_cpu_vector_avx2, hone_cpu_vector_avx512;
#elif defined(__aarch64__)
extern const hone_cpu_vector_table hone_cpu_vector_neon;
#endif

const hone_cpu_vector_table *hone_cpu_vector = &hone_cpu_vector_scalar;
static hone_cpu_level level_now = HONE_CPU_SCALAR;
static bool vnni;

static const struct {
    const char *name;
    const hone_cpu_vector_table *table;
} levels[] = {
    [HONE_CPU_SCALAR] = {"scalar", &hone_cpu_vector_scalar},
#if defined(__x86_64__)
    [HONE_CPU_AVX2] = {"avx2", &hone_cpu_vector_avx2},
    [HONE_CPU_AVX512] = {"avx512", &hone_cpu_vector_avx512},
#else
    [HONE_CPU_AVX2] = {"avx2", NULL},
    [HONE_CPU_AVX512] = {"avx512", NULL},
#endif
#if defined(__aarch64__)
    [HONE_CPU_NEON] = {"neon", &hone_cpu_vector_neon},
#else
    [HONE_CPU_NEON] = {"neon", NULL},
#endif
};

static bool machine_has(hone_cpu_level level)
{
#if defined(__x86_64__)
    if (level == HONE_CPU_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (level == HONE_CPU_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
    return levels[level].table != NULL;
}

bool hone_cpu_set_level(hone_cpu_level level)
{
    if (!levels[level].table || !machine_has(level))
        return false;
    level_now = level;
    hone_cpu_vector = levels[level].table;
    return true;
}

static void choose(void)
{
    const char *forced = getenv("HONE_CPU");

#if defined(__x86_64__)
    __builtin_cpu_init();
    vnni = __builtin_cpu_supports("avx512vnni");
#endif
    for (int i = 0; i < HONE_COUNT(levels); i++) {
        if (!forced || !*forced || strcmp(forced, levels[i].name) == 0)
            hone_cpu_set_level((hone_cpu_level)i);
    }
}

void hone_cpu_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, choose);
}

hone_cpu_level hone_cpu_level_now(void)
{
    return level_now;
}

const char *hone_cpu_level_text(hone_cpu_level level)
{
    return levels[level].name;
}

bool hone_cpu_has_vnni(void)
{
    return vnni && level_now == HONE_CPU_AVX512;
}
