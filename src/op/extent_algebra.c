/* Arithmetic on extents, which chooses one form for equal expressions:
 *
 *     sum        terms with coefficients, sorted, then the constant:  ((a + b*4) + 3)
 *     product    factors, sorted, then the coefficient:               (a*b)*4
 *     division   what divides is taken out first; ceil by a number becomes floor: ceil(x/2) = (x +
 * 1)/2
 *
 * A number times a sum is multiplied out; other products of sums are left. Sums and products that
 * are too long for the arrays of extent_form.h are left as they are: still right, only not
 * simplified. */
#include "op/extent_form.h"

/* What all operations share: true and *out where nothing is left to think about. */
static bool folded(hone_extents *table, hone_extent_kind kind, hone_extent a, hone_extent b,
                   hone_extent *out)
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
    hone_sum s;

    if (folded(table, HONE_EXTENT_ADD, a, b, &r))
        return r;
    if (hone_sum_of(table, a, &s) && hone_sum_add(table, &s, b, 1))
        return hone_sum_build(table, &s);
    return hone_extent_join(table, HONE_EXTENT_ADD, a, b);
}

hone_extent hone_extent_sub(hone_extents *table, hone_extent a, hone_extent b)
{
    return hone_extent_add(table, a, hone_extent_mul(table, b, -1));
}

hone_extent hone_extent_mul(hone_extents *table, hone_extent a, hone_extent b)
{
    hone_extent r;
    hone_product p;

    if (folded(table, HONE_EXTENT_MUL, a, b, &r))
        return r;
    if (hone_product_of(table, a, &p) && hone_product_mul(table, &p, b))
        return hone_product_build(table, &p);
    return hone_extent_join(table, HONE_EXTENT_MUL, a, b);
}

/* Splits a into whole * b + rest: terms that b divides, and the others. */
static bool split(hone_extents *table, hone_extent a, const hone_product *b, hone_sum *whole,
                  hone_sum *rest)
{
    hone_sum s;

    *whole = *rest = (hone_sum){.n = 0};
    if (!hone_sum_of(table, a, &s))
        return false;
    for (int i = 0; i < s.n; i++) {
        hone_product p;
        if (!hone_product_of(table, s.t[i].term, &p) || !hone_product_scale(&p, s.t[i].coef))
            return false;
        if (!hone_product_divide(&p, b)) {
            if (!hone_sum_insert(table, rest, s.t[i].term, s.t[i].coef))
                return false;
            continue;
        }
        const hone_extent quotient = hone_product_build(table, &p);
        if (quotient == HONE_EXTENT_UNKNOWN || !hone_sum_add(table, whole, quotient, 1))
            return false;
    }
    rest->constant = s.constant;
    if (b->n == 0) {
        rest->constant = hone_floor_mod(s.constant, b->coef);
        return hone_int_add(whole->constant, hone_floor_div(s.constant, b->coef), &whole->constant);
    }
    return true;
}

/* floor(rest / d) for numbers d > 1: common divisors cancel, and floor((floor(x/m) + c) / d) =
 * floor((x + m*c) / (m*d)). */
static hone_extent divide_by_number(hone_extents *table, hone_sum *rest, int64_t d)
{
    int64_t common = d, inner_d, shift;

    for (int i = 0; i < rest->n; i++)
        common = hone_gcd(common, rest->t[i].coef);
    for (int i = 0; i < rest->n; i++)
        rest->t[i].coef /= common;
    rest->constant = hone_floor_div(rest->constant, common);
    d /= common;
    if (rest->n == 1 && rest->t[0].coef == 1 &&
        hone_extent_is(table, rest->t[0].term, HONE_EXTENT_FLOOR_DIV)) {
        const hone_extent_node inner = *hone_extent_entry(table, rest->t[0].term);
        if (hone_extent_is_number(inner.b) && inner.b > 0 && hone_int_mul(inner.b, d, &inner_d) &&
            hone_int_mul(inner.b, rest->constant, &shift))
            return hone_extent_floor_div(
                table, hone_extent_add(table, inner.a, hone_extent_checked(shift)),
                hone_extent_checked(inner_d));
    }
    const hone_range range = hone_sum_range(table, rest);
    if (range.min >= 0 && range.max < d)
        return 0;
    const hone_extent a = hone_sum_build(table, rest);
    return d == 1 ? a : hone_extent_join(table, HONE_EXTENT_FLOOR_DIV, a, d);
}

/* rest / b for a divisor with symbols. */
static hone_extent divide_by_product(hone_extents *table, hone_extent_kind kind,
                                     const hone_sum *rest, hone_product *b)
{
    hone_extent a = hone_sum_build(table, rest);
    hone_product p;

    if (a == HONE_EXTENT_UNKNOWN)
        return a;
    if (rest->constant == 0 && b->coef > 0 && hone_product_of(table, a, &p)) {
        hone_product_cancel(&p, b);
        a = hone_product_build(table, &p);
    }
    const hone_extent d = hone_product_build(table, b);
    const hone_range range = hone_range_of(table, a);
    if (kind == HONE_EXTENT_FLOOR_DIV && range.min >= 0 && range.max < hone_range_of(table, d).min)
        return 0;
    return d == 1 ? a : hone_extent_join(table, kind, a, d);
}

static hone_extent divide(hone_extents *table, hone_extent_kind kind, hone_extent a, hone_extent b)
{
    hone_product p, d;
    hone_sum whole, rest;

    if (!hone_product_of(table, b, &d))
        return hone_extent_join(table, kind, a, b);
    if (hone_product_of(table, a, &p) && hone_product_divide(&p, &d))
        return hone_product_build(table, &p);
    if (!split(table, a, &d, &whole, &rest))
        return hone_extent_join(table, kind, a, b);
    hone_extent part = 0;
    if (d.n == 0)
        part = divide_by_number(table, &rest, d.coef);
    else if (rest.n || rest.constant)
        part = divide_by_product(table, kind, &rest, &d);
    return hone_extent_add(table, hone_sum_build(table, &whole), part);
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
    hone_product d;
    hone_sum whole, rest;

    if (folded(table, HONE_EXTENT_MOD, a, b, &r))
        return r;
    if (b == 0)
        return HONE_EXTENT_UNKNOWN;
    if (a == b || b == 1 || a == 0)
        return 0;
    if ((hone_extent_is_number(b) && b < 0) || !hone_product_of(table, b, &d) ||
        !split(table, a, &d, &whole, &rest))
        return hone_extent_join(table, HONE_EXTENT_MOD, a, b);
    for (int i = 0; d.n == 0 && i < rest.n; i++)
        rest.t[i].coef = hone_floor_mod(rest.t[i].coef, d.coef); /* not 0, or b would divide it */
    const hone_range range = hone_sum_range(table, &rest);
    const hone_extent left = hone_sum_build(table, &rest);
    if (range.min >= 0 && range.max < hone_range_of(table, b).min)
        return left;
    return hone_extent_join(table, HONE_EXTENT_MOD, left, b);
}

/* The lesser where the difference's sign is known, else one entry for both orders; numbers stand
 * last and merge. */
static hone_extent choose(hone_extents *table, hone_extent_kind kind, hone_extent a, hone_extent b)
{
    const bool is_min = kind == HONE_EXTENT_MIN;
    hone_extent r;
    hone_sum s;

    if (folded(table, kind, a, b, &r))
        return r;
    if (a == b)
        return a;
    if (hone_sum_of(table, b, &s) && hone_sum_add(table, &s, a, -1)) {
        const hone_range difference = hone_sum_range(table, &s);
        if (difference.min >= 0)
            return is_min ? a : b;
        if (difference.max <= 0)
            return is_min ? b : a;
    }
    if (hone_extent_is_number(a) ||
        (!hone_extent_is_number(b) && hone_extent_order(table, a, b) > 0)) {
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
    return hone_extent_join(table, kind, a, b);
}

hone_extent hone_extent_min(hone_extents *table, hone_extent a, hone_extent b)
{
    return choose(table, HONE_EXTENT_MIN, a, b);
}

hone_extent hone_extent_max(hone_extents *table, hone_extent a, hone_extent b)
{
    return choose(table, HONE_EXTENT_MAX, a, b);
}
