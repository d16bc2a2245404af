/* Pooling over float32 (maximum also over 8-bit integers). Channels last is done separably: the
 * lines of a window are summed (or their maximum taken) into one line, then its pixels into each
 * output, both along contiguous memory and over what lies inside the picture alone. What is rarer,
 * channels first, indices, p-norms, is one plain loop over taps. */
#include <math.h>
#include <string.h>

#include "cpu/conv_geometry.h"
#include "cpu/vector.h"

#define LINE_FLOATS 16384 /* of the joined lines of a window: 64 KiB of stack */
#define LINES       512   /* the most lines, and pixels across, of a window */

typedef enum kind {
    KIND_AVERAGE,
    KIND_MAX,
    KIND_LP,
} pool_kind;

typedef struct pooling {
    pool_kind kind;
    hone_geometry g;
    int64_t layout, p;
    bool count_pad, column_major;
    const void *x;
    void *y;
    int64_t *indices;
    hone_dtype dtype;
    void (*join)(const float *const *row, int64_t n, float scale, float *y, int64_t length);
} pooling;

/* ---- one window, plainly
 * --------------------------------------------------------------------------------------------- */

/* Elements between two pixels of a channel, and where channel c of picture n begins. */
static int64_t pixel_step(const pooling *p)
{
    return p->layout == HONE_LAYOUT_LAST ? p->g.channels : 1;
}

static int64_t channel_base(const pooling *p, int64_t picture, int64_t c, int64_t pixels)
{
    const int64_t n = p->g.channels;
    return p->layout == HONE_LAYOUT_LAST ? picture * pixels * n + c : (picture * n + c) * pixels;
}

/* Taps that an average divides by: those inside, or with the padding (which ends where pads do: not
 * what ceil_mode adds). */
static int64_t divisor(const pooling *p, const hone_pixel *at)
{
    const hone_geometry *g = &p->g;
    int64_t n = 1;

    for (int d = 0; d < 3; d++) {
        const int64_t end = p->count_pad ? g->in[d] + g->pad_end[d] : g->in[d];
        const int64_t begin = p->count_pad ? -g->pad[d] : 0;
        int64_t count = 0;
        for (int64_t k = 0; k < g->kernel[d]; k++) {
            const int64_t i = at->begin[d] + k * g->dilation[d];
            count += i >= begin && i < end;
        }
        n *= count;
    }
    return n;
}

static double element(const pooling *p, int64_t i)
{
    return p->dtype == HONE_F32 ? ((const float *)p->x)[i] : hone_element_double(p->dtype, p->x, i);
}

static int64_t index_of(const pooling *p, int64_t picture, int64_t c, int64_t pixel)
{
    const hone_geometry *g = &p->g;
    int64_t d, h, w;

    if (!p->column_major)
        return (picture * g->channels + c) * g->in_pixels + pixel;
    w = pixel % g->in[2];
    h = pixel / g->in[2] % g->in[1];
    d = pixel / g->in[2] / g->in[1];
    return (picture * g->channels + c) * g->in_pixels + (w * g->in[1] + h) * g->in[0] + d;
}

static void plain_window(const pooling *p, const hone_pixel *at, int64_t c, int64_t out)
{
    const hone_geometry *g = &p->g;
    const int64_t base = channel_base(p, 0, c, g->in_pixels);
    const int64_t picture = channel_base(p, 1, 0, g->in_pixels) / HONE_MAX(g->in_pixels, 1);
    double sum = p->kind == KIND_MAX ? -INFINITY : 0.0;
    int64_t best = -1;

    for (int64_t t = 0; t < g->taps; t++) {
        const int64_t pixel = hone_pixel_tap(g, at, t);
        if (pixel < 0)
            continue;
        const int64_t inside = pixel - at->picture * g->in_pixels;
        const double x =
            element(p, at->picture * picture * g->in_pixels + base + inside * pixel_step(p));
        if (p->kind == KIND_AVERAGE)
            sum += x;
        else if (p->kind == KIND_LP)
            sum += p->p == 2 ? x * x : pow(fabs(x), (double)p->p);
        else if (best < 0 || x > sum || isnan(x)) {
            sum = x;
            best = inside;
        }
    }
    if (p->kind == KIND_AVERAGE)
        sum /= (double)HONE_MAX(divisor(p, at), 1);
    else if (p->kind == KIND_LP)
        sum = p->p == 2 ? sqrt(sum) : pow(sum, 1.0 / (double)p->p);
    hone_element_set_double(p->dtype, p->y, out, sum);
    if (p->indices)
        p->indices[out] = best < 0 ? 0 : index_of(p, at->picture, c, best);
}

/* One output line of all channels of a picture. */
static void plain_task(void *ctx, int64_t task, int thread)
{
    const pooling *p = ctx;
    const int64_t width = p->g.out[2];

    (void)thread;
    for (int64_t w = 0; w < width; w++) {
        const int64_t row = task * width + w, pixel = row % p->g.out_pixels;
        hone_pixel at;
        hone_pixel_at(&p->g, row, &at);
        for (int64_t c = 0; c < p->g.channels; c++)
            plain_window(p, &at, c,
                         channel_base(p, at.picture, c, p->g.out_pixels) + pixel * pixel_step(p));
    }
}

/* ---- separable
 * -------------------------------------------------------------------------------------------------------
 */

/* Taps of dimension d that lie inside, for a window that begins at `begin`: [*from, *to). */
static void inside_taps(const hone_geometry *g, int d, int64_t begin, int64_t *from, int64_t *to)
{
    const int64_t step = g->dilation[d];

    *from = begin < 0 ? (-begin + step - 1) / step : 0;
    *to = begin >= g->in[d] ? 0 : HONE_MIN(g->kernel[d], (g->in[d] - begin + step - 1) / step);
}

/* The lines of the windows of one output line; returns how many. */
static int64_t window_lines(const pooling *p, const hone_pixel *at, const float **line)
{
    const hone_geometry *g = &p->g;
    int64_t d0, d1, h0, h1, n = 0;

    inside_taps(g, 0, at->begin[0], &d0, &d1);
    inside_taps(g, 1, at->begin[1], &h0, &h1);
    for (int64_t d = d0; d < d1; d++)
        for (int64_t h = h0; h < h1; h++) {
            const int64_t depth = at->begin[0] + d * g->dilation[0],
                          height = at->begin[1] + h * g->dilation[1];
            line[n++] =
                (const float *)p->x +
                ((at->picture * g->in[0] + depth) * g->in[1] + height) * g->in[2] * g->channels;
        }
    return n;
}

static void zero_outputs(float *y, int64_t n)
{
    memset(y, 0, (size_t)n * sizeof *y);
}

/* Outputs [w0, w1) of a line, whose windows touch few enough input pixels for the joined line. */
static void separable_outputs(const pooling *p, const hone_pixel *at, const float *const *lines,
                              int64_t n, int64_t w0, int64_t w1, float *y)
{
    const hone_geometry *g = &p->g;
    const int64_t c = g->channels;
    const int64_t begin = HONE_MAX(w0 * g->stride[2] - g->pad[2], 0);
    const int64_t end = HONE_MIN(
        (w1 - 1) * g->stride[2] - g->pad[2] + (g->kernel[2] - 1) * g->dilation[2] + 1, g->in[2]);
    const float *shifted[LINES], *pixels[LINES];
    float joined[LINE_FLOATS];
    hone_pixel pixel = *at;

    for (int64_t i = 0; i < n; i++)
        shifted[i] = lines[i] + begin * c;
    if (n > 1 && end > begin)
        p->join(shifted, n, 1.0f, joined, (end - begin) * c);
    const float *line = n > 1 ? joined : shifted[0];
    for (int64_t w = w0; w < w1; w++, y += c) {
        int64_t from, to;
        pixel.out[2] = w;
        pixel.begin[2] = w * g->stride[2] - g->pad[2];
        inside_taps(g, 2, pixel.begin[2], &from, &to);
        for (int64_t k = from; k < to; k++)
            pixels[k - from] = line + (pixel.begin[2] + k * g->dilation[2] - begin) * c;
        if (to > from)
            p->join(pixels, to - from,
                    p->kind == KIND_AVERAGE ? 1.0f / (float)HONE_MAX(divisor(p, &pixel), 1) : 1.0f,
                    y, c);
        else
            zero_outputs(y, c);
    }
}

static void separable_task(void *ctx, int64_t task, int thread)
{
    const pooling *p = ctx;
    const hone_geometry *g = &p->g;
    const int64_t width = g->out[2], reach = (g->kernel[2] - 1) * g->dilation[2] + 1;
    const int64_t fit = (LINE_FLOATS / g->channels - reach) / g->stride[2] +
                        1; /* outputs that share a joined line */
    float *y = (float *)p->y + task * width * g->channels;
    const float *lines[LINES];
    hone_pixel at;
    int64_t n;

    (void)thread;
    hone_pixel_at(g, task * width, &at);
    n = window_lines(p, &at, lines);
    if (n == 0) {
        zero_outputs(y, width * g->channels);
        return;
    }
    for (int64_t w = 0; w < width; w += fit)
        separable_outputs(p, &at, lines, n, w, HONE_MIN(w + fit, width), y + w * g->channels);
}

/* ---- kernels
 * ---------------------------------------------------------------------------------------------------------
 */

static bool is_separable(const pooling *p)
{
    const hone_geometry *g = &p->g;
    const int64_t reach = (g->kernel[2] - 1) * g->dilation[2] + 1;

    return p->kind != KIND_LP && p->dtype == HONE_F32 && p->layout == HONE_LAYOUT_LAST &&
           !p->indices && g->kernel[0] * g->kernel[1] <= LINES && g->kernel[2] <= LINES &&
           reach <= LINE_FLOATS / g->channels;
}

static hone_status run(const hone_cpu_call *call, pooling *p)
{
    hone_window w;

    if (hone_tensor_count(call->out[0]) == 0)
        return HONE_OK;
    HONE_TRY(hone_window_of(call->op, call->attrs, &call->in[0]->shape, NULL, &w));
    HONE_TRY(hone_geometry_init(&p->g, &w, &call->in[0]->shape, p->layout));
    p->x = call->in[0]->data;
    p->y = call->out[0]->data;
    p->dtype = call->in[0]->dtype;
    p->indices = call->n_out > 1 && call->out[1] ? call->out[1]->data : NULL;
    p->join = p->kind == KIND_MAX ? hone_cpu_vector->max_rows : hone_cpu_vector->sum_rows;
    hone_pool_run(call->pool, is_separable(p) ? separable_task : plain_task, p,
                  p->g.batch * p->g.out[0] * p->g.out[1]);
    return HONE_OK;
}

static hone_status run_average(const hone_cpu_call *call)
{
    pooling p = {.kind = KIND_AVERAGE,
                 .layout = call->attrs->average_pool.layout,
                 .count_pad = call->attrs->average_pool.count_include_pad};
    return run(call, &p);
}

static hone_status run_max(const hone_cpu_call *call)
{
    pooling p = {.kind = KIND_MAX,
                 .layout = call->attrs->max_pool.layout,
                 .column_major = call->attrs->max_pool.storage_order};
    return run(call, &p);
}

static hone_status run_lp(const hone_cpu_call *call)
{
    pooling p = {
        .kind = KIND_LP, .layout = call->attrs->lp_pool.layout, .p = call->attrs->lp_pool.p};
    return run(call, &p);
}

static bool takes_float(const hone_cpu_call *call)
{
    const hone_dtype t = call->in[0]->dtype;
    return t == HONE_F32 || t == HONE_F64 || t == HONE_F16 || t == HONE_BF16;
}

static bool takes_max(const hone_cpu_call *call)
{
    const hone_dtype t = call->in[0]->dtype;
    return takes_float(call) || t == HONE_I8 || t == HONE_U8;
}

const hone_cpu_kernel hone_cpu_average_pool = {.takes = takes_float, .run = run_average};
const hone_cpu_kernel hone_cpu_max_pool = {.takes = takes_max, .run = run_max};
const hone_cpu_kernel hone_cpu_lp_pool = {.takes = takes_float, .run = run_lp};

/* ---- the whole picture
 * -----------------------------------------------------------------------------------------------
 */

typedef struct global {
    pool_kind kind;
    int64_t channels, pixels, p, layout;
    hone_dtype dtype;
    const void *x;
    void *y;
} global;

static double global_value(const global *g, int64_t base, int64_t step)
{
    double sum = g->kind == KIND_MAX ? -INFINITY : 0.0;

    for (int64_t i = 0; i < g->pixels; i++) {
        const double x = hone_element_double(g->dtype, g->x, base + i * step);
        if (g->kind == KIND_AVERAGE)
            sum += x;
        else if (g->kind == KIND_LP)
            sum += pow(fabs(x), (double)g->p);
        else if (i == 0 || x > sum || isnan(x))
            sum = x;
    }
    if (g->kind == KIND_AVERAGE)
        return sum / (double)g->pixels;
    return g->kind == KIND_LP ? pow(sum, 1.0 / (double)g->p) : sum;
}

/* Float32, channels last: groups of channels, pixel by pixel. */
#define GLOBAL_CHANNELS 64

static void global_last(const global *g, int64_t picture, int64_t c0, int64_t n)
{
    const float *x = (const float *)g->x + picture * g->pixels * g->channels + c0;
    float acc[GLOBAL_CHANNELS];

    memcpy(acc, x, (size_t)n * sizeof *acc);
    for (int64_t i = 1; i < g->pixels; i++) {
        x += g->channels;
        for (int64_t c = 0; c < n; c++)
            acc[c] = g->kind == KIND_AVERAGE ? acc[c] + x[c]
                                             : (acc[c] != acc[c] || acc[c] > x[c] ? acc[c] : x[c]);
    }
    for (int64_t c = 0; c < n; c++)
        ((float *)g->y)[picture * g->channels + c0 + c] =
            g->kind == KIND_AVERAGE ? acc[c] / (float)g->pixels : acc[c];
}

/* Float32, channels first: a channel is one run. Sixteen sums, so that the order does not hang on a
 * chain. */
static float global_run(const global *g, const float *x)
{
    float acc[16] = {0}, sum = 0.0f;
    int64_t i = 0;

    for (; i + 16 <= g->pixels; i += 16)
        for (int k = 0; k < 16; k++)
            acc[k] += x[i + k];
    for (; i < g->pixels; i++)
        sum += x[i];
    for (int k = 0; k < 16; k++)
        sum += acc[k];
    return sum / (float)g->pixels;
}

static void global_task(void *ctx, int64_t task, int thread)
{
    const global *g = ctx;
    const int64_t groups = (g->channels + GLOBAL_CHANNELS - 1) / GLOBAL_CHANNELS;
    const int64_t picture = task / groups, c0 = task % groups * GLOBAL_CHANNELS;
    const int64_t n = HONE_MIN(GLOBAL_CHANNELS, g->channels - c0);
    const bool last = g->layout == HONE_LAYOUT_LAST;

    (void)thread;
    if (g->dtype == HONE_F32 && last && g->kind != KIND_LP) {
        global_last(g, picture, c0, n);
        return;
    }
    for (int64_t c = c0; c < c0 + n; c++) {
        const int64_t at = picture * g->channels + c;
        const int64_t base = last ? picture * g->pixels * g->channels + c : at * g->pixels;
        if (g->dtype == HONE_F32 && g->kind == KIND_AVERAGE)
            ((float *)g->y)[at] = global_run(g, (const float *)g->x + base);
        else
            hone_element_set_double(g->dtype, g->y, at,
                                    global_value(g, base, last ? g->channels : 1));
    }
}

static hone_status run_global(const hone_cpu_call *call, pool_kind kind, int64_t layout, int64_t p)
{
    const hone_tensor *x = call->in[0];
    const int64_t count = hone_tensor_count(x), outputs = hone_tensor_count(call->out[0]);
    global g = {.kind = kind,
                .p = p,
                .layout = layout,
                .dtype = x->dtype,
                .x = x->data,
                .y = call->out[0]->data};

    if (outputs == 0)
        return HONE_OK;
    g.channels = x->shape.dim[layout == HONE_LAYOUT_LAST ? x->shape.rank - 1 : 1];
    g.pixels = count / outputs;
    hone_pool_run(call->pool, global_task, &g,
                  x->shape.dim[0] * ((g.channels + GLOBAL_CHANNELS - 1) / GLOBAL_CHANNELS));
    return HONE_OK;
}

static hone_status run_global_average(const hone_cpu_call *call)
{
    return run_global(call, KIND_AVERAGE, call->attrs->global_average_pool.layout, 1);
}

static hone_status run_global_max(const hone_cpu_call *call)
{
    return run_global(call, KIND_MAX, call->attrs->global_max_pool.layout, 1);
}

static hone_status run_global_lp(const hone_cpu_call *call)
{
    return run_global(call, KIND_LP, call->attrs->global_lp_pool.layout,
                      call->attrs->global_lp_pool.p);
}

const hone_cpu_kernel hone_cpu_global_average_pool = {.takes = takes_float,
                                                      .run = run_global_average};
const hone_cpu_kernel hone_cpu_global_max_pool = {.takes = takes_float, .run = run_global_max};
const hone_cpu_kernel hone_cpu_global_lp_pool = {.takes = takes_float, .run = run_global_lp};
