/* Statistics of times. Percentiles are those of trtexec and numpy's default: linear between
 * neighbours. */
#include "cli/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool hone_samples_add(hone_samples *times, double ms)
{
    if (times->n == times->room) {
        const size_t room = times->room ? 2 * times->room : 4096;
        double *grown = realloc(times->ms, room * sizeof *grown);
        if (!grown)
            return false;
        times->ms = grown;
        times->room = room;
    }
    times->ms[times->n++] = ms;
    return true;
}

void hone_samples_fini(hone_samples *times)
{
    free(times->ms);
    *times = (hone_samples){.n = 0};
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *sorted, size_t n, double p)
{
    const double at = p / 100 * (double)(n - 1);
    const size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return sorted[low] + (at - (double)low) * (sorted[high] - sorted[low]);
}

hone_samples_summary hone_samples_summarize(const hone_samples *times)
{
    const size_t n = times->n;
    double *sorted = malloc(n * sizeof *sorted);
    hone_samples_summary s = {.min = 0};
    double sum = 0, squares = 0;
    if (!sorted)
        return s;
    memcpy(sorted, times->ms, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    for (size_t i = 0; i < n; i++)
        sum += sorted[i];
    s.mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (sorted[i] - s.mean) * (sorted[i] - s.mean);
    s.min = sorted[0];
    s.max = sorted[n - 1];
    s.median = percentile(sorted, n, 50);
    s.p90 = percentile(sorted, n, 90);
    s.p95 = percentile(sorted, n, 95);
    s.p99 = percentile(sorted, n, 99);
    s.p999 = percentile(sorted, n, 99.9);
    s.cv = s.mean > 0 ? sqrt(squares / (double)n) / s.mean : 0;
    free(sorted);
    return s;
}
