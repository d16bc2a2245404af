/* Convolution over float32. Channels last is the layout it is made for: the product of output
 * pixels with packed weights, where each pixel's inputs are reached through pointers, one for each
 * tap, to the channels of an input pixel; a row of zeros stands for padding, and nothing is copied.
 * With few channels the taps of one line are one segment. Depthwise convolution has its own tile.
 * Channels first turns the picture around in scratch and back. */
#include <string.h>

#include "cpu/conv_geometry.h"
#include "cpu/gemm_core.h"

#define ZERO_ROW 8192 /* channels of the row that stands for padding */
#define MERGE_CHANNELS                                                                             \
    24 /* below it, lines of taps are joined to one segment: fewer, longer runs */

typedef struct shape {
    hone_geometry g;
    int64_t group, in_group, out_group, out_channels;
    int64_t depth; /* K of a group: taps * in_group */
    bool depthwise, merged, first;
    bool turn_in, turn_out; /* channels first, and more than one channel and pixel */
} shape;

static bool is_depthwise(int64_t group, int64_t in_group, int64_t out_group, int64_t taps)
{
    return in_group == 1 && out_group == 1 && group > 1 && group <= ZERO_ROW &&
           taps <= HONE_GEMM_TAPS;
}

static hone_status shape_init(shape *s, const hone_cpu_call *call)
{
    const hone_dims *w = &call->in[1]->shape, *x = &call->in[0]->shape;
    const hone_attrs_conv *a = &call->attrs->conv;
    hone_window window;

    HONE_TRY(hone_window_of(call->op, call->attrs, x, w, &window));
    HONE_TRY(hone_geometry_init(&s->g, &window, x, a->layout));
    s->group = a->group;
    s->out_channels = w->dim[0];
    s->in_group = w->dim[1];
    s->out_group = s->group ? s->out_channels / s->group : 0;
    if (s->group < 1 || s->out_channels % s->group || s->in_group * s->group != s->g.channels)
        return hone_error(HONE_ERR_ARGUMENT,
                          "conv of %lld channels in %lld groups with weights for %lld",
                          (long long)s->g.channels, (long long)s->group, (long long)s->in_group);
    s->depth = s->g.taps * s->in_group;
    s->depthwise = is_depthwise(s->group, s->in_group, s->out_group, s->g.taps);
    s->merged = s->group == 1 && s->in_group < MERGE_CHANNELS && s->g.dilation[2] == 1 &&
                s->g.kernel[2] > 1;
    s->first = a->layout == HONE_LAYOUT_FIRST;
    s->turn_in = s->first && s->g.channels > 1 && s->g.in_pixels > 1;
    s->turn_out = s->first && s->out_channels > 1 && s->g.out_pixels > 1;
    return HONE_OK;
}

/* ---- packing
 * ---------------------------------------------------------------------------------------------------------
 */

/* What packing knows: the weights' shape and the attributes. */
typedef struct weights {
    int64_t group, out_group, in_group, taps;
    bool depthwise;
} weights;

static weights weights_of(const hone_cpu_call *call)
{
    const hone_dims *w = &call->in[1]->shape;
    weights s = {.group = call->attrs->conv.group, .in_group = w->dim[1], .taps = 1};

    for (int i = 2; i < w->rank; i++)
        s.taps *= w->dim[i];
    s.out_group = s.group > 0 ? w->dim[0] / s.group : 0;
    s.depthwise = is_depthwise(s.group, s.in_group, s.out_group, s.taps);
    return s;
}

static size_t packed_bytes(const hone_cpu_call *call)
{
    const weights s = weights_of(call);
    const int64_t cols = s.depthwise ? s.group : s.group * hone_panels(s.out_group) * HONE_PANEL;
    return (size_t)(cols * s.taps * s.in_group) * sizeof(float);
}

static void pack_group(const weights *s, const float *w, float *packed)
{
    const int64_t depth = s->taps * s->in_group;

    for (int64_t p = 0; p < hone_panels(s->out_group); p++, packed += depth * HONE_PANEL) {
        const int64_t n = HONE_MIN(HONE_PANEL, s->out_group - p * HONE_PANEL);
        memset(packed, 0, (size_t)(depth * HONE_PANEL) * sizeof *packed);
        for (int64_t j = 0; j < n; j++) {
            const float *row = w + (p * HONE_PANEL + j) * depth;
            for (int64_t c = 0; c < s->in_group; c++)
                for (int64_t t = 0; t < s->taps; t++)
                    packed[(t * s->in_group + c) * HONE_PANEL + j] = row[c * s->taps + t];
        }
    }
}

static void conv_pack(const hone_cpu_call *call, void *packed)
{
    const weights s = weights_of(call);
    const float *w = call->in[1]->data;
    float *to = packed;
    const int64_t depth = s.taps * s.in_group;

    if (s.depthwise) {
        for (int64_t c = 0; c < s.group; c++)
            for (int64_t t = 0; t < s.taps; t++)
                to[t * s.group + c] = w[c * s.taps + t];
        return;
    }
    for (int64_t g = 0; g < s.group; g++)
        pack_group(&s, w + g * s.out_group * depth,
                   to + g * hone_panels(s.out_group) * depth * HONE_PANEL);
}

/* ---- pointers to inputs
 * ---------------------------------------------------------------------------------------------- */

typedef struct conv {
    shape s;
    const float *x, *packed, *bias;
    float *y;
    const hone_tap *taps; /* in merged form only the first of each line is used */
    hone_gemm gemm;       /* of group 0 */
    hone_gemm_cut cut;
    hone_epilogue epilogue;
} conv;

static const float zeros[ZERO_ROW];

/* The pointers of one pixel, each `stride` apart. */
static HONE_ALWAYS_INLINE void point_pixel(const hone_geometry *geo, const hone_pixel *p,
                                           const hone_tap *taps, int64_t n, const float *x,
                                           const float **a, int stride)
{
    const int64_t channels = geo->channels;
    const float *base = x + hone_pixel_base(geo, p) * channels;

    if (HONE_LIKELY(hone_pixel_inside(geo, p))) {
        for (int64_t t = 0; t < n; t++)
            a[t * stride] = base + taps[t].pixels * channels;
        return;
    }
    for (int64_t t = 0; t < n; t++)
        a[t * stride] =
            hone_tap_inside(geo, p, &taps[t]) ? base + taps[t].pixels * channels : zeros;
}

/* Whether `rows` pixels from p on lie in one output line, all inside from left to right: then each
 * is a step on. */
static bool is_run(const hone_geometry *geo, const hone_pixel *p, int rows)
{
    const int64_t last = p->begin[2] + (rows - 1) * geo->stride[2];

    return p->out[2] + rows <= geo->out[2] && p->begin[2] >= 0 &&
           last + (geo->kernel[2] - 1) * geo->dilation[2] < geo->in[2];
}

/* The pointers of such a run: for n taps that are `every` apart in the table. */
static void point_run(const hone_geometry *geo, const hone_pixel *p, const hone_tap *taps,
                      int64_t n, int64_t every, const float *x, const float **a, int rows,
                      int stride)
{
    const int64_t step = geo->stride[2] * geo->channels;
    const float *base = x + hone_pixel_base(geo, p) * geo->channels;

    for (int64_t t = 0; t < n; t++, taps += every, a += stride) {
        const int64_t d = p->begin[0] + taps->at[0], h = p->begin[1] + taps->at[1];
        const bool inside =
            (uint64_t)d < (uint64_t)geo->in[0] && (uint64_t)h < (uint64_t)geo->in[1];
        const float *from = inside ? base + taps->pixels * geo->channels : zeros;
        const int64_t by = inside ? step : 0;
        for (int r = 0; r < rows; r++)
            a[r] = from + r * by;
    }
}

static void point_taps(const hone_gemm *g, int64_t row, int rows, const hone_gemm_part *part,
                       const float **a, int stride, float *room)
{
    const conv *c = g->ctx;
    hone_pixel p;

    (void)room;
    hone_pixel_at(&c->s.g, row, &p);
    if (is_run(&c->s.g, &p, rows)) {
        point_run(&c->s.g, &p, c->taps + part->tap, part->taps, 1, g->a + part->begin, a, rows,
                  stride);
        return;
    }
    for (int r = 0; r < rows; r++, hone_pixel_next(&c->s.g, &p))
        point_pixel(&c->s.g, &p, c->taps + part->tap, part->taps, g->a + part->begin, a + r,
                    stride);
}

/* Elements [begin, begin + seg) of a line of taps that begins at pixel `at`, of which columns from
 * `w` on are asked for: a copy, zeros outside. */
static void copy_line(const hone_geometry *geo, const float *line, int64_t w, int64_t begin,
                      int64_t seg, float *to)
{
    const int64_t c = geo->channels;
    const int64_t lo = HONE_MIN(HONE_MAX(-w * c - begin, 0), seg);
    const int64_t hi = HONE_MAX(HONE_MIN((geo->in[2] - w) * c - begin, seg), lo);

    memset(to, 0, (size_t)lo * sizeof *to);
    memcpy(to + lo, line + w * c + begin + lo, (size_t)(hi - lo) * sizeof *to);
    memset(to + hi, 0, (size_t)(seg - hi) * sizeof *to);
}

static void point_lines(const hone_gemm *g, int64_t row, int rows, const hone_gemm_part *part,
                        const float **a, int stride, float *room)
{
    const conv *c = g->ctx;
    const hone_geometry *geo = &c->s.g;
    const int64_t kw = geo->kernel[2];
    hone_pixel p;

    hone_pixel_at(geo, row, &p);
    if (is_run(geo, &p, rows)) {
        point_run(geo, &p, c->taps + part->tap * kw, part->taps, kw, g->a + part->begin, a, rows,
                  stride);
        return;
    }
    for (int r = 0; r < rows; r++, hone_pixel_next(geo, &p)) {
        const bool inside = hone_pixel_inside_dim(geo, &p, 2);
        const float *first = g->a + (hone_pixel_base(geo, &p) - p.begin[2]) *
                                        geo->channels; /* of the picture's line */
        const hone_tap *tap = c->taps + part->tap * kw;
        for (int64_t t = 0; t < part->taps; t++, tap += kw) {
            const int64_t d = p.begin[0] + tap->at[0], h = p.begin[1] + tap->at[1];
            const float *line = first + tap->pixels * geo->channels;
            if ((uint64_t)d >= (uint64_t)geo->in[0] || (uint64_t)h >= (uint64_t)geo->in[1]) {
                a[t * stride + r] = zeros;
            } else if (inside) {
                a[t * stride + r] = line + p.begin[2] * geo->channels + part->begin;
            } else {
                copy_line(geo, line, p.begin[2], part->begin, part->seg, room);
                a[t * stride + r] = room;
                room += part->seg;
            }
        }
    }
}

/* ---- depthwise
 * -------------------------------------------------------------------------------------------------------
 */

#define LINE_BYTES                                                                                 \
    24576 /* of a window's lines for a block of channels: they stay in the first cache level */

/* Blocks of channels (outer, so that a block's lines are read again by the next output line), bands
 * of output lines. */
typedef struct depthwise {
    const conv *c;
    int64_t block, blocks, lines, band, bands;
    int64_t offset[HONE_GEMM_TAPS];
} depthwise;

/* One output line under way, channels [c0, c0 + n): of its window's taps, [tap, tap + taps) lie in
 * lines that are inside (or all, where the third dimension makes that more than a range, and
 * `tested` is set). */
typedef struct depthwise_line {
    const depthwise *d;
    hone_window_tile t;
    hone_pixel p;
    int64_t tap, c0;
    bool tested;
    float *y;
} depthwise_line;

/* Taps of dimension d inside for a window beginning at `begin`: [*from, *to). */
static void inside_taps(const hone_geometry *g, int d, int64_t begin, int64_t *from, int64_t *to)
{
    const int64_t step = g->dilation[d];

    *from = begin < 0 ? HONE_MIN((-begin + step - 1) / step, g->kernel[d]) : 0;
    *to = begin >= g->in[d]
              ? *from
              : HONE_MAX(HONE_MIN(g->kernel[d], (g->in[d] - begin + step - 1) / step), *from);
}

static void start_line(depthwise_line *l, const depthwise *d, int64_t line, int64_t c0, int64_t n)
{
    const conv *c = d->c;
    const hone_geometry *g = &c->s.g;
    int64_t from = 0, to = g->kernel[1];

    hone_pixel_at(g, line * g->out[2], &l->p);
    l->d = d;
    l->c0 = c0;
    l->tested = g->kernel[0] > 1;
    if (!l->tested)
        inside_taps(g, 1, l->p.begin[1], &from, &to);
    l->tap = from * g->kernel[2];
    l->y = c->y + line * g->out[2] * g->channels + c0;
    l->t = (hone_window_tile){.step = g->stride[2] * g->channels,
                              .offset = d->offset + l->tap,
                              .taps = (int)(l->tested ? g->taps : (to - from) * g->kernel[2]),
                              .channels = n,
                              .w_step = g->channels,
                              .w = c->packed + l->tap * g->channels + c0,
                              .bias = c->bias ? c->bias + c0 : NULL,
                              .c_step = g->channels,
                              .clamp = c->epilogue.clamp,
                              .lo = c->epilogue.lo,
                              .hi = c->epilogue.hi};
}

static void move_to(depthwise_line *l, int64_t w)
{
    const hone_geometry *g = &l->d->c->s.g;

    l->p.out[2] = w;
    l->p.begin[2] = w * g->stride[2] - g->pad[2];
    l->t.base = l->d->c->x + hone_pixel_base(g, &l->p) * g->channels + l->c0;
    l->t.c = l->y + w * g->channels;
}

/* Pixels [w0, w1), one at a time, for taps that lie outside. */
static void run_edge(depthwise_line *l, int64_t w0, int64_t w1)
{
    const hone_geometry *g = &l->d->c->s.g;
    const hone_tap *taps = l->d->c->taps + l->tap;
    const float *x[HONE_GEMM_TAPS];

    for (int64_t w = w0; w < w1; w++) {
        move_to(l, w);
        for (int t = 0; t < l->t.taps; t++)
            x[t] = hone_tap_inside(g, &l->p, &taps[t]) ? l->t.base + l->t.offset[t] : zeros;
        l->t.x = x;
        hone_cpu_vector->depthwise(&l->t);
    }
    l->t.x = NULL;
}

/* The outputs of the line whose windows are inside from left to right: [*from, *to). */
static void inside_outputs(const hone_geometry *g, int64_t *from, int64_t *to)
{
    const int64_t reach = (g->kernel[2] - 1) * g->dilation[2],
                  last = g->in[2] - 1 - reach + g->pad[2];

    *from = HONE_MIN((HONE_MAX(g->pad[2], 0) + g->stride[2] - 1) / g->stride[2], g->out[2]);
    *to = last < 0 ? *from : HONE_MAX(HONE_MIN(last / g->stride[2] + 1, g->out[2]), *from);
}

static void run_line(const depthwise *d, int64_t line, int64_t c0, int64_t n)
{
    const hone_geometry *g = &d->c->s.g;
    depthwise_line l;
    int64_t from, to;

    start_line(&l, d, line, c0, n);
    inside_outputs(g, &from, &to);
    if (l.tested || to - from < HONE_WINDOW_ROWS)
        from = to = g->out[2];
    run_edge(&l, 0, from);
    for (int64_t w = from; w < to; w += HONE_WINDOW_ROWS) {
        move_to(&l,
                HONE_MIN(w, to - HONE_WINDOW_ROWS)); /* the last group overlaps the one before it */
        hone_cpu_vector->depthwise(&l.t);
    }
    run_edge(&l, to, g->out[2]);
}

static void depthwise_task(void *ctx, int64_t task, int thread)
{
    const depthwise *d = ctx;
    const int64_t c0 = task / d->bands * d->block, l0 = task % d->bands * d->band;
    const int64_t n = HONE_MIN(d->block, d->c->s.g.channels - c0);

    const int64_t l1 = HONE_MIN(l0 + d->band, d->lines), width = d->c->s.g.out[2];

    (void)thread;
    for (int64_t line = l0; line < l1; line++)
        run_line(d, line, c0, n);
    if (d->c->epilogue.has_region)
        hone_region_run(&d->c->epilogue.region, l0 * width, l1 * width, c0, c0 + n);
}

static void run_depthwise(const conv *c, hone_pool *pool)
{
    const hone_geometry *g = &c->s.g;
    const int64_t lines = g->kernel[0] * g->kernel[1] * g->in[2] * (int64_t)sizeof(float);
    depthwise d = {.c = c, .lines = g->batch * g->out[0] * g->out[1]};

    d.block = HONE_MIN(HONE_MAX(LINE_BYTES / lines / 32 * 32, 32), g->channels);
    d.blocks = (g->channels + d.block - 1) / d.block;
    d.band = HONE_MAX(d.lines * d.blocks / 16,
                      HONE_MIN(8, d.lines)); /* lines that follow each other share input */
    d.bands = (d.lines + d.band - 1) / d.band;
    for (int64_t t = 0; t < g->taps; t++)
        d.offset[t] = c->taps[t].pixels * g->channels;
    hone_pool_run(pool, depthwise_task, &d, d.blocks * d.bands);
}

/* ---- the kernel
 * ------------------------------------------------------------------------------------------------------
 */

static void gemm_task(void *ctx, int64_t task, int thread)
{
    const conv *c = ctx;
    const int64_t per_group = c->cut.row_tasks * c->cut.panel_tasks, group = task / per_group;
    hone_gemm g;

    (void)thread;
    if (c->s.group == 1) {
        hone_gemm_task(&c->gemm, &c->cut, task);
        return;
    }
    g = c->gemm;
    g.a += group * c->s.in_group;
    g.b += group * hone_panels(c->s.out_group) * c->s.depth * HONE_PANEL;
    g.c += group * c->s.out_group;
    g.bias = g.bias ? g.bias + group * c->s.out_group : NULL;
    g.epilogue_col = group * c->s.out_group;
    hone_gemm_task(&g, &c->cut, task % per_group);
}

/* One tap, no padding, one step: rows of the input are rows of the matrix. */
static bool is_plain_product(const shape *s)
{
    for (int d = 0; d < 3; d++)
        if (s->g.kernel[d] != 1 || s->g.stride[d] != 1 || s->g.in[d] != s->g.out[d])
            return false;
    return true;
}

static void gemm_init(conv *c)
{
    const shape *s = &c->s;

    c->gemm = (hone_gemm){.rows = s->g.batch * s->g.out_pixels,
                          .cols = s->out_group,
                          .taps = s->g.taps,
                          .seg = s->in_group,
                          .ctx = c,
                          .a = c->x,
                          .lda = s->g.channels,
                          .b = c->packed,
                          .ldb = HONE_PANEL,
                          .panel = s->depth * HONE_PANEL,
                          .bias = c->bias,
                          .c = c->y,
                          .ldc = s->out_channels,
                          .epilogue = &c->epilogue};
    if (s->merged) {
        c->gemm.taps = s->g.kernel[0] * s->g.kernel[1];
        c->gemm.seg = s->g.kernel[2] * s->in_group;
        c->gemm.point = point_lines;
    } else if (!is_plain_product(s)) {
        c->gemm.point = point_taps;
    }
    c->cut = hone_gemm_cut_of(c->gemm.rows, c->gemm.cols, s->depth);
}

/* Scratch, in order: taps, packed weights, the turned input, the turned output. */
typedef struct layout {
    size_t packed, x, y, size;
} layout;

static size_t floats(int64_t n)
{
    return hone_align_up((size_t)n * sizeof(float), HONE_ALIGNMENT);
}

static layout layout_of(const shape *s, const hone_cpu_call *call)
{
    layout l;

    l.packed = hone_align_up((size_t)s->g.taps * sizeof(hone_tap), HONE_ALIGNMENT);
    l.x = l.packed + (call->packed ? 0 : hone_align_up(packed_bytes(call), HONE_ALIGNMENT));
    l.y = l.x + (s->turn_in ? floats(s->g.batch * s->g.in_pixels * s->g.channels) : 0);
    l.size = l.y + (s->turn_out ? floats(s->g.batch * s->g.out_pixels * s->out_channels) : 0);
    return l;
}

static size_t conv_scratch(const hone_cpu_call *call)
{
    shape s;
    return shape_init(&s, call) == HONE_OK ? layout_of(&s, call).size : 0;
}

/* Channels first: the program is run over the turned output, so that its operands keep their
 * layout. */
static void finish_first(const hone_cpu_call *call, const conv *c)
{
    const hone_tensor *out = call->out[0];
    const hone_program *program = call->attrs->conv.program;
    hone_tensor *in[HONE_PROGRAM_INPUTS] = {NULL};
    hone_region region;

    if (c->s.turn_out)
        hone_layout_turn(c->y, out->data, c->s.g.batch, c->s.g.out_pixels, c->s.out_channels,
                         call->pool);
    if (!program)
        return;
    for (int k = 1; k < program->n_in; k++)
        in[k] = call->in[2 + k];
    hone_region_init(&region, program, &out->shape, in, out, false);
    hone_region_run_all(&region, call->pool);
}

static void prepare(const hone_cpu_call *call, conv *c)
{
    const layout l = layout_of(&c->s, call);
    char *scratch = call->scratch;

    hone_geometry_taps(&c->s.g, (hone_tap *)scratch);
    c->taps = (const hone_tap *)scratch;
    c->packed = call->packed;
    if (!c->packed) {
        conv_pack(call, scratch + l.packed);
        c->packed = (const float *)(scratch + l.packed);
    }
    c->x = call->in[0]->data;
    if (c->s.turn_in) {
        hone_layout_turn(c->x, (float *)(scratch + l.x), c->s.g.batch, c->s.g.channels,
                         c->s.g.in_pixels, call->pool);
        c->x = (const float *)(scratch + l.x);
    }
    c->y = c->s.turn_out ? (float *)(scratch + l.y) : call->out[0]->data;
    c->bias = call->n_in > 2 && call->in[2] ? call->in[2]->data : NULL;
}

static hone_status conv_run(const hone_cpu_call *call)
{
    conv c;

    if (hone_tensor_count(call->out[0]) == 0)
        return HONE_OK;
    HONE_TRY(shape_init(&c.s, call));
    prepare(call, &c);
    hone_epilogue_init(&c.epilogue, c.s.first ? NULL : call->attrs->conv.program, call->out[0],
                       call->in + 3, call->n_in - 3, true);
    if (c.s.depthwise && c.epilogue.add) /* its tile clamps, but adds nothing */
        hone_epilogue_init(&c.epilogue, call->attrs->conv.program, call->out[0], call->in + 3,
                           call->n_in - 3, false);
    gemm_init(&c);
    if (c.s.depthwise)
        run_depthwise(&c, call->pool);
    else
        hone_pool_run(call->pool, gemm_task, &c, c.s.group * c.cut.row_tasks * c.cut.panel_tasks);
    if (c.s.first)
        finish_first(call, &c);
    return HONE_OK;
}

/* Gates and sums are made for GPUs alone. */
static bool conv_takes(const hone_cpu_call *call)
{
    if (call->attrs->conv.gate || call->n_out > 1)
        return false;
    for (int i = 0; i < HONE_MIN(call->n_in, 3); i++)
        if (call->in[i] && call->in[i]->dtype != HONE_F32)
            return false;
    return call->out[0]->dtype == HONE_F32;
}

const hone_cpu_kernel hone_cpu_conv = {.takes = conv_takes,
                                       .run = conv_run,
                                       .scratch = conv_scratch,
                                       .pack_size = packed_bytes,
                                       .pack = conv_pack};
