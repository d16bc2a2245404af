/* The launches of a whole plan in one graph, as the runtime makes it, on memory of their own: what
 * a tactic costs where it stands, with the L2 as its neighbours leave it. */
#ifndef HONE_TUNE_CHAIN_H
#define HONE_TUNE_CHAIN_H

#include "tune/timer.h"

typedef struct hone_chain hone_chain;

/* A chain of n launches, none of them set. */
hone_status hone_chain_create(hone_timer *timer, int n, hone_chain **out);
void hone_chain_destroy(hone_chain *chain); /* takes NULL */

/* Memory that launches share, filled with a small number or with zeros; it goes with the chain.
 * HONE_ERR_MEMORY where the device has no room for it. */
hone_status hone_chain_memory(hone_chain *chain, size_t size, bool is_float, uint64_t *address);

/* Launch `index` is this candidate. addresses: by argument; read for tensors, scratch and tickets.
 * *fits is false where the device cannot launch it; the launch is then as it was. */
hone_status hone_chain_set(hone_chain *chain, int index, const hone_candidate *candidate,
                           hone_bytes image, const uint64_t *addresses, bool *fits);

/* Microseconds of one run of all launches: the median of `runs`. */
hone_status hone_chain_time(hone_chain *chain, int runs, double *us);

#endif
