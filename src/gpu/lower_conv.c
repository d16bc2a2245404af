/* Convolutions, channels last: rows are output pixels, groups are problems beside each other. A
 * transposed convolution is one over an input whose pixels lie apart, its taps in the other
 * direction. */
#include "gpu/contraction.h"

/* What conv and conv_transpose have in common. */
typedef struct conv_attrs {
    bool is_transposed;
    int64_t group, layout;
    const hone_program *program;
    bool has_gate;
} conv_attrs;

static conv_attrs attrs_of(const hone_lower *lower)
{
    const hone_attrs *a = lower->attrs;

    if (lower->op == HONE_OP_conv_transpose)
        return (conv_attrs){true, a->conv_transpose.group, a->conv_transpose.layout,
                            a->conv_transpose.program, false};
    return (conv_attrs){false, a->conv.group, a->conv.layout, a->conv.program, a->conv.gate != 0};
}

/* A window of one or two dimensions as two. */
static void set_window(hone_gpu_contraction *p, const hone_window *w)
{
    for (int d = 0; d < 2; d++) {
        const int from = d - (2 - w->n);
        const bool is_there = from >= 0;
        p->in[d] = is_there ? w->in[from] : 1;
        p->out[d] = is_there ? w->out[from] : 1;
        p->kernel[d] = is_there ? w->kernel[from] : 1;
        p->stride[d] = is_there ? w->stride[from] : 1;
        p->dilation[d] = is_there ? w->dilation[from] : 1;
        p->pad[d] = is_there ? w->pad_begin[from] : 0;
        p->spread[d] = 1;
    }
}

/* Input pixel i of a transposed convolution is met by tap k at output i * stride + k * dilation -
 * pad. */
static void turn_window(hone_gpu_contraction *p)
{
    for (int d = 0; d < 2; d++) {
        p->spread[d] = p->stride[d];
        p->stride[d] = 1;
        p->dilation[d] = -p->dilation[d];
        p->pad[d] = -p->pad[d];
    }
}

/* Of a transposed one: [group, I / group, O / group, taps] as [group, O / group, taps, I / group].
 */
static hone_gpu_packing turned_weights(const hone_gpu_contraction *p)
{
    const int64_t taps = p->kernel[0] * p->kernel[1];

    return (hone_gpu_packing){.dtype = p->dtype,
                              .rank = 4,
                              .dim = {p->inner, p->c, p->n, taps},
                              .perm = {0, 2, 3, 1},
                              .padded = {p->inner, p->n, taps, p->c}};
}

/* [O, I / group, taps...] as [O, taps..., I / group]. */
static void pack_weights(hone_gpu_contraction *p, const hone_tensor *w)
{
    hone_gpu_packing *k = &p->weights;

    *k = (hone_gpu_packing){.dtype = p->dtype, .rank = w->shape.rank};
    for (int i = 0; i < k->rank; i++) {
        k->dim[i] = w->shape.dim[i];
        k->perm[i] = i == 0 ? 0 : i == k->rank - 1 ? 1 : i + 1;
    }
    for (int i = 0; i < k->rank; i++)
        k->padded[i] = k->dim[k->perm[i]];
}

/* Weights that are not constant lie as the kernel wants them where there is one tap. */
static bool set_weights(const hone_lower *lower, hone_gpu_contraction *p)
{
    const hone_tensor *w = lower->in[1];
    const bool is_transposed = lower->op == HONE_OP_conv_transpose;

    p->w_is_constant = w->data != NULL;
    p->has_windows = p->w_is_constant && !is_transposed;
    if (is_transposed) {
        p->weights = turned_weights(p);
        return p->w_is_constant && hone_gpu_is_float(w->dtype);
    }
    if (p->w_is_constant)
        pack_weights(p, w);
    return hone_gpu_is_float(w->dtype) &&
           (p->w_is_constant || (w->dtype == p->dtype && p->kernel[0] * p->kernel[1] == 1));
}

/* Rows run over all images where every operand goes on evenly from one to the next; else each image
 * is a problem. */
static bool set_rows(hone_gpu_map *map, hone_gpu_contraction *p)
{
    const int64_t images = p->batch;
    const int n = map->rank - 1;

    for (int k = 0; k < p->n_extra; k++)
        p->extra[k].n = map->stride[k + 1][n];
    map->rank = n;
    hone_gpu_map_collapse(map);
    const int last = map->rank - 1;
    if (last > 1 || (last == 1 && map->dim[0] != images))
        return false;
    if (last == 1) {
        p->outer = images;
        p->batch = 1;
        p->a_z.outer = p->in[0] * p->in[1] * p->lda;
        p->y_z.outer = map->stride[0][0];
    }
    for (int k = 0; k < p->n_extra; k++) {
        hone_gpu_extra *e = &p->extra[k];
        e->m = map->dim[last] == 1 ? 0 : map->stride[k + 1][last];
        e->z =
            (hone_gpu_steps){p->inner > 1 ? p->n * e->n : 0, last == 1 ? map->stride[k + 1][0] : 0};
    }
    return true;
}

/* The gate is the last input; each image has its own, so that with several each is a problem. */
static bool set_gate(const hone_lower *lower, hone_gpu_map *map, hone_gpu_contraction *p)
{
    const int64_t ones = p->kernel[0] * p->kernel[1] * p->stride[0] * p->stride[1];
    const hone_tensor *gate = lower->in[lower->n_in - 1];
    hone_dims images = {.rank = lower->out[0]->shape.rank, .dim = {p->batch}};

    p->gate = lower->n_in - 1;
    for (int d = 1; d < images.rank; d++)
        images.dim[d] = 1;
    return ones == 1 && (p->batch == 1 || p->out[0] * p->out[1] > 1) &&
           p->pad[0] + p->pad[1] == 0 && p->inner == 1 && gate->dtype == p->dtype &&
           p->n_extra < HONE_GPU_EXTRAS && hone_gpu_map_broadcast(map, &images);
}

/* Windows that lie beside each other without a gap, as patches of a picture do: a line of one is a
 * pixel of more channels, and rows of weights are the same. */
static void join_lines(hone_gpu_contraction *p)
{
    const int64_t k = p->kernel[1];

    if (k == 1 || p->stride[1] != k || p->dilation[1] != 1 || p->pad[1] != 0 || p->in[1] % k != 0 ||
        p->inner != 1)
        return;
    p->in[1] /= k;
    p->c *= k;
    p->lda *= k;
    p->kernel[1] = p->stride[1] = 1;
    p->has_windows = false; /* its weights would be others */
}

static bool conv_of(const hone_lower *lower, hone_gpu_contraction *p)
{
    const hone_tensor *x = lower->in[0], *w = lower->in[1];
    const conv_attrs a = attrs_of(lower);
    const int64_t channels = x->shape.dim[x->shape.rank - 1], group = a.group;
    const hone_gpu_epilogue epilogue = {.program = a.program, .beta = 1};
    hone_window window;
    hone_gpu_map map;

    if (hone_window_of(lower->op, lower->attrs, &x->shape, &w->shape, &window) != HONE_OK)
        return false;
    *p = (hone_gpu_contraction){.dtype = x->dtype,
                                .out_dtype = lower->out[0]->dtype,
                                .alpha = 1,
                                .n = a.is_transposed ? w->shape.dim[1] : w->shape.dim[0] / group,
                                .c = a.is_transposed ? w->shape.dim[0] / group : w->shape.dim[1],
                                .batch = x->shape.dim[0],
                                .lda = channels,
                                .inner = group,
                                .outer = 1};
    set_window(p, &window);
    if (a.is_transposed)
        turn_window(p);
    p->ldy = p->n * group;
    p->ldw = hone_gpu_contraction_k(p);
    if (group > 1) {
        p->a_z.inner = p->c;
        p->w_z.inner = p->n * p->ldw;
        p->y_z.inner = p->bias_z.inner = p->n;
    }
    hone_gpu_map_init(&map, &lower->out[0]->shape);
    if (p->c * group != channels || !set_weights(lower, p) ||
        !hone_gpu_contraction_epilogue(lower, &epilogue, &map, p) ||
        (a.has_gate && !set_gate(lower, &map, p)) || !set_rows(&map, p))
        return false;
    p->gate_z.outer = p->outer > 1 ? p->c : 0;
    if (!a.is_transposed)
        join_lines(p);
    return true;
}

static bool takes_conv(const hone_lower *lower)
{
    const hone_tensor *x = lower->in[0];

    return attrs_of(lower).layout == HONE_LAYOUT_LAST &&
           (x->shape.rank == 3 || x->shape.rank == 4) && !hone_lower_out(lower, 1) &&
           hone_gpu_is_float(x->dtype) && hone_gpu_is_float(lower->out[0]->dtype);
}

hone_status hone_gpu_conv(hone_lower *lower)
{
    hone_gpu_contraction p;

    if (lower->op == HONE_OP_conv)
        HONE_TRY(hone_gpu_depthwise(lower));
    if (!lower->first && takes_conv(lower) && conv_of(lower, &p))
        hone_gpu_contraction_offer(lower, &p);
    return HONE_OK;
}
