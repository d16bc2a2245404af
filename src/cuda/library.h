/* Shared libraries opened at run time: a table of names is filled from one of several files. */
#ifndef HONE_CUDA_LIBRARY_H
#define HONE_CUDA_LIBRARY_H

#include "base/error.h"

typedef struct hone_library_symbol {
    const char *name;
    size_t slot; /* offset of the function's pointer in the table */
    bool is_optional;
} hone_library_symbol;

/* Opens the file; NULL, with the reason in `reason`, where that fails. The reason is valid until
 * the thread's next call. */
void *hone_library_open(const char *file, const char **reason);
void hone_library_close(void *library); /* takes NULL */

/* Fills the slots of `table`. Returns the name of the first function that is missing and not
 * optional, NULL where there is none. */
const char *hone_library_fill(void *library, const hone_library_symbol *symbols, int n,
                              void *table);

/* The file that the library was loaded from; "?" where the system does not say. `symbol` is one of
 * its functions. */
const char *hone_library_file(void *library, const char *symbol);

#endif
