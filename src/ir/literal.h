/* Elements of constants as numbers in IR text: shared by print.c and parse.c, so that the two
 * agree. */
#ifndef HONE_IR_LITERAL_H
#define HONE_IR_LITERAL_H

#include "base/dtype.h"
#include "base/text.h"

enum {
    HONE_LITERAL_INTS = 16,
    HONE_LITERAL_FLOATS = 8
}; /* elements: longer constants are base64 */

/* Prints n elements as "1, 2, 3"; false, and nothing printed, where these are too many or would not
 * read back exactly (NaN with a payload, complex numbers). */
bool hone_literal_print(hone_dtype dtype, const void *data, int64_t n, hone_text *text);
/* Reads one element into data[i]; *text moves behind it. */
bool hone_literal_parse(hone_dtype dtype, const char **text, void *data, int64_t i);

#endif
