/* The nearest of several words, by the number of letters to insert, drop, change or swap with a
 * neighbour (optimal string alignment). Letters compare without case, and "-" and "_" are alike:
 * who writes --Save_Plan is understood. */
#include "cli/suggest.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

enum {
    WORD_MAX = 48
};

void hone_suggest_init(hone_suggest *s, const char *typed, size_t length)
{
    *s = (hone_suggest){.typed = typed, .typed_length = length, .distance = INT_MAX};
}

static int fold(char c)
{
    return c == '_' ? '-' : tolower((unsigned char)c);
}

static int min3(int a, int b, int c)
{
    const int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static int distance(const char *a, int n, const char *b, int m)
{
    int d[WORD_MAX + 1][WORD_MAX + 1];
    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            const int differs = fold(a[i - 1]) != fold(b[j - 1]);
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + differs);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                fold(a[i - 2]) == fold(b[j - 1]))
                d[i][j] = min3(d[i][j], d[i - 2][j - 2] + 1, INT_MAX);
        }
    return d[n][m];
}

void hone_suggest_offer(hone_suggest *s, const char *word, size_t length)
{
    if (s->typed_length > WORD_MAX || length > WORD_MAX)
        return;
    const int d = distance(s->typed, (int)s->typed_length, word, (int)length);
    if (d >= s->distance)
        return;
    s->distance = d;
    memcpy(s->best, word, length);
    s->best[length] = '\0';
}

const char *hone_suggest_result(const hone_suggest *s)
{
    /* A third of the letters may be wrong, but one always: "-" in place of a short word suggests
     * nothing. */
    const int allowed = s->typed_length < 3 ? 1 : (int)(s->typed_length + 2) / 3;
    return s->distance <= allowed && s->distance < (int)s->typed_length ? s->best : NULL;
}
