/* Base64 by table, whole groups of four characters only. Strict: nothing but the alphabet, padding
 * at the end alone. */
#include "ir/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum {
    GROUPS = 256
}; /* that are written to the text at once */

static void encode_group(const uint8_t *in, size_t n, char out[4])
{
    const uint32_t bits =
        (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0) | (n > 2 ? in[2] : 0);

    out[0] = alphabet[bits >> 18];
    out[1] = alphabet[bits >> 12 & 63];
    out[2] = n > 1 ? alphabet[bits >> 6 & 63] : '=';
    out[3] = n > 2 ? alphabet[bits & 63] : '=';
}

void hone_base64_print(const void *data, size_t size, hone_text *text)
{
    const uint8_t *in = data;
    char out[4 * GROUPS];

    while (size > 0) {
        size_t n = 0;
        for (; size > 0 && n < sizeof out; n += 4) {
            const size_t taken = HONE_MIN(size, (size_t)3);
            encode_group(in, taken, out + n);
            in += taken;
            size -= taken;
        }
        hone_text_add_bytes(text, out, n);
    }
}

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool hone_base64_parse(const char *text, size_t length, uint8_t *out, size_t *size)
{
    size_t n = 0;

    if (length % 4 != 0)
        return false;
    for (size_t i = 0; i < length; i += 4) {
        const bool is_last = i + 4 == length;
        const int padding = is_last && text[i + 3] == '=' ? 1 + (text[i + 2] == '=') : 0;
        uint32_t bits = 0;
        for (int k = 0; k < 4; k++) {
            const int digit = k < 4 - padding ? digit_of(text[i + (size_t)k]) : 0;
            if (digit < 0)
                return false;
            bits = bits << 6 | (uint32_t)digit;
        }
        for (int k = 0; k < 3 - padding; k++)
            out[n++] = (uint8_t)(bits >> (16 - 8 * k));
    }
    *size = n;
    return true;
}
