/* Numbers as text. The idea: what is printed is read back at once and compared, so that a literal
 * is exact or is not used. */
#include "ir/literal.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TEXT_SIZE = 40,
    BYTES = 8 * HONE_LITERAL_INTS
};

static bool is_whole(hone_dtype dtype)
{
    return hone_dtype_is_integer(dtype) || dtype == HONE_BOOL;
}

bool hone_literal_parse(hone_dtype dtype, const char **text, void *data, int64_t i)
{
    char *end;

    errno = 0;
    if (dtype == HONE_U64)
        hone_element_set_int(dtype, data, i, (int64_t)strtoull(*text, &end, 10));
    else if (is_whole(dtype))
        hone_element_set_int(dtype, data, i, strtoll(*text, &end, 10));
    else if (hone_dtype_is_float(dtype))
        hone_element_set_double(dtype, data, i, strtod(*text, &end));
    else
        return false;
    if (end == *text || (is_whole(dtype) && errno == ERANGE))
        return false;
    *text = end;
    return true;
}

/* The shortest text that gives the same double, and with it the same element. */
static void print_float(double x, char text[TEXT_SIZE])
{
    for (int precision = 6; precision <= 17; precision++) {
        snprintf(text, TEXT_SIZE, "%.*g", precision, x);
        if (strtod(text, NULL) == x)
            break;
    }
}

/* float32 needs fewer digits than the double that holds it. */
static void print_float32(float x, char text[TEXT_SIZE])
{
    for (int precision = 6; precision <= 9; precision++) {
        snprintf(text, TEXT_SIZE, "%.*g", precision, (double)x);
        if ((float)strtod(text, NULL) == x)
            break;
    }
}

static void print_element(hone_dtype dtype, const void *data, int64_t i, char text[TEXT_SIZE])
{
    if (dtype == HONE_U64)
        snprintf(text, TEXT_SIZE, "%" PRIu64, (uint64_t)hone_element_int(dtype, data, i));
    else if (is_whole(dtype))
        snprintf(text, TEXT_SIZE, "%" PRId64, hone_element_int(dtype, data, i));
    else if (dtype == HONE_F64)
        print_float(hone_element_double(dtype, data, i), text);
    else
        print_float32((float)hone_element_double(dtype, data, i), text);
}

bool hone_literal_print(hone_dtype dtype, const void *data, int64_t n, hone_text *text)
{
    char items[HONE_LITERAL_INTS][TEXT_SIZE];
    uint8_t again[BYTES] = {0};
    size_t size;

    if (!is_whole(dtype) && !hone_dtype_is_float(dtype))
        return false;
    if (n > (is_whole(dtype) ? HONE_LITERAL_INTS : HONE_LITERAL_FLOATS) ||
        !hone_dtype_size(dtype, n, &size))
        return false;
    for (int64_t i = 0; i < n; i++) {
        const char *at = items[i];
        print_element(dtype, data, i, items[i]);
        if (!hone_literal_parse(dtype, &at, again, i) || *at)
            return false;
    }
    if (size > 0 && memcmp(again, data, size) != 0)
        return false;
    for (int64_t i = 0; i < n; i++)
        hone_text_add(text, "%s%s", i ? ", " : "", items[i]);
    return true;
}
