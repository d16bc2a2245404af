/* hone doctor: what this machine offers, what stands in the way of speed, what is missing. Advice
 * where there is some. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/report.h"
#include "cli/say.h"

typedef struct advice {
    const char *text[8];
    int n;
} advice;

static advice gather_advice(void)
{
    advice a = {.n = 0};
    const char *governor = hone_machine_governor();
    if (strcmp(hone_cpu_text(), "scalar") == 0)
        a.text[a.n++] = "no vector instructions are in use: plans run, slowly";
    if (governor && strcmp(governor, "performance") != 0)
        a.text[a.n++] = "the CPU's clock is governed; \"cpupower frequency-set -g performance\" "
                        "makes times steadier";
    if (hone_machine_cpus() > hone_machine_cores())
        a.text[a.n++] = "logical CPUs share cores: by default one thread a core is used";
    if (!hone_machine_has_cuda())
        a.text[a.n++] = "no NVIDIA driver (libcuda.so.1): --device cuda cannot work here";
    else
        a.text[a.n++] = "there is an NVIDIA driver; this version of Hone runs on the CPU alone";
    return a;
}

static void print_text(const advice *a)
{
    char l1[HONE_REPORT_SIZE], l2[HONE_REPORT_SIZE], l3[HONE_REPORT_SIZE], memory[HONE_REPORT_SIZE];
    const char *governor = hone_machine_governor();
    printf("hone         %s\n", hone_version());
    printf("cpu          %s\n", hone_machine_cpu());
    printf("instructions %s\n", hone_cpu_text());
    printf("cores        %d allowed to this process, %d logical CPUs\n", hone_machine_cores(),
           hone_machine_cpus());
    printf("caches       L1 %s, L2 %s, L3 %s\n",
           hone_report_size((double)hone_machine_cache(1), l1),
           hone_report_size((double)hone_machine_cache(2), l2),
           hone_report_size((double)hone_machine_cache(3), l3));
    printf("memory       %s\n", hone_report_size((double)hone_machine_memory(), memory));
    printf("clock        %s\n", governor ? governor : "not said by the system");
    printf("cuda         %s\n", hone_machine_has_cuda() ? "driver found" : "no driver");
    for (int i = 0; i < a->n; i++)
        printf("%s%s\n", i ? "             " : "\nnotes        ", a->text[i]);
}

static json_t *to_json(const advice *a)
{
    json_t *notes = json_array();
    for (int i = 0; i < a->n; i++)
        json_array_append_new(notes, json_string(a->text[i]));
    return json_pack("{s:i, s:s, s:o, s:s, s:i, s:i, s:[I,I,I], s:I, s:o, s:b, s:o}", "schema", 1,
                     "version", hone_version(), "cpu", hone_report_text(hone_machine_cpu()),
                     "instructions", hone_cpu_text(), "cores", hone_machine_cores(), "logical_cpus",
                     hone_machine_cpus(), "cache_bytes", (json_int_t)hone_machine_cache(1),
                     (json_int_t)hone_machine_cache(2), (json_int_t)hone_machine_cache(3),
                     "memory_bytes", (json_int_t)hone_machine_memory(), "governor",
                     hone_report_text(hone_machine_governor()), "cuda_driver",
                     (int)hone_machine_has_cuda(), "notes", notes);
}

int hone_command_doctor(const hone_args *args)
{
    const advice a = gather_advice();
    if (hone_report_wants_text(args))
        print_text(&a);
    return hone_report_wants_json(args) ? hone_report_json(args, to_json(&a)) : HONE_EXIT_OK;
}
