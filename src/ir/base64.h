/* Base64 (RFC 4648, with padding), for constants in IR text. */
#ifndef HONE_IR_BASE64_H
#define HONE_IR_BASE64_H

#include "base/text.h"

void hone_base64_print(const void *data, size_t size, hone_text *text);
/* The bytes that `length` characters stand for, or false where these are no base64; `out` needs 3 *
 * (length / 4). */
bool hone_base64_parse(const char *text, size_t length, uint8_t *out, size_t *size);

#endif
