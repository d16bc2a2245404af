/* Finds the kernels' texts, which embed.cmake puts into texts.inc. Nothing is compiled here: that
 * is the builder's, by NVRTC. */
#include "kernels/kernels.h"

#include <stddef.h>
#include <string.h>

#include "kernels/texts.inc"

const char *hone_kernel_prelude(void)
{
    return text_prelude;
}

const hone_kernel_text *hone_kernel_at(int i)
{
    const int n = (int)(sizeof texts / sizeof *texts);

    return i >= 0 && i < n ? &texts[i] : NULL;
}

const hone_kernel_text *hone_kernel_source(const char *name)
{
    const hone_kernel_text *text = NULL;

    for (int i = 0; (text = hone_kernel_at(i)) != NULL; i++)
        if (strcmp(text->name, name) == 0)
            break;
    return text;
}
