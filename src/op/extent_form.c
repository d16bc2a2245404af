/* Sums and products: taking expressions apart, bringing them into one order, putting them together
 * again. Sorting goes by structure and names, not by age, so that text read back into another table
 * takes the same form. */
#include "op/extent_form.h"

int64_t hone_gcd(int64_t a, int64_t b)
{
    if (a == INT64_MIN || b == INT64_MIN) /* has no absolute value; 1 is always right */
        return 1;
    a = a < 0 ? -a : a;
    b = b < 0 ? -b : b;
    while (b) {
        const int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* Orders extents by structure: numbers first, then by kind, then symbols by name. Walks down one
 * path only, because equal operands are equal integers. */
int hone_extent_order(const hone_extents *table, hone_extent a, hone_extent b)
{
    for (;;) {
        if (a == b)
            return 0;
        const bool number_a = hone_extent_is_number(a), number_b = hone_extent_is_number(b);
        if (number_a || number_b)
            return number_a && number_b ? (a < b ? -1 : 1) : (number_a ? -1 : 1);
        const hone_extent_node *x = hone_extent_entry(table, a), *y = hone_extent_entry(table, b);
        if (x->kind != y->kind)
            return x->kind < y->kind ? -1 : 1;
        if (x->kind == HONE_EXTENT_SYMBOL)
            return strcmp(x->name, y->name);
        a = x->a == y->a ? x->b : x->a;
        b = x->a == y->a ? y->b : y->a;
    }
}

/* Products. */

bool hone_product_scale(hone_product *p, int64_t by)
{
    return hone_int_mul(p->coef, by, &p->coef);
}

static bool product_insert(const hone_extents *table, hone_product *p, hone_extent factor)
{
    int i = p->n;

    if (i == HONE_PRODUCT_FACTORS)
        return false;
    for (; i > 0 && hone_extent_order(table, factor, p->f[i - 1]) < 0; i--)
        p->f[i] = p->f[i - 1];
    p->f[i] = factor;
    p->n++;
    return true;
}

/* Multiplies by a factor that is no product. The greatest number that divides a sum joins the
 * coefficient. */
static bool product_factor(hone_extents *table, hone_product *p, hone_extent e)
{
    hone_sum s;

    if (hone_extent_is_number(e))
        return hone_product_scale(p, e);
    if (!hone_extent_is(table, e, HONE_EXTENT_ADD) || !hone_sum_of(table, e, &s))
        return product_insert(table, p, e);
    int64_t common = s.constant;
    for (int i = 0; i < s.n; i++)
        common = hone_gcd(common, s.t[i].coef);
    if (common <= 1)
        return product_insert(table, p, e);
    for (int i = 0; i < s.n; i++)
        s.t[i].coef /= common;
    s.constant /= common;
    const hone_extent rest = hone_sum_build(table, &s);
    return rest != HONE_EXTENT_UNKNOWN && hone_product_scale(p, common) &&
           product_insert(table, p, rest);
}

bool hone_product_mul(hone_extents *table, hone_product *p, hone_extent e)
{
    while (hone_extent_is(table, e, HONE_EXTENT_MUL)) {
        const hone_extent a = hone_extent_entry(table, e)->a, b = hone_extent_entry(table, e)->b;
        if (!product_factor(table, p, b))
            return false;
        e = a;
    }
    return product_factor(table, p, e);
}

bool hone_product_of(hone_extents *table, hone_extent e, hone_product *out)
{
    *out = (hone_product){.coef = 1};
    return hone_product_mul(table, out, e);
}

hone_extent hone_extent_join(hone_extents *table, hone_extent_kind kind, hone_extent a,
                             hone_extent b)
{
    if (a == HONE_EXTENT_UNKNOWN || b == HONE_EXTENT_UNKNOWN)
        return HONE_EXTENT_UNKNOWN;
    return hone_extent_intern(table, kind, a, b);
}

hone_extent hone_product_build(hone_extents *table, const hone_product *p)
{
    hone_sum s;

    if (p->coef == 0 || p->n == 0)
        return hone_extent_checked(p->coef);
    if (p->n == 1 && p->coef != 1 && hone_extent_is(table, p->f[0], HONE_EXTENT_ADD) &&
        hone_sum_of(table, p->f[0], &s)) {
        bool fits = hone_int_mul(s.constant, p->coef, &s.constant);
        for (int i = 0; i < s.n; i++)
            fits = fits && hone_int_mul(s.t[i].coef, p->coef, &s.t[i].coef);
        return fits ? hone_sum_build(table, &s) : HONE_EXTENT_UNKNOWN;
    }
    hone_extent e = p->f[0];
    for (int i = 1; i < p->n; i++)
        e = hone_extent_join(table, HONE_EXTENT_MUL, e, p->f[i]);
    return p->coef == 1 ? e
                        : hone_extent_join(table, HONE_EXTENT_MUL, e, hone_extent_checked(p->coef));
}

/* Divides p by d where d's factors and coefficient are all in it; false and p untouched otherwise.
 */
bool hone_product_divide(hone_product *p, const hone_product *d)
{
    hone_product rest = {.coef = 0};
    int k = 0;

    if (d->coef == 0 || d->coef == -1 || p->coef % d->coef)
        return false;
    for (int i = 0; i < p->n; i++) {
        if (k < d->n && p->f[i] == d->f[k])
            k++;
        else
            rest.f[rest.n++] = p->f[i];
    }
    if (k < d->n)
        return false;
    rest.coef = p->coef / d->coef;
    *p = rest;
    return true;
}

/* Takes the factors that a and b share out of both. */
void hone_product_cancel(hone_product *a, hone_product *b)
{
    const int64_t common = hone_gcd(a->coef, b->coef);

    for (int i = 0; i < a->n; i++)
        for (int k = 0; k < b->n; k++)
            if (a->f[i] == b->f[k]) {
                memmove(&a->f[i], &a->f[i + 1], (size_t)(--a->n - i) * sizeof a->f[0]);
                memmove(&b->f[k], &b->f[k + 1], (size_t)(--b->n - k) * sizeof b->f[0]);
                i--;
                break;
            }
    a->coef /= common;
    b->coef /= common;
}

/* Sums. */

bool hone_sum_insert(const hone_extents *table, hone_sum *s, hone_extent term, int64_t coef)
{
    int i = 0, order = 1;

    if (coef == 0)
        return true;
    while (i < s->n && (order = hone_extent_order(table, s->t[i].term, term)) < 0)
        i++;
    if (i < s->n && order == 0) {
        if (!hone_int_add(s->t[i].coef, coef, &s->t[i].coef))
            return false;
        if (s->t[i].coef == 0)
            memmove(&s->t[i], &s->t[i + 1], (size_t)(--s->n - i) * sizeof s->t[0]);
        return true;
    }
    if (s->n == HONE_SUM_TERMS)
        return false;
    memmove(&s->t[i + 1], &s->t[i], (size_t)(s->n++ - i) * sizeof s->t[0]);
    s->t[i].term = term;
    s->t[i].coef = coef;
    return true;
}

/* s += e * scale, where e is no sum. */
static bool sum_term(const hone_extents *table, hone_sum *s, hone_extent e, int64_t scale)
{
    int64_t coef = scale;

    if (hone_extent_is_number(e))
        return hone_int_mul(e, scale, &coef) && hone_int_add(s->constant, coef, &s->constant);
    if (hone_extent_is(table, e, HONE_EXTENT_MUL)) {
        const hone_extent_node *node = hone_extent_entry(table, e);
        if (hone_extent_is_number(node->b)) {
            if (!hone_int_mul(node->b, scale, &coef))
                return false;
            e = node->a;
        }
    }
    return hone_sum_insert(table, s, e, coef);
}

bool hone_sum_add(const hone_extents *table, hone_sum *s, hone_extent e, int64_t scale)
{
    while (hone_extent_is(table, e, HONE_EXTENT_ADD)) {
        const hone_extent_node *node = hone_extent_entry(table, e);
        if (!sum_term(table, s, node->b, scale))
            return false;
        e = node->a;
    }
    return sum_term(table, s, e, scale);
}

bool hone_sum_of(const hone_extents *table, hone_extent e, hone_sum *out)
{
    *out = (hone_sum){.n = 0};
    return hone_sum_add(table, out, e, 1);
}

/* Terms that are added come before those that are taken off: n - h, not -h + n. */
hone_extent hone_sum_build(hone_extents *table, const hone_sum *s)
{
    hone_extent e = 0;

    if (s->n == 0)
        return hone_extent_checked(s->constant);
    for (int i = 0; i < 2 * s->n; i++) {
        hone_extent term = s->t[i % s->n].term;
        const int64_t coef = s->t[i % s->n].coef;
        if ((coef < 0) != (i >= s->n))
            continue;
        if (coef != 1)
            term = hone_extent_join(table, HONE_EXTENT_MUL, term, hone_extent_checked(coef));
        e = e == 0 ? term : hone_extent_join(table, HONE_EXTENT_ADD, e, term);
    }
    return s->constant
               ? hone_extent_join(table, HONE_EXTENT_ADD, e, hone_extent_checked(s->constant))
               : e;
}

hone_range hone_sum_range(const hone_extents *table, const hone_sum *s)
{
    hone_range r = {s->constant, s->constant};

    for (int i = 0; i < s->n; i++) {
        const hone_range coef = {s->t[i].coef, s->t[i].coef};
        r = hone_range_add(r, hone_range_mul(hone_range_of(table, s->t[i].term), coef));
    }
    return r;
}
