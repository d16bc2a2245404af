/* Facts about this machine. */
#ifndef HONE_CLI_MACHINE_H
#define HONE_CLI_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* "AMD EPYC 9575F 64-Core Processor"; "CPU" where the system does not say. */
const char *hone_machine_cpu(void);

int hone_machine_cores(void); /* physical ones allowed to the process, at least 1 */
int hone_machine_cpus(void);  /* logical ones allowed to the process */

/* The CPU is also clocked by somebody: "performance", "powersave"; NULL where the system does not
 * say. */
const char *hone_machine_governor(void);

int64_t hone_machine_cache(int level); /* bytes, of the first CPU; 0: not known */
int64_t hone_machine_memory(void);     /* bytes */
int64_t hone_machine_peak(void);       /* bytes resident at most so far, of this process */

#endif
