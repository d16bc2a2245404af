/* Einsum: the equation's letters name axes; "..." names the axes that broadcast. Without "->", the
 * output has the letters that occur once, in alphabetical order, after the broadcast axes. ONNX
 * Einsum-12. */
#include "op/infer_tools.h"

#define LETTERS 52

typedef struct einsum {
    hone_extent extent[LETTERS]; /* of each letter; UNKNOWN: not met yet or not known */
    int count[LETTERS];          /* how often it occurs on the left */
    hone_shape dots;             /* the broadcast axes */
    bool is_known;               /* every operand's rank is */
} einsum;

static int letter_index(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

/* One term, its letters and the number of those before the dots; -1 dots: none. */
typedef struct term {
    int n;
    int letter[HONE_MAX_RANK];
    int dots; /* letters before "...", or -1 */
} term;

static hone_status bad_equation(const char *at)
{
    return hone_error(
        HONE_ERR_BUILD,
        "the equation has \"%.12s\"; letters, \"...\", \",\" and one \"->\" are allowed", at);
}

/* Reads a term up to a comma, an arrow or the end. */
static hone_status read_term(const char **at, term *out)
{
    term t = {.dots = -1};

    for (; **at && **at != ',' && **at != '-'; ++*at) {
        if (**at == ' ')
            continue;
        if (strncmp(*at, "...", 3) == 0 && t.dots < 0) {
            t.dots = t.n;
            *at += 2;
            continue;
        }
        const int index = letter_index(**at);
        if (index < 0)
            return bad_equation(*at);
        if (t.n == HONE_MAX_RANK)
            return hone_error(HONE_ERR_BUILD,
                              "a term of the equation has over %d letters; that is the limit",
                              HONE_MAX_RANK);
        t.letter[t.n++] = index;
    }
    *out = t;
    return HONE_OK;
}

static hone_status bind_letter(const hone_infer *x, einsum *e, int letter, hone_extent extent)
{
    hone_extent *own = &e->extent[letter];

    if (e->count[letter]++ == 0 || *own == 1) { /* an extent of 1 broadcasts */
        *own = extent;
        return HONE_OK;
    }
    return extent == 1 ? HONE_OK
                       : hone_infer_same_extent(x, *own, extent, "a letter",
                                                "the same letter elsewhere", own);
}

static hone_status bind_operand(const hone_infer *x, einsum *e, int i, const term *t)
{
    const hone_shape *in = hone_in_shape(x, i);
    const int n_dots = in->rank - t->n;

    if (in->rank < 0) {
        e->is_known = false;
        for (int k = 0; k < t->n; k++)
            e->count[t->letter[k]]++;
        return HONE_OK;
    }
    if (n_dots < 0 || (t->dots < 0 && n_dots != 0))
        return hone_error(HONE_ERR_BUILD, "input %d has rank %d but its term has %d letters", i,
                          in->rank, t->n);
    const int before = t->dots < 0 ? t->n : t->dots;
    for (int k = 0; k < t->n; k++)
        HONE_TRY(bind_letter(x, e, t->letter[k], in->dim[k < before ? k : k + n_dots]));
    if (t->dots < 0)
        return HONE_OK;
    hone_shape dots = {.rank = n_dots};
    for (int k = 0; k < n_dots; k++)
        dots.dim[k] = in->dim[before + k];
    return hone_shape_broadcast(x->extents, &e->dots, &dots, &e->dots);
}

/* The output's term where the equation has none. */
static hone_status implicit_term(const einsum *e, term *out)
{
    term t = {.dots = 0};

    for (int letter = 0; letter < LETTERS; letter++) {
        if (e->count[letter] != 1)
            continue;
        if (t.n == HONE_MAX_RANK)
            return hone_error(HONE_ERR_BUILD, "the output has over %d axes; that is the limit",
                              HONE_MAX_RANK);
        t.letter[t.n++] = letter;
    }
    *out = t;
    return HONE_OK;
}

static hone_status output_shape(const einsum *e, const term *t, hone_shape *out)
{
    hone_shape shape = {.rank = 0};

    if (t->n + (t->dots < 0 ? 0 : e->dots.rank) > HONE_MAX_RANK)
        return hone_error(HONE_ERR_BUILD, "the output has %d axes; %d is the limit",
                          t->n + e->dots.rank, HONE_MAX_RANK);
    for (int k = 0; k <= t->n; k++) {
        for (int d = 0; k == t->dots && d < e->dots.rank; d++)
            shape.dim[shape.rank++] = e->dots.dim[d];
        if (k == t->n)
            break;
        if (e->count[t->letter[k]] == 0)
            return hone_error(HONE_ERR_BUILD, "a letter of the output does not occur in any input");
        for (int other = 0; other < k; other++)
            if (t->letter[other] == t->letter[k])
                return hone_error(HONE_ERR_BUILD,
                                  "a letter occurs twice in the output; once is allowed");
        shape.dim[shape.rank++] = e->extent[t->letter[k]];
    }
    *out = e->is_known ? shape : HONE_SHAPE_UNKNOWN;
    return HONE_OK;
}

hone_status hone_infer_einsum(hone_infer *x)
{
    const char *at = x->attrs->einsum.equation;
    einsum e = {.dots = {.rank = 0}, .is_known = true};
    hone_shape shape;
    term t;
    int i = 0;

    if (!at)
        return hone_error(HONE_ERR_BUILD, "there is no equation; it is required");
    for (int k = 0; k < LETTERS; k++)
        e.extent[k] = HONE_EXTENT_UNKNOWN;
    for (;; i++) {
        if (i == x->n_in)
            return hone_error(HONE_ERR_BUILD, "the equation has more terms than the %d inputs",
                              x->n_in);
        HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_NUMBER));
        HONE_TRY(hone_infer_check_same_type(x, 0, i));
        HONE_TRY(read_term(&at, &t));
        HONE_TRY(bind_operand(x, &e, i, &t));
        if (*at != ',')
            break;
        at++;
    }
    if (i + 1 != x->n_in)
        return hone_error(HONE_ERR_BUILD, "the equation has %d terms but there are %d inputs",
                          i + 1, x->n_in);
    if (*at == '\0') {
        HONE_TRY(implicit_term(&e, &t));
    } else {
        if (strncmp(at, "->", 2) != 0)
            return bad_equation(at);
        at += 2;
        HONE_TRY(read_term(&at, &t));
        if (*at)
            return bad_equation(at);
    }
    HONE_TRY(output_shape(&e, &t, &shape));
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}
