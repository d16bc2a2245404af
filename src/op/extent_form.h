/* The forms that extents take: sums of terms with coefficients, products of factors, both sorted.
 * For extent_*.c alone. */
#ifndef HONE_OP_EXTENT_FORM_H
#define HONE_OP_EXTENT_FORM_H

#include "op/extent_table.h"

#define HONE_SUM_TERMS       32
#define HONE_PRODUCT_FACTORS 16

typedef struct hone_sum {
    int n;
    int64_t constant;
    struct {
        hone_extent term; /* without coefficient */
        int64_t coef;     /* never 0 */
    } t[HONE_SUM_TERMS];
} hone_sum;

typedef struct hone_product {
    int n;
    int64_t coef;
    hone_extent f[HONE_PRODUCT_FACTORS];
} hone_product;

int64_t hone_gcd(int64_t a, int64_t b);

/* Orders extents by structure: numbers first, then by kind, then symbols by name. */
int hone_extent_order(const hone_extents *table, hone_extent a, hone_extent b);
/* hone_extent_intern, but UNKNOWN where an operand is. */
hone_extent hone_extent_join(hone_extents *table, hone_extent_kind kind, hone_extent a,
                             hone_extent b);

/* All return false where the form is too long or a number overflows; what they write is then of no
 * use. */
bool hone_product_scale(hone_product *p, int64_t by);
bool hone_product_of(hone_extents *table, hone_extent e, hone_product *out);
bool hone_product_mul(hone_extents *table, hone_product *p, hone_extent e);
/* Divides p by d where d's factors and coefficient are all in it; false and p untouched otherwise.
 */
bool hone_product_divide(hone_product *p, const hone_product *d);
/* Takes the factors that a and b share out of both. */
void hone_product_cancel(hone_product *a, hone_product *b);
hone_extent hone_product_build(hone_extents *table, const hone_product *p);

/* s += term * coef, where term has no coefficient; s += e * scale; s = e. */
bool hone_sum_insert(const hone_extents *table, hone_sum *s, hone_extent term, int64_t coef);
bool hone_sum_add(const hone_extents *table, hone_sum *s, hone_extent e, int64_t scale);
bool hone_sum_of(const hone_extents *table, hone_extent e, hone_sum *out);
hone_extent hone_sum_build(hone_extents *table, const hone_sum *s);
hone_range hone_sum_range(const hone_extents *table, const hone_sum *s);

#endif
