/* The only dlopen of the libraries. Names are bound when the library is opened, so that a half
 * installed driver is found out then and not during an inference. */
#include "cuda/library.h"

#include <dlfcn.h>
#include <string.h>

void *hone_library_open(const char *file, const char **reason)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

    if (!library)
        *reason = dlerror();
    return library;
}

void hone_library_close(void *library)
{
    if (library)
        dlclose(library);
}

const char *hone_library_fill(void *library, const hone_library_symbol *symbols, int n, void *table)
{
    for (int i = 0; i < n; i++) {
        void *function = dlsym(library, symbols[i].name);
        if (!function && !symbols[i].is_optional)
            return symbols[i].name;
        memcpy((char *)table + symbols[i].slot, &function, sizeof function);
    }
    return NULL;
}

const char *hone_library_file(void *library, const char *symbol)
{
    Dl_info info;
    void *address = dlsym(library, symbol);

    return address && dladdr(address, &info) && info.dli_fname ? info.dli_fname : "?";
}
