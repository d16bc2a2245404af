/* The table of onnx.def, and finding rows in it. */
#include "onnx/import.h"

static const hone_onnx_row rows[] = {
#define ROW(domain, type, since, importer, op)                                                     \
    {domain, type, since, hone_import_##importer, HONE_OP_##op},
#include "onnx/onnx.def"
#undef ROW
};

/* The opsets that the rows were checked against, operator by operator. */
static const struct {
    const char *domain;
    int newest;
} domains[] = {{"", 28}, {"ai.onnx.ml", 5}, {"com.microsoft", 1}, {"hone", 1}};

const hone_onnx_row *hone_onnx_rows(int *n)
{
    *n = HONE_COUNT(rows);
    return rows;
}

const char *hone_onnx_domain(const char *domain)
{
    return strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

int hone_onnx_newest_opset(const char *domain)
{
    for (int i = 0; i < HONE_COUNT(domains); i++)
        if (strcmp(domains[i].domain, domain) == 0)
            return domains[i].newest;
    return 0;
}

static int compare(const hone_onnx_row *row, const char *domain, const char *type)
{
    const int order = strcmp(row->domain, domain);
    return order ? order : strcmp(row->type, type);
}

/* The first row of the operator, or where it would stand. */
static int lower_bound(const char *domain, const char *type)
{
    int low = 0, high = HONE_COUNT(rows);

    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (compare(&rows[middle], domain, type) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const hone_onnx_row *hone_onnx_row_find(const char *domain, const char *type, int64_t version,
                                        int *first)
{
    const hone_onnx_row *best = NULL;

    *first = 0;
    for (int i = lower_bound(domain, type);
         i < HONE_COUNT(rows) && compare(&rows[i], domain, type) == 0; i++) {
        if (!*first)
            *first = rows[i].since;
        if (rows[i].since <= version)
            best = &rows[i];
    }
    return best;
}
