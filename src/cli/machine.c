/* What Linux says of the machine, in /proc and /sys. Whatever cannot be read is left out: no fact
 * here is needed to run. */
#include "cli/machine.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool read_line(const char *path, char *text, int room)
{
    FILE *file = fopen(path, "r");
    const bool ok = file && fgets(text, room, file);
    if (file)
        fclose(file);
    if (ok)
        text[strcspn(text, "\n")] = '\0';
    return ok;
}

const char *hone_machine_cpu(void)
{
    static char name[128];
    char line[256];
    FILE *file = *name ? NULL : fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file)
        fclose(file);
    return *name ? name : "CPU";
}

/* The first logical CPU of a core stands for the core. */
static bool is_first_of_core(int cpu, const cpu_set_t *allowed)
{
    char path[96], line[64];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    if (!read_line(path, line, sizeof line))
        return true;
    for (char *at = line; *at;) {
        int first = (int)strtol(at, &at, 10), last = first;
        if (*at == '-')
            last = (int)strtol(at + 1, &at, 10);
        for (int c = first; c <= last && c < cpu; c++)
            if (CPU_ISSET(c, allowed))
                return false;
        if (*at != ',')
            break;
        at++;
    }
    return true;
}

static int count_cpus(bool cores)
{
    cpu_set_t allowed;
    int n = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        n += CPU_ISSET(cpu, &allowed) && (!cores || is_first_of_core(cpu, &allowed));
    return n ? n : 1;
}

int hone_machine_cores(void)
{
    return count_cpus(true);
}

int hone_machine_cpus(void)
{
    return count_cpus(false);
}

const char *hone_machine_governor(void)
{
    static char text[64];
    return read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text, sizeof text)
               ? text
               : NULL;
}

int64_t hone_machine_cache(int level)
{
    static const int names[] = {0, _SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE,
                                _SC_LEVEL3_CACHE_SIZE};
    const long size = sysconf(names[level]);
    return size > 0 ? size : 0;
}

int64_t hone_machine_memory(void)
{
    return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

int64_t hone_machine_peak(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}
