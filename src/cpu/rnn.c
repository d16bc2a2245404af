/* Recurrent layers over float32: RNN, GRU, LSTM of ONNX-22. The inputs of all steps go through one
 * product with packed weights; then each step multiplies the state with the recurrent weights and
 * applies the gates. Recurrent weights are read as they are for a few steps of small batches, and
 * packed once in scratch where many rows use them. A sequence of the batch may be shorter than the
 * others; past its end its state stands still and its outputs are zero. */
#include <math.h>
#include <string.h>

#include "cpu/gemm_core.h"

#define PACK_ROWS                                                                                  \
    12 /* products with one row, after which packing the recurrent weights has paid                \
        */

typedef enum cell {
    CELL_RNN = 1, /* also the number of gates */
    CELL_GRU = 3,
    CELL_LSTM = 4,
} cell;

typedef struct activation {
    const char *name;
    int scalar;        /* a hone_scalar, or -1: by formula */
    float alpha, beta; /* defaults */
} activation;

static const activation activations[] = {
    {"Sigmoid", HONE_SCALAR_sigmoid, 0, 0},
    {"Tanh", HONE_SCALAR_tanh, 0, 0},
    {"Relu", HONE_SCALAR_relu, 0, 0},
    {"Softplus", HONE_SCALAR_softplus, 0, 0},
    {"Affine", -1, 1.0f, 0.0f},
    {"LeakyRelu", -1, 0.01f, 0},
    {"ThresholdedRelu", -1, 1.0f, 0},
    {"ScaledTanh", -1, 1.0f, 1.0f},
    {"HardSigmoid", -1, 0.2f, 0.5f},
    {"Elu", -1, 1.0f, 0},
    {"Softsign", -1, 0, 0},
};

static float by_formula(const activation *f, float x)
{
    switch (f->name[0]) {
    case 'A': return f->alpha * x + f->beta;
    case 'L': return x < 0 ? f->alpha * x : x;
    case 'T': return x > f->alpha ? x : 0.0f;
    case 'H': return fmaxf(0.0f, fminf(1.0f, f->alpha * x + f->beta));
    case 'E': return x < 0 ? f->alpha * expm1f(x) : x;
    default: return f->name[1] == 'c' ? f->alpha * tanhf(f->beta * x) : x / (1.0f + fabsf(x));
    }
}

static void activate(const activation *f, float *x, int64_t n)
{
    if (f->scalar >= 0) {
        hone_cpu_vector->unary(f->scalar, x, x, n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        x[i] = by_formula(f, x[i]);
}

static bool same_name(const char *a, const char *b) /* ONNX: case does not matter */
{
    for (; *a && *b; a++, b++)
        if ((*a | 32) != (*b | 32))
            return false;
    return *a == *b;
}

/* ---- the layer
 * -------------------------------------------------------------------------------------------------------
 */

typedef struct rnn {
    cell cell;
    int64_t steps, batch, inputs, hidden, directions;
    int64_t direction; /* attribute */
    bool batch_first, linear_before_reset, input_forget;
    float clip; /* 0: none */
    activation f[2][3];
    const float *x, *w_packed, *r, *bias, *h0, *c0, *peephole;
    const int32_t *lengths;
    float *y, *y_h, *y_c;
} rnn;

static hone_status choose_activations(rnn *l, hone_texts names, hone_floats alpha, hone_floats beta)
{
    static const char *const defaults[] = {
        [CELL_RNN] = "t", [CELL_GRU] = "st", [CELL_LSTM] = "stt"};
    const int per = l->cell == CELL_RNN ? 1 : l->cell == CELL_GRU ? 2 : 3;
    int na = 0, nb = 0;

    for (int i = 0; i < per * (int)l->directions; i++) {
        activation *to = &l->f[i / per][i % per];
        *to = activations[defaults[l->cell][i % per] == 's' ? 0 : 1];
        if (i >= names.n)
            continue;
        int k = 0;
        while (k < HONE_COUNT(activations) && !same_name(activations[k].name, names.v[i]))
            k++;
        if (k == HONE_COUNT(activations))
            return hone_error(HONE_ERR_UNSUPPORTED, "recurrent layer: no activation \"%s\"",
                              names.v[i]);
        *to = activations[k];
        if (to->scalar < 0 &&
            to->name[1] != 'o') { /* alphas and betas are listed for those that take them */
            if (na < alpha.n)
                to->alpha = alpha.v[na++];
            if ((to->name[0] == 'A' || to->name[0] == 'H' || to->name[1] == 'c') && nb < beta.n)
                to->beta = beta.v[nb++];
        }
    }
    return HONE_OK;
}

static const void *in_data(const hone_cpu_call *call, int i)
{
    return i < call->n_in && call->in[i] ? call->in[i]->data : NULL;
}

static float *out_data(const hone_cpu_call *call, int i)
{
    return i < call->n_out && call->out[i] ? call->out[i]->data : NULL;
}

static void rnn_shape(rnn *l, const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape, *r = &call->in[2]->shape;

    memset(l, 0, sizeof *l);
    l->cell = call->op == HONE_OP_lstm ? CELL_LSTM : call->op == HONE_OP_gru ? CELL_GRU : CELL_RNN;
    l->batch_first = call->op == HONE_OP_lstm  ? call->attrs->lstm.layout
                     : call->op == HONE_OP_gru ? call->attrs->gru.layout
                                               : call->attrs->rnn.layout;
    l->steps = x->dim[l->batch_first ? 1 : 0];
    l->batch = x->dim[l->batch_first ? 0 : 1];
    l->inputs = x->dim[2];
    l->directions = r->dim[0];
    l->hidden = r->dim[2];
}

static hone_status rnn_init(rnn *l, const hone_cpu_call *call)
{
    const hone_attrs *a = call->attrs;

    rnn_shape(l, call);
    if (l->directions > 2)
        return hone_error(HONE_ERR_ARGUMENT, "recurrent layer with %lld directions",
                          (long long)l->directions);
    l->x = in_data(call, 0);
    l->w_packed = call->packed;
    l->r = in_data(call, 2);
    l->bias = in_data(call, 3);
    l->lengths = in_data(call, 4);
    l->h0 = in_data(call, 5);
    l->c0 = in_data(call, 6);
    l->peephole = in_data(call, 7);
    l->y = out_data(call, 0);
    l->y_h = out_data(call, 1);
    l->y_c = out_data(call, 2);
    switch (l->cell) {
    case CELL_LSTM:
        l->direction = a->lstm.direction;
        l->clip = a->lstm.clip;
        l->input_forget = a->lstm.input_forget;
        return choose_activations(l, a->lstm.activations, a->lstm.activation_alpha,
                                  a->lstm.activation_beta);
    case CELL_GRU:
        l->direction = a->gru.direction;
        l->clip = a->gru.clip;
        l->linear_before_reset = a->gru.linear_before_reset;
        return choose_activations(l, a->gru.activations, a->gru.activation_alpha,
                                  a->gru.activation_beta);
    default:
        l->direction = a->rnn.direction;
        l->clip = a->rnn.clip;
        return choose_activations(l, a->rnn.activations, a->rnn.activation_alpha,
                                  a->rnn.activation_beta);
    }
}

/* ---- scratch and packing
 * --------------------------------------------------------------------------------------------- */

#define MOST_FLOATS ((int64_t)1 << 56)

typedef struct rooms {
    float *w, *xw, *r, *bias, *h, *c, *gates, *other;
    size_t size;
} rooms;

/* Saturates: with the extents of a hostile plan the scratch is more than there is, not less. */
static int64_t product(int64_t a, int64_t b, int64_t c)
{
    int64_t ab, abc;

    return hone_int_mul(a, b, &ab) && hone_int_mul(ab, c, &abc) ? HONE_MIN(abc, MOST_FLOATS)
                                                                : MOST_FLOATS;
}

static size_t take(size_t *at, int64_t n)
{
    const size_t begin = *at;
    *at += hone_align_up((size_t)n * sizeof(float), HONE_ALIGNMENT);
    return begin;
}

static int64_t packed_direction(int64_t gates, int64_t depth) /* floats */
{
    return product(hone_panels(gates), HONE_PANEL, depth);
}

static bool packs_recurrent(const rnn *l)
{
    return l->batch >= 4 || product(l->steps, l->batch, 1) >= PACK_ROWS;
}

static rooms rooms_of(const rnn *l, const hone_cpu_call *call)
{
    const int64_t n = product(l->cell, l->hidden, 1);
    char *base = call->scratch;
    rooms r;
    size_t at = 0;

    r.w = (float *)(base + take(&at, call->packed ? 0
                                                  : product(l->directions,
                                                            packed_direction(n, l->inputs), 1)));
    r.xw = (float *)(base + take(&at, product(l->steps, l->batch, n)));
    r.r = (float *)(base + take(&at, packs_recurrent(l) ? packed_direction(n, l->hidden) : 0));
    r.bias = (float *)(base + take(&at, n));
    r.h = (float *)(base + take(&at, product(l->batch, l->hidden, 1)));
    r.c = (float *)(base + take(&at, product(l->batch, l->hidden, 1)));
    r.gates = (float *)(base + take(&at, product(l->batch, n, 1)));
    r.other = (float *)(base + take(&at, product(l->batch, l->hidden, 1)));
    r.size = at;
    return r;
}

static size_t rnn_scratch(const hone_cpu_call *call)
{
    hone_cpu_call based = *call;
    rnn l;
    char base;

    rnn_shape(&l, call);
    based.scratch = &base; /* only the size is used */
    return rooms_of(&l, &based).size;
}

static size_t rnn_pack_size(const hone_cpu_call *call)
{
    const hone_dims *w = &call->in[1]->shape;

    if (call->in[1]->dtype != HONE_F32)
        return 0;
    return (size_t)product(w->dim[0], packed_direction(w->dim[1], w->dim[2]), 1) * sizeof(float);
}

static void rnn_pack(const hone_cpu_call *call, void *packed)
{
    const hone_dims *w = &call->in[1]->shape;

    for (int64_t d = 0; d < w->dim[0]; d++)
        hone_gemm_pack((const float *)call->in[1]->data + d * w->dim[1] * w->dim[2], 1, w->dim[2],
                       w->dim[2], w->dim[1], 1.0f, 0, hone_panels(w->dim[1]),
                       (float *)packed + d * packed_direction(w->dim[1], w->dim[2]));
}

/* ---- steps
 * -----------------------------------------------------------------------------------------------------------
 */

/* One direction under way. */
typedef struct pass {
    const rnn *l;
    const rooms *s;
    hone_pool *pool;
    int64_t d;
    bool backward;
    const float *r;        /* plain, [gates * hidden, hidden] */
    const float *r_bias_h; /* of GRU with linear_before_reset, or NULL */
} pass;

/* y [batch, n] = (or +=) h [batch, hidden] * R(rows [from, from + n))^T, rows of y being ld apart.
 */
static void multiply(const pass *p, const float *h, int64_t from, int64_t n, float *y, int64_t ld,
                     bool accumulate)
{
    const rnn *l = p->l;
    const int64_t k = l->hidden;

    if (packs_recurrent(l) && from % HONE_PANEL == 0 && !accumulate) {
        const hone_gemm g = {.rows = l->batch,
                             .cols = n,
                             .taps = 1,
                             .seg = k,
                             .a = h,
                             .lda = k,
                             .b = p->s->r + from * k,
                             .ldb = HONE_PANEL,
                             .panel = k * HONE_PANEL,
                             .c = y,
                             .ldc = ld};
        hone_gemm_run(&g, p->pool);
        return;
    }
    for (int64_t b = 0; b < l->batch; b++)
        hone_cpu_vector->rows_dot(p->r + from * k, k, h + b * k, k, n, y + b * ld, accumulate);
}

static void clip(const rnn *l, float *x, int64_t n)
{
    for (int64_t i = 0; l->clip > 0.0f && i < n; i++)
        x[i] = fmaxf(-l->clip, fminf(l->clip, x[i]));
}

static void add(float *to, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += x[i];
}

static void add_product(float *to, const float *x, const float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += x[i] * y[i];
}

/* gates: i, o, f, c, each of n; c and h are the states, updated. */
static void lstm_gates(const pass *p, float *gates, float *c, float *h)
{
    const rnn *l = p->l;
    const activation *f = l->f[p->d];
    const int64_t n = l->hidden;
    const float *peep = l->peephole ? l->peephole + p->d * 3 * n : NULL;
    float *i = gates, *o = gates + n, *forget = gates + 2 * n, *g = gates + 3 * n;

    if (peep) {
        add_product(i, peep, c, n);
        add_product(forget, peep + 2 * n, c, n);
    }
    clip(l, i, n);
    clip(l, forget, 2 * n);
    activate(&f[0], i, n);
    if (l->input_forget)
        for (int64_t k = 0; k < n; k++)
            forget[k] = 1.0f - i[k];
    else
        activate(&f[0], forget, n);
    activate(&f[1], g, n);
    for (int64_t k = 0; k < n; k++)
        c[k] = forget[k] * c[k] + i[k] * g[k];
    if (peep)
        add_product(o, peep + n, c, n);
    clip(l, o, n);
    activate(&f[0], o, n);
    memcpy(h, c, (size_t)n * sizeof *h);
    activate(&f[2], h, n);
    for (int64_t k = 0; k < n; k++)
        h[k] *= o[k];
}

/* gates: z, r (activated), h; blends the new state into h. */
static void gru_blend(const pass *p, float *gates, float *h)
{
    const int64_t n = p->l->hidden;
    float *z = gates, *g = gates + 2 * n;

    clip(p->l, g, n);
    activate(&p->l->f[p->d][1], g, n);
    for (int64_t k = 0; k < n; k++)
        h[k] = (1.0f - z[k]) * g[k] + z[k] * h[k];
}

/* The length of sequence b, and its time at a step; -1 past its end. */
static int64_t length_of(const rnn *l, int64_t b)
{
    return l->lengths ? HONE_MAX(HONE_MIN(l->lengths[b], l->steps), 0) : l->steps;
}

static int64_t time_of(const pass *p, int64_t b, int64_t step)
{
    const int64_t n = length_of(p->l, b);
    return step >= n ? -1 : p->backward ? n - 1 - step : step;
}

static const float *input_gates(const pass *p, int64_t b, int64_t t)
{
    const rnn *l = p->l;
    return p->s->xw + (l->batch_first ? b * l->steps + t : t * l->batch + b) * l->cell * l->hidden;
}

static float *y_at(const pass *p, int64_t b, int64_t t)
{
    const rnn *l = p->l;
    const int64_t row = l->batch_first ? (b * l->steps + t) * l->directions + p->d
                                       : (t * l->directions + p->d) * l->batch + b;
    return l->y + row * l->hidden;
}

static void step_lstm_or_rnn(const pass *p, int64_t step)
{
    const rnn *l = p->l;
    const int64_t n = l->hidden, all = l->cell * n;

    multiply(p, p->s->h, 0, all, p->s->gates, all, false);
    for (int64_t b = 0; b < l->batch; b++) {
        const int64_t t = time_of(p, b, step);
        float *gates = p->s->gates + b * all, *h = p->s->h + b * n;
        if (t < 0)
            continue;
        add(gates, input_gates(p, b, t), all);
        if (l->cell == CELL_LSTM) {
            lstm_gates(p, gates, p->s->c + b * n, h);
        } else {
            clip(l, gates, n);
            activate(&l->f[p->d][0], gates, n);
            memcpy(h, gates, (size_t)n * sizeof *h);
        }
    }
}

/* z and r of sequence b are made ready in its gates; with linear_before_reset also the third, else
 * `other` = r * h. */
static void gru_open(const pass *p, int64_t b, int64_t t)
{
    const rnn *l = p->l;
    const int64_t n = l->hidden;
    const float *x = input_gates(p, b, t);
    float *gates = p->s->gates + b * 3 * n, *other = p->s->other + b * n;
    const float *h = p->s->h + b * n;

    add(gates, x, 2 * n);
    clip(l, gates, 2 * n);
    activate(&l->f[p->d][0], gates, 2 * n);
    for (int64_t k = 0; k < n; k++) {
        const float r = gates[n + k];
        if (l->linear_before_reset)
            gates[2 * n + k] =
                r * (gates[2 * n + k] + (p->r_bias_h ? p->r_bias_h[k] : 0.0f)) + x[2 * n + k];
        else
            other[k] = r * h[k];
    }
}

static void step_gru(const pass *p, int64_t step)
{
    const rnn *l = p->l;
    const int64_t n = l->hidden;

    multiply(p, p->s->h, 0, l->linear_before_reset ? 3 * n : 2 * n, p->s->gates, 3 * n, false);
    for (int64_t b = 0; b < l->batch; b++) {
        const int64_t t = time_of(p, b, step);
        if (t >= 0)
            gru_open(p, b, t);
        else
            memset(p->s->other + b * n, 0, (size_t)n * sizeof(float));
    }
    if (!l->linear_before_reset)
        multiply(p, p->s->other, 2 * n, n, p->s->gates + 2 * n, 3 * n, false);
    for (int64_t b = 0; b < l->batch; b++) {
        const int64_t t = time_of(p, b, step);
        float *gates = p->s->gates + b * 3 * n;
        if (t < 0)
            continue;
        if (!l->linear_before_reset)
            add(gates + 2 * n, input_gates(p, b, t) + 2 * n, n);
        gru_blend(p, gates, p->s->h + b * n);
    }
}

/* The bias of all gates that is added before anything else: the input's and the recurrent one, but
 * not that which GRU adds within the reset. */
static void join_biases(pass *p)
{
    const rnn *l = p->l;
    const int64_t n = l->cell * l->hidden, within = l->linear_before_reset ? l->hidden : 0;
    const float *b = l->bias ? l->bias + p->d * 2 * n : NULL;

    p->r_bias_h = b && within ? b + 2 * n - l->hidden : NULL;
    for (int64_t i = 0; i < n; i++)
        p->s->bias[i] = b ? b[i] + (i < n - within ? b[n + i] : 0.0f) : 0.0f;
}

static void multiply_inputs(const pass *p, const float *packed)
{
    const rnn *l = p->l;
    const int64_t n = l->cell * l->hidden;
    const hone_gemm g = {.rows = l->steps * l->batch,
                         .cols = n,
                         .taps = 1,
                         .seg = l->inputs,
                         .a = l->x,
                         .lda = l->inputs,
                         .b = packed + p->d * packed_direction(n, l->inputs),
                         .ldb = HONE_PANEL,
                         .panel = l->inputs * HONE_PANEL,
                         .bias = p->s->bias,
                         .c = p->s->xw,
                         .ldc = n};
    hone_gemm_run(&g, p->pool);
}

/* Where the state of sequence b lies in initial_h, Y_h and their kin. */
static int64_t state_at(const pass *p, int64_t b)
{
    const rnn *l = p->l;
    return (l->batch_first ? b * l->directions + p->d : p->d * l->batch + b) * l->hidden;
}

static void load_state(const pass *p, const float *from, float *to)
{
    const size_t size = (size_t)p->l->hidden * sizeof(float);

    for (int64_t b = 0; b < p->l->batch; b++) {
        if (from)
            memcpy(to + b * p->l->hidden, from + state_at(p, b), size);
        else
            memset(to + b * p->l->hidden, 0, size);
    }
}

static void store_state(const pass *p, const float *from, float *to)
{
    for (int64_t b = 0; to && b < p->l->batch; b++)
        memcpy(to + state_at(p, b), from + b * p->l->hidden, (size_t)p->l->hidden * sizeof(float));
}

static void store_outputs(const pass *p, int64_t step)
{
    const rnn *l = p->l;
    const size_t size = (size_t)l->hidden * sizeof(float);

    for (int64_t b = 0; l->y && b < l->batch; b++) {
        const int64_t t = time_of(p, b, step);
        if (t >= 0)
            memcpy(y_at(p, b, t), p->s->h + b * l->hidden, size);
        else
            memset(y_at(p, b, step), 0, size);
    }
}

static void run_direction(pass *p, const float *w_packed)
{
    const rnn *l = p->l;
    const int64_t n = l->cell * l->hidden;

    p->r = l->r + p->d * n * l->hidden;
    join_biases(p);
    multiply_inputs(p, w_packed);
    if (packs_recurrent(l))
        hone_gemm_pack(p->r, 1, l->hidden, l->hidden, n, 1.0f, 0, hone_panels(n), p->s->r);
    load_state(p, l->h0, p->s->h);
    load_state(p, l->c0, p->s->c);
    for (int64_t i = 0; i < l->steps; i++) {
        if (l->cell == CELL_GRU)
            step_gru(p, i);
        else
            step_lstm_or_rnn(p, i);
        store_outputs(p, i);
    }
    store_state(p, p->s->h, l->y_h);
    store_state(p, p->s->c, l->y_c);
}

static hone_status rnn_run(const hone_cpu_call *call)
{
    rnn l;
    rooms s;

    HONE_TRY(rnn_init(&l, call));
    if (l.batch == 0 || l.hidden == 0)
        return HONE_OK;
    s = rooms_of(&l, call);
    if (!l.w_packed) {
        rnn_pack(call, s.w);
        l.w_packed = s.w;
    }
    for (int64_t d = 0; d < l.directions; d++) {
        pass p = {.l = &l,
                  .s = &s,
                  .pool = call->pool,
                  .d = d,
                  .backward = l.direction == HONE_DIRECTION_REVERSE || d == 1};
        run_direction(&p, l.w_packed);
    }
    return HONE_OK;
}

static bool rnn_takes(const hone_cpu_call *call)
{
    for (int i = 0; i < call->n_in; i++)
        if (call->in[i] && call->in[i]->dtype != (i == 4 ? HONE_I32 : HONE_F32))
            return false;
    return true;
}

#define RNN_KERNEL                                                                                 \
    {                                                                                              \
        .takes = rnn_takes, .run = rnn_run, .scratch = rnn_scratch, .pack_size = rnn_pack_size,    \
        .pack = rnn_pack                                                                           \
    }
const hone_cpu_kernel hone_cpu_rnn = RNN_KERNEL;
const hone_cpu_kernel hone_cpu_gru = RNN_KERNEL;
const hone_cpu_kernel hone_cpu_lstm = RNN_KERNEL;
