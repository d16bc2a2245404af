/* Pictures as Pillow writes them, against the ramp of make_files.py; damaged ones. */
#include "media_files.h"

enum {
    WIDTH = 16,
    HEIGHT = 10
};

typedef struct picture_case {
    const char *file;
    bool is_grey;
    int tolerance; /* JPEG loses a little, CMYK and palettes a little more */
} picture_case;

static const picture_case cases[] = {
    {"rgb.png", false, 0}, {"alpha.png", false, 0}, {"palette.png", false, 0},
    {"grey.png", true, 0}, {"grey16.png", true, 0}, {"rgb.ppm", false, 0},
    {"rgb.bmp", false, 0}, {"grey.pgm", true, 0},   {"rgb.jpg", false, 5},
    {"grey.jpg", true, 5}, {"cmyk.jpg", false, 9},  {"progressive.jpg", false, 5},
};

static hone_status decode(hone_bytes file, uint8_t rgb[WIDTH * HEIGHT * 3])
{
    int width = 0, height = 0;
    const hone_status st = hone_media_decode(NULL, file.data, file.size, &width, &height, NULL, 0);
    if (st != HONE_OK || width != WIDTH || height != HEIGHT)
        return st != HONE_OK ? st : HONE_ERR_LIMIT;
    return hone_media_decode(NULL, file.data, file.size, &width, &height, rgb, WIDTH * HEIGHT * 3);
}

static void assert_ramp(const picture_case *c, const uint8_t *rgb)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            const int want[3] = {8 * x, c->is_grey ? 8 * x : 16 * y,
                                 c->is_grey ? 8 * x : 4 * (x + y)};
            const uint8_t *got = rgb + 3 * (y * WIDTH + x);
            for (int k = 0; k < 3; k++)
                if (abs(got[k] - want[k]) > c->tolerance)
                    fail_msg("%s at %d, %d: channel %d is %d, expected %d", c->file, x, y, k,
                             got[k], want[k]);
        }
}

static void test_picture_decodes(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        uint8_t rgb[WIDTH * HEIGHT * 3];
        const hone_bytes file = test_file_bytes(cases[i].file);
        if (decode(file, rgb) != HONE_OK)
            fail_msg("%s: %s", cases[i].file, hone_message());
        assert_ramp(&cases[i], rgb);
        test_bytes_free(file);
    }
}

/* A picture that ends before its last pixel is an error, never a grey rest. PNG may lose its end
 * mark and JPEG its two last bytes unseen, hence the 20. */
static void test_picture_refuses_truncation(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        uint8_t rgb[WIDTH * HEIGHT * 3];
        const hone_bytes file = test_file_bytes(cases[i].file);
        for (size_t n = 0; n + 20 < file.size; n++)
            if (decode((hone_bytes){file.data, n}, rgb) == HONE_OK)
                fail_msg("%s of %zu bytes, cut to %zu, was decoded", cases[i].file, file.size, n);
        test_bytes_free(file);
    }
}

static void test_picture_survives_damage(void **state)
{
    static const uint8_t flips[] = {0x01, 0x80, 0xff, 0x40};
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        uint8_t rgb[WIDTH * HEIGHT * 3];
        const hone_bytes file = test_file_bytes(cases[i].file);
        uint8_t *bytes = (uint8_t *)(uintptr_t)file.data;
        for (size_t n = 0; n < file.size * 4; n++) {
            bytes[n / 4] ^= flips[n % 4];
            decode(file, rgb);
            bytes[n / 4] ^= flips[n % 4];
        }
        test_bytes_free(file);
    }
}

typedef struct bad_case {
    const char *bytes;
    size_t size;
    hone_status status;
} bad_case;

static void test_picture_refuses(void **state)
{
    static const bad_case bad[] = {
        {"", 0, HONE_ERR_FORMAT},
        {"GIF89a", 6, HONE_ERR_FORMAT},
        {"P6 0 1 255 ", 11, HONE_ERR_FORMAT},
        {"P6 16385 1 255 ", 15, HONE_ERR_LIMIT},
        {"P6 999999999999 1 255 ", 22, HONE_ERR_LIMIT},
        {"P6 16384 16384 255 ", 19, HONE_ERR_FORMAT},
        {"P6 1 1 70000 abc", 16, HONE_ERR_FORMAT},
        {"P6 1 1 255 ab", 13, HONE_ERR_FORMAT},
        {"P6 1 1", 6, HONE_ERR_FORMAT},
        {"BM", 2, HONE_ERR_FORMAT},
        {"P6\n# a comment", 14, HONE_ERR_FORMAT},
        {"\xff\xd8\xff\xd9", 4, HONE_ERR_FORMAT},
        {"\x89PNG\r\n\x1a\n", 8, HONE_ERR_FORMAT},
    };
    int width = -1, height = -1;
    uint8_t rgb[3];
    (void)state;
    for (int i = 0; i < HONE_COUNT(bad); i++)
        assert_int_equal(
            hone_media_decode(NULL, bad[i].bytes, bad[i].size, &width, &height, rgb, 3),
            bad[i].status);
    assert_int_equal(width, -1); /* untouched */
    assert_int_equal(hone_media_decode(NULL, "P6 1 1 255 abc", 14, &width, &height, rgb, 2),
                     HONE_ERR_ARGUMENT);
    assert_int_equal(hone_media_decode(NULL, "P6 #c\n1 1 #d\n255 abc", 20, &width, &height, rgb, 3),
                     HONE_OK);
    assert_memory_equal(rgb, "abc", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_picture_decodes),
        cmocka_unit_test(test_picture_refuses_truncation),
        cmocka_unit_test(test_picture_survives_damage),
        cmocka_unit_test(test_picture_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
