/* Reads the board. The library is opened once and kept; every function of it is optional. */
#include "cuda/nvml.h"

#include <pthread.h>

#include "cuda/library.h"

typedef struct nvmlDevice_st *nvmlDevice;

/* nvmlClockType_t, nvmlTemperatureSensors_t, and the bits of nvmlClocksThrottleReasons: power cap,
 * hardware slowdown, software and hardware thermal slowdown, power brake. */
enum {
    CLOCK_SM = 1,
    CLOCK_MEMORY = 2,
    SENSOR_GPU = 0,
    SLOWED = 0x4 | 0x8 | 0x20 | 0x40 | 0x80
};

typedef struct functions {
#define NVML(name, symbol, params) int(*name) params;
#include "cuda/nvml.def"
#undef NVML
} functions;

static const hone_library_symbol symbols[] = {
#define NVML(name, symbol, params) {symbol, offsetof(functions, name), true},
#include "cuda/nvml.def"
#undef NVML
};

static functions f;
static char driver[80];
static bool is_ready;

static void open_once(void)
{
    const char *reason;
    void *library = hone_library_open("libnvidia-ml.so.1", &reason);

    if (!library)
        return;
    hone_library_fill(library, symbols, HONE_COUNT(symbols), &f);
    is_ready = f.init && f.init() == 0;
    if (is_ready && f.driver_version && f.driver_version(driver, sizeof driver) != 0)
        driver[0] = '\0';
}

static bool open_nvml(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, open_once);
    return is_ready;
}

const char *hone_nvml_driver(void)
{
    open_nvml();
    return driver;
}

hone_nvml_board hone_nvml_board_of(const char *pci)
{
    nvmlDevice handle = NULL;

    if (!open_nvml() || !f.handle_by_pci || f.handle_by_pci(pci, &handle) != 0)
        handle = NULL;
    return (hone_nvml_board){handle};
}

/* 0 where there is no such function, or where it fails. */
#define READ(field, function, ...)                                                                 \
    do {                                                                                           \
        if (!f.function || f.function(board.handle, __VA_ARGS__) != 0)                             \
            (field) = 0;                                                                           \
    } while (0)

hone_nvml_state hone_nvml_read(hone_nvml_board board)
{
    hone_nvml_state s = {0};
    unsigned long long energy = 0, slowdowns = 0;

    if (!board.handle)
        return s;
    READ(energy, energy, &energy);
    READ(s.power_mw, power, &s.power_mw);
    READ(s.power_limit_mw, power_limit, &s.power_limit_mw);
    READ(s.clock_mhz, clock, CLOCK_SM, &s.clock_mhz);
    READ(s.max_clock_mhz, max_clock, CLOCK_SM, &s.max_clock_mhz);
    READ(s.memory_clock_mhz, clock, CLOCK_MEMORY, &s.memory_clock_mhz);
    READ(s.temperature_c, temperature, SENSOR_GPU, &s.temperature_c);
    READ(slowdowns, slowdowns, &slowdowns);
    s.energy_mj = energy;
    s.is_slowed = slowdowns & SLOWED;
    return s;
}
