/* The operator table, expanded from ops.def, and look-up by name. The tables are searched by halves
 * over an order that is made once, on first use: 221 names do not deserve a generated perfect hash.
 */
#include "op/op.h"

#include <pthread.h>
#include <stdlib.h>

/* The words of the traits column. */
enum {
    POINTWISE = HONE_TRAIT_POINTWISE,
    COMMUTATIVE = HONE_TRAIT_COMMUTATIVE,
    CONTRACTION = HONE_TRAIT_CONTRACTION,
    ROWWISE = HONE_TRAIT_ROWWISE,
    REDUCTION = HONE_TRAIT_REDUCTION,
    POOLING = HONE_TRAIT_POOLING,
    VIEW = HONE_TRAIT_VIEW,
    MOVEMENT = HONE_TRAIT_MOVEMENT,
    DATA_SHAPED = HONE_TRAIT_DATA_SHAPED,
    CONTROL = HONE_TRAIT_CONTROL,
    RANDOM = HONE_TRAIT_RANDOM,
    SEQUENCE = HONE_TRAIT_SEQUENCE,
    TEXT = HONE_TRAIT_TEXT,
};

const hone_op hone_ops[HONE_OP_COUNT] = {
    [HONE_OP_none] = {"none", "", 0, HONE_ANY, 0, HONE_ANY, 0, hone_infer_none},
#define OP(id, onnx, in_min, in_max, out_min, out_max, traits, infer, cpu)                         \
    [HONE_OP_##id] = {#id, onnx, in_min, in_max, out_min, out_max, traits, hone_infer_##infer},
#include "op/ops.def"
#undef OP
};

/* Ids in the order of IR names and of ONNX names. */
static uint16_t by_name[HONE_OP_COUNT], by_onnx[HONE_OP_COUNT];
static pthread_once_t sorted = PTHREAD_ONCE_INIT;

static int compare_name(const void *a, const void *b)
{
    return strcmp(hone_ops[*(const uint16_t *)a].name, hone_ops[*(const uint16_t *)b].name);
}

static int compare_onnx(const void *a, const void *b)
{
    return strcmp(hone_ops[*(const uint16_t *)a].onnx, hone_ops[*(const uint16_t *)b].onnx);
}

static void sort_names(void)
{
    for (int i = 0; i < HONE_OP_COUNT; i++)
        by_name[i] = by_onnx[i] = (uint16_t)i;
    qsort(by_name, HONE_OP_COUNT, sizeof by_name[0], compare_name);
    qsort(by_onnx, HONE_OP_COUNT, sizeof by_onnx[0], compare_onnx);
}

hone_op_id hone_op_find(const char *name)
{
    int low = 0, high = HONE_OP_COUNT;

    pthread_once(&sorted, sort_names);
    while (low < high) {
        const int middle = (low + high) / 2;
        const int order = strcmp(name, hone_ops[by_name[middle]].name);
        if (order == 0)
            return (hone_op_id)by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return HONE_OP_none;
}

/* Compares "domain:type", or "type" where the domain is ONNX's own, with the onnx column, piece by
 * piece. */
static int compare_key(const char *domain, const char *type, const char *onnx)
{
    const size_t n = strlen(domain);

    if (n == 0)
        return strcmp(type, onnx);
    const int order = strncmp(domain, onnx, n);
    if (order != 0)
        return order;
    if (onnx[n] != ':')
        return ':' - (unsigned char)onnx[n];
    return strcmp(type, onnx + n + 1);
}

hone_op_id hone_op_find_onnx(const char *domain, const char *type)
{
    int low = 0, high = HONE_OP_COUNT;

    if (!domain || strcmp(domain, "ai.onnx") == 0)
        domain = "";
    if (type[0] == '\0' || (domain[0] == '\0' && strchr(type, ':')))
        return HONE_OP_none;
    pthread_once(&sorted, sort_names);
    while (low < high) {
        const int middle = (low + high) / 2;
        const int order = compare_key(domain, type, hone_ops[by_onnx[middle]].onnx);
        if (order == 0)
            return (hone_op_id)by_onnx[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return HONE_OP_none;
}
