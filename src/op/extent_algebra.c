/* Arithmetic on extents, which chooses one form for equal expressions:
 *
 *     sum        terms with coefficients, sorted, then the constant:  ((a + b*4) + 3)
 *     product    factors, sorted, then the coefficient:               (a*b)*4
 *     division   what divides is taken out first; ceil by a number becomes floor: ceil(x/2) = (x + 1)/2
 *
 * A number times a sum is multiplied out; other products of sums are left. Sorting goes by structure and names, not by
 * age, so that text read back into another table takes the same form. Sums and products longer than the arrays below
 * are left as they are: still right, only not simplified. */
#include "op/extent_table.h"

#define TERMS 32
#define FACTORS 16

typedef struct sum {
    int n;
    int64_t constant;
    struct {
        hone_extent term; /* without coefficient */
        int64_t coef;     /* never 0 */
    } t[TERMS];
} sum;

typedef struct product {
    int n;
    int64_t coef;
    hone_extent f[FACTORS];
} product;

static int64_t gcd(int64_t a, int64_t b)
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

/* Orders extents by structure: numbers first, then by kind, then symbols by name. Walks down one path only, because equal
 * operands are equal integers. */
static int compare(const hone_extents *table, hone_extent a, hone_extent b)
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

static bool product_scale(product *p, int64_t by)
{
    return hone_int_mul(p->coef, by, &p->coef);
}

static bool product_insert(const hone_extents *table, product *p, hone_extent factor)
{
    int i = p->n;

    if (i == FACTORS)
        return false;
    for (; i > 0 && compare(table, factor, p->f[i - 1]) < 0; i--)
        p->f[i] = p->f[i - 1];
    p->f[i] = factor;
    p->n++;
    return true;
}

static bool sum_of(const hone_extents *table, hone_extent e, sum *out);
static hone_extent sum_build(hone_extents *table, const sum *s);

/* Multiplies by a factor that is no product. The greatest number that divides a sum joins the coefficient. */
static bool product_factor(hone_extents *table, product *p, hone_extent e)
{
    sum s;

    if (hone_extent_is_number(e))
        return product_scale(p, e);
    if (!hone_extent_is(table, e, HONE_EXTENT_ADD) || !sum_of(table, e, &s))
        return product_insert(table, p, e);
    int64_t common = s.constant;
    for (int i = 0; i < s.n; i++)
        common = gcd(common, s.t[i].coef);
    if (common <= 1)
        return product_insert(table, p, e);
    for (int i = 0; i < s.n; i++)
        s.t[i].coef /= common;
    s.constant /= common;
    const hone_extent rest = sum_build(table, &s);
    return rest != HONE_EXTENT_UNKNOWN && product_scale(p, common) && product_insert(table, p, rest);
}

static bool product_mul(hone_extents *table, product *p, hone_extent e)
{
    while (hone_extent_is(table, e, HONE_EXTENT_MUL)) {
        const hone_extent a = hone_extent_entry(table, e)->a, b = hone_extent_entry(table, e)->b;
        if (!product_factor(table, p, b))
            return false;
        e = a;
    }
    return product_factor(table, p, e);
}

static bool product_of(hone_extents *table, hone_extent e, product *out)
{
    *out = (product){.coef = 1};
    return product_mul(table, out, e);
}

static hone_extent intern(hone_extents *table, hone_extent_kind kind, hone_extent a, hone_extent b)
{
    if (a == HONE_EXTENT_UNKNOWN || b == HONE_EXTENT_UNKNOWN)
        return HONE_EXTENT_UNKNOWN;
    return hone_extent_intern(table, kind, a, b);
}

static hone_extent product_build(hone_extents *table, const product *p)
{
    sum s;

    if (p->coef == 0 || p->n == 0)
        return hone_extent_checked(p->coef);
    if (p->n == 1 && p->coef != 1 && hone_extent_is(table, p->f[0], HONE_EXTENT_ADD) && sum_of(table, p->f[0], &s)) {
        bool fits = hone_int_mul(s.constant, p->coef, &s.constant);
        for (int i = 0; i < s.n; i++)
            fits = fits && hone_int_mul(s.t[i].coef, p->coef, &s.t[i].coef);
        return fits ? sum_build(table, &s) : HONE_EXTENT_UNKNOWN;
    }
    hone_extent e = p->f[0];
    for (int i = 1; i < p->n; i++)
        e = intern(table, HONE_EXTENT_MUL, e, p->f[i]);
    return p->coef == 1 ? e : intern(table, HONE_EXTENT_MUL, e, hone_extent_checked(p->coef));
}

/* Divides p by d where d's factors and coefficient are all in it; false and p untouched otherwise. */
static bool product_divide(product *p, const product *d)
{
    product rest = {.coef = 0};
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
static void product_cancel(product *a, product *b)
{
    const int64_t common = gcd(a->coef, b->coef);

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

static bool sum_insert(const hone_extents *table, sum *s, hone_extent term, int64_t coef)
{
    int i = 0, order = 1;

    if (coef == 0)
        return true;
    while (i < s->n && (order = compare(table, s->t[i].term, term)) < 0)
        i++;
    if (i < s->n && order == 0) {
        if (!hone_int_add(s->t[i].coef, coef, &s->t[i].coef))
            return false;
        if (s->t[i].coef == 0)
            memmove(&s->t[i], &s->t[i + 1], (size_t)(--s->n - i) * sizeof s->t[0]);
        return true;
    }
    if (s->n == TERMS)
        return false;
    memmove(&s->t[i + 1], &s->t[i], (size_t)(s->n++ - i) * sizeof s->t[0]);
    s->t[i].term = term;
    s->t[i].coef = coef;
    return true;
}

/* s += e * scale, where e is no sum. */
static bool sum_term(const hone_extents *table, sum *s, hone_extent e, int64_t scale)
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
    return sum_insert(table, s, e, coef);
}

static bool sum_add(const hone_extents *table, sum *s, hone_extent e, int64_t scale)
{
    while (hone_extent_is(table, e, HONE_EXTENT_ADD)) {
        const hone_extent_node *node = hone_extent_entry(table, e);
        if (!sum_term(table, s, node->b, scale))
            return false;
        e = node->a;
    }
    return sum_term(table, s, e, scale);
}

static bool sum_of(const hone_extents *table, hone_extent e, sum *out)
{
    *out = (sum){.n = 0};
    return sum_add(table, out, e, 1);
}

/* Terms that are added come before those that are taken off: n - h, not -h + n. */
static hone_extent sum_build(hone_extents *table, const sum *s)
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
            term = intern(table, HONE_EXTENT_MUL, term, hone_extent_checked(coef));
        e = e == 0 ? term : intern(table, HONE_EXTENT_ADD, e, term);
    }
    return s->constant ? intern(table, HONE_EXTENT_ADD, e, hone_extent_checked(s->constant)) : e;
}

static hone_range sum_range(const hone_extents *table, const sum *s)
{
    hone_range r = {s->constant, s->constant};

    for (int i = 0; i < s->n; i++) {
        const hone_range coef = {s->t[i].coef, s->t[i].coef};
        r = hone_range_add(r, hone_range_mul(hone_range_of(table, s->t[i].term), coef));
    }
    return r;
}

/* What all operations share: true and *out where nothing is left to think about. */
static bool folded(hone_extents *table, hone_extent_kind kind, hone_extent a, hone_extent b, hone_extent *out)
{
    if (hone_extent_is_number(a) && hone_extent_is_number(b))
        *out = hone_extent_checked(hone_extent_fold(kind, a, b));
    else if (a == HONE_EXTENT_UNKNOWN || b == HONE_EXTENT_UNKNOWN || !table)
        *out = HONE_EXTENT_UNKNOWN;
    else
        return false;
    return true;
}

hone_extent hone_extent_add(hone_extents *table, hone_extent a, hone_extent b)
{
    hone_extent r;
    sum s;

    if (folded(table, HONE_EXTENT_ADD, a, b, &r))
        return r;
    if (sum_of(table, a, &s) && sum_add(table, &s, b, 1))
        return sum_build(table, &s);
    return intern(table, HONE_EXTENT_ADD, a, b);
}

hone_extent hone_extent_sub(hone_extents *table, hone_extent a, hone_extent b)
{
    return hone_extent_add(table, a, hone_extent_mul(table, b, -1));
}

hone_extent hone_extent_mul(hone_extents *table, hone_extent a, hone_extent b)
{
    hone_extent r;
    product p;

    if (folded(table, HONE_EXTENT_MUL, a, b, &r))
        return r;
    if (product_of(table, a, &p) && product_mul(table, &p, b))
        return product_build(table, &p);
    return intern(table, HONE_EXTENT_MUL, a, b);
}

/* Splits a into whole * b + rest: terms that b divides, and the others. */
static bool split(hone_extents *table, hone_extent a, const product *b, sum *whole, sum *rest)
{
    sum s;

    *whole = *rest = (sum){.n = 0};
    if (!sum_of(table, a, &s))
        return false;
    for (int i = 0; i < s.n; i++) {
        product p;
        if (!product_of(table, s.t[i].term, &p) || !product_scale(&p, s.t[i].coef))
            return false;
        if (!product_divide(&p, b)) {
            if (!sum_insert(table, rest, s.t[i].term, s.t[i].coef))
                return false;
            continue;
        }
        const hone_extent quotient = product_build(table, &p);
        if (quotient == HONE_EXTENT_UNKNOWN || !sum_add(table, whole, quotient, 1))
            return false;
    }
    rest->constant = s.constant;
    if (b->n == 0) {
        rest->constant = hone_floor_mod(s.constant, b->coef);
        return hone_int_add(whole->constant, hone_floor_div(s.constant, b->coef), &whole->constant);
    }
    return true;
}

/* floor(rest / d) for numbers d > 1: common divisors cancel, and floor((floor(x/m) + c) / d) = floor((x + m*c) / (m*d)). */
static hone_extent divide_by_number(hone_extents *table, sum *rest, int64_t d)
{
    int64_t common = d, inner_d, shift;

    for (int i = 0; i < rest->n; i++)
        common = gcd(common, rest->t[i].coef);
    for (int i = 0; i < rest->n; i++)
        rest->t[i].coef /= common;
    rest->constant = hone_floor_div(rest->constant, common);
    d /= common;
    if (rest->n == 1 && rest->t[0].coef == 1 && hone_extent_is(table, rest->t[0].term, HONE_EXTENT_FLOOR_DIV)) {
        const hone_extent_node inner = *hone_extent_entry(table, rest->t[0].term);
        if (hone_extent_is_number(inner.b) && inner.b > 0 && hone_int_mul(inner.b, d, &inner_d) &&
            hone_int_mul(inner.b, rest->constant, &shift))
            return hone_extent_floor_div(table, hone_extent_add(table, inner.a, hone_extent_checked(shift)),
                                         hone_extent_checked(inner_d));
    }
    const hone_range range = sum_range(table, rest);
    if (range.min >= 0 && range.max < d)
        return 0;
    const hone_extent a = sum_build(table, rest);
    return d == 1 ? a : intern(table, HONE_EXTENT_FLOOR_DIV, a, d);
}

/* rest / b for a divisor with symbols. */
static hone_extent divide_by_product(hone_extents *table, hone_extent_kind kind, const sum *rest, product *b)
{
    hone_extent a = sum_build(table, rest);
    product p;

    if (a == HONE_EXTENT_UNKNOWN)
        return a;
    if (rest->constant == 0 && b->coef > 0 && product_of(table, a, &p)) {
        product_cancel(&p, b);
        a = product_build(table, &p);
    }
    const hone_extent d = product_build(table, b);
    const hone_range range = hone_range_of(table, a);
    if (kind == HONE_EXTENT_FLOOR_DIV && range.min >= 0 && range.max < hone_range_of(table, d).min)
        return 0;
    return d == 1 ? a : intern(table, kind, a, d);
}

static hone_extent divide(hone_extents *table, hone_extent_kind kind, hone_extent a, hone_extent b)
{
    product p, d;
    sum whole, rest;

    if (!product_of(table, b, &d))
        return intern(table, kind, a, b);
    if (product_of(table, a, &p) && product_divide(&p, &d))
        return product_build(table, &p);
    if (!split(table, a, &d, &whole, &rest))
        return intern(table, kind, a, b);
    hone_extent part = 0;
    if (d.n == 0)
        part = divide_by_number(table, &rest, d.coef);
    else if (rest.n || rest.constant)
        part = divide_by_product(table, kind, &rest, &d);
    return hone_extent_add(table, sum_build(table, &whole), part);
}

hone_extent hone_extent_floor_div(hone_extents *table, hone_extent a, hone_extent b)
{
    hone_extent r;

    if (folded(table, HONE_EXTENT_FLOOR_DIV, a, b, &r))
        return r;
    if (b == 0)
        return HONE_EXTENT_UNKNOWN;
    if (b == 1 || a == 0)
        return a;
    if (hone_extent_is_number(b) && b < 0)
        return hone_extent_floor_div(table, hone_extent_mul(table, a, -1), -b);
    return a == b ? 1 : divide(table, HONE_EXTENT_FLOOR_DIV, a, b);
}

hone_extent hone_extent_ceil_div(hone_extents *table, hone_extent a, hone_extent b)
{
    hone_extent r;

    if (folded(table, HONE_EXTENT_CEIL_DIV, a, b, &r))
        return r;
    if (b == 0)
        return HONE_EXTENT_UNKNOWN;
    if (b == 1 || a == 0)
        return a;
    if (hone_extent_is_number(b) && b < 0)
        return hone_extent_ceil_div(table, hone_extent_mul(table, a, -1), -b);
    if (hone_extent_is_number(b))
        return hone_extent_floor_div(table, hone_extent_add(table, a, b - 1), b);
    return a == b ? 1 : divide(table, HONE_EXTENT_CEIL_DIV, a, b);
}

hone_extent hone_extent_mod(hone_extents *table, hone_extent a, hone_extent b)
{
    hone_extent r;
    product d;
    sum whole, rest;

    if (folded(table, HONE_EXTENT_MOD, a, b, &r))
        return r;
    if (b == 0)
        return HONE_EXTENT_UNKNOWN;
    if (a == b || b == 1 || a == 0)
        return 0;
    if ((hone_extent_is_number(b) && b < 0) || !product_of(table, b, &d) || !split(table, a, &d, &whole, &rest))
        return intern(table, HONE_EXTENT_MOD, a, b);
    for (int i = 0; d.n == 0 && i < rest.n; i++)
        rest.t[i].coef = hone_floor_mod(rest.t[i].coef, d.coef); /* not 0, or b would divide it */
    const hone_range range = sum_range(table, &rest);
    const hone_extent left = sum_build(table, &rest);
    if (range.min >= 0 && range.max < hone_range_of(table, b).min)
        return left;
    return intern(table, HONE_EXTENT_MOD, left, b);
}

/* The lesser where the difference's sign is known, else one entry for both orders; numbers stand last and merge. */
static hone_extent choose(hone_extents *table, hone_extent_kind kind, hone_extent a, hone_extent b)
{
    const bool is_min = kind == HONE_EXTENT_MIN;
    hone_extent r;
    sum s;

    if (folded(table, kind, a, b, &r))
        return r;
    if (a == b)
        return a;
    if (sum_of(table, b, &s) && sum_add(table, &s, a, -1)) {
        const hone_range difference = sum_range(table, &s);
        if (difference.min >= 0)
            return is_min ? a : b;
        if (difference.max <= 0)
            return is_min ? b : a;
    }
    if (hone_extent_is_number(a) || (!hone_extent_is_number(b) && compare(table, a, b) > 0)) {
        r = a;
        a = b;
        b = r;
    }
    for (int side = 0; side < 2; side++) {
        const hone_extent x = side ? b : a, y = side ? a : b;
        if (!hone_extent_is(table, x, kind))
            continue;
        const hone_extent_node node = *hone_extent_entry(table, x);
        if (node.a == y || node.b == y)
            return x;
        if (hone_extent_is_number(node.b) && hone_extent_is_number(y))
            return choose(table, kind, node.a, is_min ? HONE_MIN(node.b, y) : HONE_MAX(node.b, y));
    }
    return intern(table, kind, a, b);
}

hone_extent hone_extent_min(hone_extents *table, hone_extent a, hone_extent b)
{
    return choose(table, HONE_EXTENT_MIN, a, b);
}

hone_extent hone_extent_max(hone_extents *table, hone_extent a, hone_extent b)
{
    return choose(table, HONE_EXTENT_MAX, a, b);
}
