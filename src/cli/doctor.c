/* hone doctor: what this machine offers, what stands in the way of speed, what is missing. Advice
 * where there is some. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/report.h"
#include "cli/say.h"
#include "hone/build.h"

typedef struct advice {
    const char *text[8];
    int n;
} advice;

enum {
    FAULT_SIZE = 1024
};

/* What there is for GPUs. A fault is why there is nothing; "" where there is something. */
typedef struct gpus {
    int n;
    char driver_fault[FAULT_SIZE];
    hone_compiler_info compiler;
    char compiler_fault[FAULT_SIZE];
} gpus;

static void keep_fault(char fault[FAULT_SIZE], hone_status st)
{
    snprintf(fault, FAULT_SIZE, "%s", st == HONE_OK ? "" : hone_message());
}

static gpus look_for_gpus(void)
{
    gpus g = {.compiler = {.size = sizeof g.compiler}};

    keep_fault(g.driver_fault, hone_device_count(&g.n));
    keep_fault(g.compiler_fault, hone_compiler_describe(&g.compiler));
    return g;
}

static advice gather_advice(const gpus *g)
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
    if (g->driver_fault[0])
        a.text[a.n++] = g->driver_fault;
    if (g->compiler_fault[0])
        a.text[a.n++] = g->compiler_fault;
    return a;
}

static void print_gpu(int index)
{
    hone_device_info d = {.size = sizeof d};
    char memory[HONE_REPORT_SIZE], l2[HONE_REPORT_SIZE], shared[HONE_REPORT_SIZE];

    if (hone_device_describe(index, &d) != HONE_OK) {
        printf("cuda:%-7d %s\n", index, hone_message());
        return;
    }
    printf("cuda:%-7d %s, %s, %d SMs at up to %d MHz\n", index, d.name, d.arch, d.multiprocessors,
           d.clock_mhz);
    printf("             memory %s over %d bits at %d MHz, L2 %s, %s shared a block\n",
           hone_report_size((double)d.memory_bytes, memory), d.memory_bus_bits, d.memory_clock_mhz,
           hone_report_size((double)d.l2_bytes, l2),
           hone_report_size((double)d.shared_bytes, shared));
    printf("             %s at %s, driver %s for CUDA %d.%d\n", d.uuid, d.pci,
           *d.driver ? d.driver : "?", d.cuda_version / 1000, d.cuda_version % 1000 / 10);
}

static void print_gpus(const gpus *g)
{
    if (g->driver_fault[0])
        printf("cuda         no device\n");
    for (int i = 0; i < g->n; i++)
        print_gpu(i);
    if (g->compiler_fault[0]) {
        printf("nvrtc        not found\n");
        return;
    }
    printf("nvrtc        %d.%d, %s\n", g->compiler.major, g->compiler.minor, g->compiler.file);
    printf("             for %s\n", g->compiler.archs);
    printf("             headers %s\n", g->compiler.include ? g->compiler.include : "not found");
}

static void print_text(const gpus *g, const advice *a)
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
    print_gpus(g);
    for (int i = 0; i < a->n; i++)
        printf("%s%s\n", i ? "             " : "\nnotes        ", a->text[i]);
}

static json_t *gpu_json(int index)
{
    hone_device_info d = {.size = sizeof d};

    if (hone_device_describe(index, &d) != HONE_OK)
        return json_pack("{s:s}", "fault", hone_message());
    return json_pack("{s:o, s:s, s:s, s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:b}",
                     "name", hone_report_text(d.name), "arch", d.arch, "uuid", d.uuid, "pci", d.pci,
                     "driver", hone_report_text(*d.driver ? d.driver : NULL), "cuda_version",
                     d.cuda_version, "multiprocessors", d.multiprocessors, "clock_mhz", d.clock_mhz,
                     "memory_clock_mhz", d.memory_clock_mhz, "memory_bus_bits", d.memory_bus_bits,
                     "memory_bytes", (json_int_t)d.memory_bytes, "l2_bytes", (json_int_t)d.l2_bytes,
                     "shared_bytes", (json_int_t)d.shared_bytes, "integrated",
                     (int)d.is_integrated);
}

static json_t *compiler_json(const gpus *g)
{
    char version[32];

    if (g->compiler_fault[0])
        return json_null();
    snprintf(version, sizeof version, "%d.%d", g->compiler.major, g->compiler.minor);
    return json_pack("{s:s, s:o, s:o, s:s}", "version", version, "file",
                     hone_report_text(g->compiler.file), "include",
                     hone_report_text(g->compiler.include), "archs", g->compiler.archs);
}

static json_t *to_json(const gpus *g, const advice *a)
{
    json_t *notes = json_array();
    for (int i = 0; i < a->n; i++)
        json_array_append_new(notes, hone_report_text(a->text[i]));
    json_t *devices = json_array();
    for (int i = 0; i < g->n; i++)
        json_array_append_new(devices, gpu_json(i));
    return json_pack(
        "{s:i, s:s, s:o, s:s, s:i, s:i, s:[I,I,I], s:I, s:o, s:b, s:o, s:o, s:o}", "schema", 1,
        "version", hone_version(), "cpu", hone_report_text(hone_machine_cpu()), "instructions",
        hone_cpu_text(), "cores", hone_machine_cores(), "logical_cpus", hone_machine_cpus(),
        "cache_bytes", (json_int_t)hone_machine_cache(1), (json_int_t)hone_machine_cache(2),
        (json_int_t)hone_machine_cache(3), "memory_bytes", (json_int_t)hone_machine_memory(),
        "governor", hone_report_text(hone_machine_governor()), "cuda_driver", !g->driver_fault[0],
        "devices", devices, "nvrtc", compiler_json(g), "notes", notes);
}

int hone_command_doctor(const hone_args *args)
{
    const gpus g = look_for_gpus();
    const advice a = gather_advice(&g);
    if (hone_report_wants_text(args))
        print_text(&g, &a);
    return hone_report_wants_json(args) ? hone_report_json(args, to_json(&g, &a)) : HONE_EXIT_OK;
}
