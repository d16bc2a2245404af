/* Windows in numbers, and the turn between the two layouts. */
#include "cpu/conv_geometry.h"

#include "cpu/vector.h"

static void set_dim(hone_geometry *g, int to, const hone_window *w, int from)
{
    g->in[to] = w->in[from];
    g->out[to] = w->out[from];
    g->kernel[to] = w->kernel[from];
    g->stride[to] = w->stride[from];
    g->dilation[to] = w->dilation[from];
    g->pad[to] = w->pad_begin[from];
    g->pad_end[to] = w->pad_end[from];
}

static bool is_trivial(const hone_window *w, int i)
{
    return w->in[i] == 1 && w->out[i] == 1 && w->kernel[i] == 1 && w->pad_begin[i] == 0;
}

hone_status hone_geometry_init(hone_geometry *g, const hone_window *w, const hone_dims *x,
                               int64_t layout)
{
    int n = w->n;

    /* A last dimension of one pixel is dropped, so that rows of pixels stay long. */
    while (n > 1 && is_trivial(w, n - 1))
        n--;
    if (n > 3)
        return hone_error(HONE_ERR_UNSUPPORTED, "windows of %d spatial dimensions; at most 3", n);
    for (int d = 0; d < 3; d++) {
        g->in[d] = g->out[d] = g->kernel[d] = g->stride[d] = g->dilation[d] = 1;
        g->pad[d] = g->pad_end[d] = 0;
    }
    for (int i = 0; i < n; i++)
        set_dim(g, 3 - n + i, w, i);
    g->batch = x->dim[0];
    g->channels = x->dim[layout == HONE_LAYOUT_LAST ? x->rank - 1 : 1];
    g->in_pixels = g->in[0] * g->in[1] * g->in[2];
    g->out_pixels = g->out[0] * g->out[1] * g->out[2];
    g->taps = g->kernel[0] * g->kernel[1] * g->kernel[2];
    return HONE_OK;
}

static void set_begin(const hone_geometry *g, hone_pixel *p, int d)
{
    p->begin[d] = p->out[d] * g->stride[d] - g->pad[d];
}

void hone_pixel_at(const hone_geometry *g, int64_t row, hone_pixel *p)
{
    for (int d = 2; d >= 0; d--) {
        p->out[d] = row % g->out[d];
        row /= g->out[d];
        set_begin(g, p, d);
    }
    p->picture = row;
}

void hone_pixel_next(const hone_geometry *g, hone_pixel *p)
{
    for (int d = 2; d >= 0; d--) {
        if (++p->out[d] < g->out[d]) {
            p->begin[d] += g->stride[d];
            return;
        }
        p->out[d] = 0;
        set_begin(g, p, d);
    }
    p->picture++;
}

void hone_geometry_taps(const hone_geometry *g, hone_tap *taps)
{
    for (int64_t d = 0; d < g->kernel[0]; d++) {
        for (int64_t h = 0; h < g->kernel[1]; h++) {
            for (int64_t w = 0; w < g->kernel[2]; w++, taps++) {
                const int64_t at[3] = {d * g->dilation[0], h * g->dilation[1], w * g->dilation[2]};
                for (int i = 0; i < 3; i++)
                    taps->at[i] = (int32_t)at[i];
                taps->pixels = (int32_t)((at[0] * g->in[1] + at[1]) * g->in[2] + at[2]);
            }
        }
    }
}

typedef struct turn {
    const float *src;
    float *dst;
    int64_t a, b, step, tasks; /* step: lines of a in a task */
} turn;

static void turn_task(void *ctx, int64_t task, int thread)
{
    const turn *t = ctx;
    const int64_t outer = task / t->tasks, i = task % t->tasks * t->step;
    const float *src = t->src + outer * t->a * t->b;
    float *dst = t->dst + outer * t->a * t->b;

    (void)thread;
    hone_cpu_vector->transpose(src + i * t->b, t->b, dst + i, t->a, HONE_MIN(t->step, t->a - i),
                               t->b);
}

void hone_layout_turn(const float *src, float *dst, int64_t outer, int64_t a, int64_t b,
                      hone_pool *pool)
{
    turn t = {src, dst, a, b, 16, 0};

    if (outer * a * b == 0)
        return;
    while (t.step * b < 8192 && t.step < a)
        t.step *= 2;
    t.tasks = (a + t.step - 1) / t.step;
    hone_pool_run(pool, turn_task, &t, outer * t.tasks);
}
