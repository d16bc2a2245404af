/* "did you mean": the nearest of several words. */
#ifndef HONE_CLI_SUGGEST_H
#define HONE_CLI_SUGGEST_H

#include <stddef.h>

typedef struct hone_suggest {
    const char *typed;
    size_t typed_length;
    char best[64];
    int distance; /* of best; INT_MAX: none yet */
} hone_suggest;

void hone_suggest_init(hone_suggest *s, const char *typed, size_t length);
void hone_suggest_offer(hone_suggest *s, const char *word, size_t length);

/* The nearest word, or NULL where none is near enough to be meant. */
const char *hone_suggest_result(const hone_suggest *s);

#endif
