/* Transposed convolution over float32 as convolutions by phase: output pixels whose indices have
 * the same remainders by the strides see the same taps, so each phase is one product of its pixels
 * with the weights of its taps, each output written once. Weights are packed by the taps'
 * remainders, which no padding changes. Where the kernel is the stride, every input pixel gives a
 * block of outputs of its own: one product, whose rows are then laid out. Channels first turns the
 * picture around in scratch and back, as conv.c does. */
#include <string.h>

#include "cpu/conv_geometry.h"
#include "cpu/gemm_core.h"

typedef struct shape {
    hone_geometry g;
    int64_t group, in_group, out_group, out_channels;
    bool first, turn_in, turn_out;
    bool blocks; /* kernel and stride are the same, nothing is padded: outputs do not overlap */
} shape;

static bool is_block(const hone_cpu_call *call)
{
    const hone_attrs_conv_transpose *a = &call->attrs->conv_transpose;
    const hone_dims *w = &call->in[1]->shape;

    if (a->group != 1 || a->strides.n != w->rank - 2 || a->auto_pad != HONE_AUTO_PAD_NOTSET ||
        a->output_shape.n)
        return false;
    for (int i = 0; i < a->strides.n; i++)
        if (a->strides.v[i] != w->dim[2 + i] || (a->dilations.n && a->dilations.v[i] != 1) ||
            (a->output_padding.n && a->output_padding.v[i]))
            return false;
    for (int i = 0; i < a->pads.n; i++)
        if (a->pads.v[i])
            return false;
    return true;
}

static hone_status shape_init(shape *s, const hone_cpu_call *call)
{
    const hone_dims *w = &call->in[1]->shape, *x = &call->in[0]->shape;
    const hone_attrs_conv_transpose *a = &call->attrs->conv_transpose;
    hone_window window;

    HONE_TRY(hone_window_of(call->op, call->attrs, x, w, &window));
    if (window.n > 3)
        return hone_error(HONE_ERR_UNSUPPORTED,
                          "conv_transpose of %d spatial dimensions; at most 3", window.n);
    HONE_TRY(hone_geometry_init(&s->g, &window, x, a->layout));
    s->group = a->group;
    s->out_group = w->dim[1];
    s->out_channels = s->out_group * s->group;
    s->in_group = s->group > 0 ? s->g.channels / s->group : 0;
    if (s->group < 1 || s->g.channels % s->group || w->dim[0] != s->g.channels)
        return hone_error(HONE_ERR_ARGUMENT,
                          "conv_transpose of %lld channels in %lld groups with weights for %lld",
                          (long long)s->g.channels, (long long)s->group, (long long)w->dim[0]);
    s->blocks = is_block(call);
    s->first = a->layout == HONE_LAYOUT_FIRST;
    s->turn_in = s->first && s->g.channels > 1 && s->g.in_pixels > 1;
    s->turn_out = s->first && s->out_channels > 1 && s->g.out_pixels > 1;
    return HONE_OK;
}

/* ---- classes of taps
 * -------------------------------------------------------------------------------------------------
 */

/* The taps of one remainder along one dimension are every step-th from `begin` on, where the
 * remainder occurs at all. */
typedef struct taps1 {
    int64_t n;
    int64_t tap[HONE_GEMM_TAPS];
} taps1;

static bool taps_of(int64_t kernel, int64_t dilation, int64_t stride, int64_t remainder, taps1 *out)
{
    out->n = 0;
    for (int64_t k = 0; k < kernel; k++) {
        if (k * dilation % stride != remainder)
            continue;
        if (out->n == HONE_GEMM_TAPS)
            return false;
        out->tap[out->n++] = k;
    }
    return true;
}

/* ---- packing
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct weights {
    int64_t channels, out_group, group, taps;
    int64_t kernel[3], dilation[3], stride[3];
} weights;

static int64_t entry(hone_ints a, int i)
{
    return i >= 0 && i < a.n ? a.v[i] : 1;
}

static weights weights_of(const hone_cpu_call *call)
{
    const hone_dims *w = &call->in[1]->shape;
    const hone_attrs_conv_transpose *a = &call->attrs->conv_transpose;
    const int n = w->rank - 2;
    weights s = {.channels = w->dim[0], .out_group = w->dim[1], .group = a->group, .taps = 1};

    for (int d = 0; d < 3; d++) {
        const int i = d - 3 + n;
        s.kernel[d] = i >= 0 ? w->dim[2 + i] : 1;
        s.dilation[d] = entry(a->dilations, i);
        s.stride[d] = entry(a->strides, i);
        s.taps *= s.kernel[d];
    }
    return s;
}

static size_t packed_bytes(const hone_cpu_call *call)
{
    const weights s = weights_of(call);

    if (call->in[1]->shape.rank > 5 || s.group < 1)
        return 0;
    if (is_block(call))
        return (size_t)(s.channels * hone_panels(s.taps * s.out_group) * HONE_PANEL) *
               sizeof(float);
    return (size_t)(s.channels * hone_panels(s.out_group) * HONE_PANEL * s.taps) * sizeof(float);
}

/* One tap of one panel: in_group lines of 16. */
static void pack_tap(const weights *s, const float *w, int64_t group, int64_t panel, int64_t tap,
                     float *to)
{
    const int64_t in_group = s->channels / s->group,
                  n = HONE_MIN(HONE_PANEL, s->out_group - panel * HONE_PANEL);

    for (int64_t c = 0; c < in_group; c++, to += HONE_PANEL) {
        const float *from =
            w + ((group * in_group + c) * s->out_group + panel * HONE_PANEL) * s->taps + tap;
        for (int64_t j = 0; j < HONE_PANEL; j++)
            to[j] = j < n ? from[j * s->taps] : 0.0f;
    }
}

static float *pack_class(const weights *s, const float *w, int64_t group, const taps1 t[3],
                         float *to)
{
    const int64_t step = s->channels / s->group * HONE_PANEL;

    for (int64_t p = 0; p < hone_panels(s->out_group); p++)
        for (int64_t d = 0; d < t[0].n; d++)
            for (int64_t h = 0; h < t[1].n; h++)
                for (int64_t i = 0; i < t[2].n; i++, to += step)
                    pack_tap(s, w, group, p,
                             (t[0].tap[d] * s->kernel[1] + t[1].tap[h]) * s->kernel[2] +
                                 t[2].tap[i],
                             to);
    return to;
}

/* Columns are taps, then outputs; w is [channels, outputs, taps]. */
static void pack_blocks(const weights *s, const float *w, float *to)
{
    const int64_t cols = s->taps * s->out_group;

    memset(to, 0, (size_t)(s->channels * hone_panels(cols) * HONE_PANEL) * sizeof *to);
    for (int64_t c = 0; c < s->channels; c++)
        for (int64_t j = 0; j < cols; j++)
            to[(j / HONE_PANEL * s->channels + c) * HONE_PANEL + j % HONE_PANEL] =
                w[(c * s->out_group + j % s->out_group) * s->taps + j / s->out_group];
}

static void transpose_pack(const hone_cpu_call *call, void *packed)
{
    const weights s = weights_of(call);
    float *to = packed;
    taps1 t[3];

    if (is_block(call)) {
        pack_blocks(&s, call->in[1]->data, packed);
        return;
    }

    for (int64_t g = 0; g < s.group; g++) {
        for (int64_t r0 = 0; r0 < s.stride[0]; r0++) {
            taps_of(s.kernel[0], s.dilation[0], s.stride[0], r0, &t[0]);
            for (int64_t r1 = 0; r1 < s.stride[1]; r1++) {
                taps_of(s.kernel[1], s.dilation[1], s.stride[1], r1, &t[1]);
                for (int64_t r2 = 0; r2 < s.stride[2]; r2++) {
                    taps_of(s.kernel[2], s.dilation[2], s.stride[2], r2, &t[2]);
                    to = pack_class(&s, call->in[1]->data, g, t, to);
                }
            }
        }
    }
}

/* ---- one phase
 * -------------------------------------------------------------------------------------------------------
 */

typedef struct phase {
    const shape *s;
    int64_t first[3], n[3]; /* output pixels first + stride * j for j < n */
    taps1 taps[3];
    int64_t offset[3][HONE_GEMM_TAPS]; /* input index = j + offset */
    const float *x;
} phase;

static const float zeros[HONE_GEMM_DEPTH];

static void split_row(const phase *p, int64_t row, int64_t j[3], int64_t *picture)
{
    for (int d = 2; d >= 0; d--) {
        j[d] = row % p->n[d];
        row /= p->n[d];
    }
    *picture = row;
}

static void next_row(const phase *p, int64_t j[3], int64_t *picture)
{
    for (int d = 2; d >= 0; d--) {
        if (++j[d] < p->n[d])
            return;
        j[d] = 0;
    }
    ++*picture;
}

/* The pointers of one output pixel, for taps of the part, each `stride` apart. */
static void point_pixel(const phase *p, const float *x, const int64_t j[3], int64_t picture,
                        const hone_gemm_part *part, const float **a, int stride)
{
    const hone_geometry *geo = &p->s->g;
    const taps1 *taps = p->taps;
    int64_t t[3] = {part->tap / taps[2].n / taps[1].n, part->tap / taps[2].n % taps[1].n,
                    part->tap % taps[2].n};

    for (int64_t k = 0; k < part->taps; k++) {
        int64_t pixel = picture, i;
        bool inside = true;
        for (int d = 0; d < 3; d++) {
            i = j[d] + p->offset[d][t[d]];
            inside = inside && (uint64_t)i < (uint64_t)geo->in[d];
            pixel = pixel * geo->in[d] + i;
        }
        a[k * stride] = inside ? x + pixel * geo->channels : zeros;
        for (int d = 2; d >= 0 && ++t[d] == taps[d].n; d--)
            t[d] = 0;
    }
}

static void point(const hone_gemm *g, int64_t row, int rows, const hone_gemm_part *part,
                  const float **a, int stride, float *room)
{
    const phase *p = g->ctx;
    int64_t j[3], picture;

    (void)room;
    if (part->taps == 0)
        return;
    split_row(p, row, j, &picture);
    for (int r = 0; r < rows; r++, next_row(p, j, &picture))
        point_pixel(p, g->a + part->begin, j, picture, part, a + r, stride);
}

static int64_t out_row(const hone_gemm *g, int64_t row)
{
    const phase *p = g->ctx;
    const hone_geometry *geo = &p->s->g;
    int64_t j[3], pixel;

    split_row(p, row, j, &pixel);
    for (int d = 0; d < 3; d++)
        pixel = pixel * geo->out[d] + p->first[d] + j[d] * geo->stride[d];
    return pixel;
}

/* Remainder r of dimension d: its taps, its output pixels, and where each tap's input lies. */
static bool phase_dim(phase *p, int d, int64_t r)
{
    const hone_geometry *g = &p->s->g;
    const int64_t s = g->stride[d];

    p->first[d] = ((r - g->pad[d]) % s + s) % s;
    p->n[d] = g->out[d] > p->first[d] ? (g->out[d] - p->first[d] + s - 1) / s : 0;
    if (!taps_of(g->kernel[d], g->dilation[d], s, r, &p->taps[d]))
        return false;
    for (int64_t t = 0; t < p->taps[d].n; t++)
        p->offset[d][t] = (p->first[d] + g->pad[d] - p->taps[d].tap[t] * g->dilation[d]) / s;
    return true;
}

typedef struct run {
    const shape *s;
    const float *x, *packed, *bias;
    float *y;
    const hone_epilogue *epilogue;
    hone_pool *pool;
} run;

/* All groups of one phase; `at` is the class's place within a group's packed weights. */
static void run_phase(const run *r, const phase *p, int64_t at, int64_t group_size)
{
    const shape *s = r->s;
    const int64_t taps = p->taps[0].n * p->taps[1].n * p->taps[2].n;

    for (int64_t g = 0; g < s->group; g++) {
        const hone_gemm gemm = {.rows = s->g.batch * p->n[0] * p->n[1] * p->n[2],
                                .cols = s->out_group,
                                .taps = taps,
                                .seg = s->in_group,
                                .point = point,
                                .ctx = p,
                                .a = r->x + g * s->in_group,
                                .b = r->packed + g * group_size + at,
                                .ldb = HONE_PANEL,
                                .panel = taps * s->in_group * HONE_PANEL,
                                .bias = r->bias ? r->bias + g * s->out_group : NULL,
                                .c = r->y + g * s->out_group,
                                .ldc = s->out_channels,
                                .c_row = out_row,
                                .epilogue = r->epilogue,
                                .epilogue_col = g * s->out_group};
        if (gemm.rows > 0)
            hone_gemm_run(&gemm, r->pool);
    }
}

static hone_status run_phases(const run *r)
{
    const hone_geometry *g = &r->s->g;
    const int64_t panel_size = hone_panels(r->s->out_group) * r->s->in_group * HONE_PANEL;
    const int64_t group_size = panel_size * g->taps;
    phase p = {.s = r->s, .x = r->x};
    int64_t at = 0;

    for (int64_t i = 0; i < g->stride[0] * g->stride[1] * g->stride[2]; i++) {
        const int64_t rem[3] = {i / g->stride[2] / g->stride[1], i / g->stride[2] % g->stride[1],
                                i % g->stride[2]};
        for (int d = 0; d < 3; d++)
            if (!phase_dim(&p, d, rem[d]))
                return hone_error(HONE_ERR_UNSUPPORTED,
                                  "conv_transpose with over %d taps of one phase in a dimension",
                                  HONE_GEMM_TAPS);
        run_phase(r, &p, at, group_size);
        at += p.taps[0].n * p.taps[1].n * p.taps[2].n * panel_size;
    }
    return HONE_OK;
}

/* ---- blocks
 * ----------------------------------------------------------------------------------------------------------
 */

typedef struct blocks {
    const run *r;
    const float *rows; /* [input pixel][tap][output] */
    int64_t cols;
} blocks;

/* One line of input pixels: for each line of taps, runs of taps * outputs are neighbours in the
 * output too. */
static void lay_out_line(void *ctx, int64_t task, int thread)
{
    const blocks *b = ctx;
    const hone_geometry *g = &b->r->s->g;
    const int64_t run_floats = g->kernel[2] * b->r->s->out_channels,
                  lines = g->kernel[0] * g->kernel[1];
    const int64_t h = task % g->in[1], d = task / g->in[1] % g->in[0],
                  n = task / g->in[1] / g->in[0];
    const float *from = b->rows + task * g->in[2] * b->cols;

    (void)thread;
    for (int64_t t = 0; t < lines; t++) {
        const int64_t od = d * g->stride[0] + t / g->kernel[1],
                      oh = h * g->stride[1] + t % g->kernel[1];
        float *to =
            b->r->y + ((n * g->out[0] + od) * g->out[1] + oh) * g->out[2] * b->r->s->out_channels;
        for (int64_t w = 0; w < g->in[2]; w++)
            memcpy(to + w * run_floats, from + w * b->cols + t * run_floats,
                   (size_t)run_floats * sizeof *to);
    }
}

static void run_blocks(const run *r, float *rows, float *bias)
{
    const shape *s = r->s;
    blocks b = {.r = r, .rows = rows, .cols = s->g.taps * s->out_channels};
    const hone_gemm gemm = {.rows = s->g.batch * s->g.in_pixels,
                            .cols = b.cols,
                            .taps = 1,
                            .seg = s->g.channels,
                            .a = r->x,
                            .lda = s->g.channels,
                            .b = r->packed,
                            .ldb = HONE_PANEL,
                            .panel = s->g.channels * HONE_PANEL,
                            .bias = r->bias ? bias : NULL,
                            .c = rows,
                            .ldc = b.cols};

    for (int64_t j = 0; r->bias && j < b.cols; j++)
        bias[j] = r->bias[j % s->out_channels];
    hone_gemm_run(&gemm, r->pool);
    hone_pool_run(r->pool, lay_out_line, &b, s->g.batch * s->g.in[0] * s->g.in[1]);
}

/* ---- the kernel
 * ------------------------------------------------------------------------------------------------------
 */

typedef struct layout {
    size_t x, y, rows, bias, size; /* in scratch, after the packed weights */
} layout;

static size_t floats(int64_t n)
{
    return hone_align_up((size_t)n * sizeof(float), HONE_ALIGNMENT);
}

static layout layout_of(const shape *s, const hone_cpu_call *call)
{
    layout l;

    l.x = call->packed ? 0 : hone_align_up(packed_bytes(call), HONE_ALIGNMENT);
    l.y = l.x + (s->turn_in ? floats(s->g.batch * s->g.in_pixels * s->g.channels) : 0);
    l.rows = l.y + (s->turn_out ? floats(s->g.batch * s->g.out_pixels * s->out_channels) : 0);
    l.bias = l.rows + (s->blocks ? floats(s->g.batch * s->g.out_pixels * s->out_channels) : 0);
    l.size = l.bias + (s->blocks ? floats(s->g.taps * s->out_channels) : 0);
    return l;
}

static size_t transpose_scratch(const hone_cpu_call *call)
{
    shape s;
    return shape_init(&s, call) == HONE_OK ? layout_of(&s, call).size : 0;
}

/* What comes after the whole output: the turn to channels first, and the program where no tile
 * could run it. */
static void finish(const hone_cpu_call *call, const shape *s, const float *y)
{
    const hone_program *program = call->attrs->conv_transpose.program;
    hone_tensor *in[HONE_PROGRAM_INPUTS] = {NULL};
    hone_region region;

    if (s->turn_out)
        hone_layout_turn(y, call->out[0]->data, s->g.batch, s->g.out_pixels, s->out_channels,
                         call->pool);
    if (!program)
        return;
    for (int k = 1; k < program->n_in; k++)
        in[k] = call->in[2 + k];
    hone_region_init(&region, program, &call->out[0]->shape, in, call->out[0], false);
    hone_region_run_all(&region, call->pool);
}

static hone_status transpose_run(const hone_cpu_call *call)
{
    shape s;
    hone_epilogue epilogue;
    run r = {.s = &s,
             .x = call->in[0]->data,
             .packed = call->packed,
             .y = call->out[0]->data,
             .epilogue = &epilogue,
             .pool = call->pool,
             .bias = call->n_in > 2 && call->in[2] ? call->in[2]->data : NULL};
    char *scratch = call->scratch;
    layout l;

    if (hone_tensor_count(call->out[0]) == 0)
        return HONE_OK;
    HONE_TRY(shape_init(&s, call));
    l = layout_of(&s, call);
    if (!r.packed) {
        transpose_pack(call, scratch);
        r.packed = (const float *)scratch;
    }
    if (s.turn_in) {
        hone_layout_turn(r.x, (float *)(scratch + l.x), s.g.batch, s.g.channels, s.g.in_pixels,
                         call->pool);
        r.x = (const float *)(scratch + l.x);
    }
    if (s.turn_out)
        r.y = (float *)(scratch + l.y);
    hone_epilogue_init(&epilogue, s.first || s.blocks ? NULL : call->attrs->conv_transpose.program,
                       call->out[0], call->in + 3, call->n_in - 3, true);
    if (s.blocks)
        run_blocks(&r, (float *)(scratch + l.rows), (float *)(scratch + l.bias));
    else
        HONE_TRY(run_phases(&r));
    if (s.first || s.blocks)
        finish(call, &s, r.y);
    return HONE_OK;
}

static bool transpose_takes(const hone_cpu_call *call)
{
    for (int i = 0; i < HONE_MIN(call->n_in, 3); i++)
        if (call->in[i] && call->in[i]->dtype != HONE_F32)
            return false;
    return call->out[0]->dtype == HONE_F32;
}

const hone_cpu_kernel hone_cpu_conv_transpose = {.takes = transpose_takes,
                                                 .run = transpose_run,
                                                 .scratch = transpose_scratch,
                                                 .pack_size = packed_bytes,
                                                 .pack = transpose_pack};
