/* What this library is. */
#include "cpu/cpu.h"
#include "hone/hone.h"

const char *hone_version(void)
{
    return HONE_VERSION;
}

const char *hone_cpu_text(void)
{
    hone_cpu_init();
    return hone_cpu_level_text(hone_cpu_level_now());
}
