/* Where the tests' files are: made by make_files.py. */
#ifndef TESTS_MEDIA_FILES_H
#define TESTS_MEDIA_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/tensor.h"
#include "hone/media.h"

static inline const char *test_file(const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/media/files/%s", HONE_TESTS_DIR, name);
    return path;
}

/* The bytes of a file, followed by nothing: reading past them is seen by a sanitizer. */
static inline hone_bytes test_file_bytes(const char *name)
{
    hone_map map;
    assert_int_equal(hone_map_open(test_file(name), &map), HONE_OK);
    uint8_t *copy = malloc(map.bytes.size);
    assert_non_null(copy);
    memcpy(copy, map.bytes.data, map.bytes.size);
    const hone_bytes bytes = {copy, map.bytes.size};
    hone_map_close(&map);
    return bytes;
}

static inline void test_bytes_free(hone_bytes bytes)
{
    free((void *)(uintptr_t)bytes.data);
}

/* The letters of STRINGS in make_files.py. */
static const char *const test_strings[] = {"", "a", "b\xc3\xa9", "\xe2\x82\xacuro",
                                           "\xf0\x9d\x84\x9e"};

/* Element i of the tensor is i: the real part of a complex one. */
static inline void assert_counts(const hone_tensor *t)
{
    const int64_t n = hone_tensor_count(t);
    for (int64_t i = 0; i < n; i++) {
        double x;
        if (t->dtype == HONE_C64)
            x = ((const float *)t->data)[2 * i];
        else if (t->dtype == HONE_C128)
            x = ((const double *)t->data)[2 * i];
        else
            x = hone_element_double(t->dtype, t->data, i);
        assert_true(x == (double)i);
    }
}

static inline void assert_strings(const hone_tensor *t)
{
    const hone_string *s = t->data;
    assert_int_equal(t->dtype, HONE_STRING);
    assert_int_equal(hone_tensor_count(t), HONE_COUNT(test_strings));
    for (int i = 0; i < HONE_COUNT(test_strings); i++)
        assert_true(
            hone_bytes_is((hone_bytes){(const uint8_t *)s[i].data, s[i].size}, test_strings[i]));
}

#endif
