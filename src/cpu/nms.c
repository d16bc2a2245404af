/* non_max_suppression: per batch and class, boxes by falling score; a box is kept unless it
 * overlaps a kept one by more than the threshold. Classes are independent tasks; each keeps its
 * candidates, then its answers, in a region of the scratch. */
#include "cpu/kernel.h"

typedef struct candidate {
    float score;
    int32_t box;
} candidate;

typedef struct nms_job {
    const float *boxes, *scores;
    bool centered;
    int64_t classes, n;
    int64_t most; /* boxes to a class */
    float iou, least;
    bool has_least;
    candidate *room; /* n to a class */
    int64_t *kept;   /* to a class */
} nms_job;

static bool is_before(const candidate *a, const candidate *b)
{
    return a->score != b->score ? a->score > b->score : a->box < b->box;
}

static void sift(candidate *heap, int64_t n, int64_t at)
{
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && is_before(&heap[child], &heap[child + 1]))
            child++;
        if (!is_before(&heap[at], &heap[child]))
            return;
        const candidate t = heap[at];
        heap[at] = heap[child];
        heap[child] = t;
    }
}

/* Best first: the heap's root is the worst in is_before's order, and goes to the end. */
static void sort_candidates(candidate *c, int64_t n)
{
    for (int64_t i = n / 2 - 1; i >= 0; i--)
        sift(c, n, i);
    for (int64_t end = n - 1; end > 0; end--) {
        const candidate t = c[0];
        c[0] = c[end];
        c[end] = t;
        sift(c, end, 0);
    }
}

typedef struct corners {
    float y0, x0, y1, x1;
} corners;

static corners corners_of(const nms_job *job, const float *box)
{
    if (job->centered)
        return (corners){box[1] - box[3] / 2, box[0] - box[2] / 2, box[1] + box[3] / 2,
                         box[0] + box[2] / 2};
    return (corners){HONE_MIN(box[0], box[2]), HONE_MIN(box[1], box[3]), HONE_MAX(box[0], box[2]),
                     HONE_MAX(box[1], box[3])};
}

static bool overlaps(const nms_job *job, const corners *a, const corners *b)
{
    const float h = HONE_MIN(a->y1, b->y1) - HONE_MAX(a->y0, b->y0);
    const float w = HONE_MIN(a->x1, b->x1) - HONE_MAX(a->x0, b->x0);
    const float area_a = (a->y1 - a->y0) * (a->x1 - a->x0),
                area_b = (b->y1 - b->y0) * (b->x1 - b->x0);

    if (!(h > 0) || !(w > 0) || area_a <= 0 || area_b <= 0)
        return false;
    return h * w / (area_a + area_b - h * w) > job->iou;
}

/* The kept ones move to the front of the class's region, behind which the candidates are read. */
static int64_t suppress(const nms_job *job, const float *boxes, candidate *c, int64_t n)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < n && kept < job->most; i++) {
        const corners a = corners_of(job, boxes + 4 * (int64_t)c[i].box);
        bool keep = true;
        for (int64_t k = 0; k < kept && keep; k++) {
            const corners b = corners_of(job, boxes + 4 * (int64_t)c[k].box);
            keep = !overlaps(job, &a, &b);
        }
        if (keep)
            c[kept++] = c[i];
    }
    return kept;
}

static void nms_classes(void *ctx, int64_t begin, int64_t end)
{
    const nms_job *job = ctx;

    for (int64_t i = begin; i < end; i++) {
        const float *scores = job->scores + i * job->n;
        candidate *c = job->room + i * job->n;
        int64_t n = 0;
        for (int64_t k = 0; k < job->n; k++)
            if (!job->has_least || scores[k] > job->least)
                c[n++] = (candidate){scores[k], (int32_t)k};
        sort_candidates(c, n);
        job->kept[i] = suppress(job, job->boxes + i / job->classes * job->n * 4, c, n);
    }
}

static size_t scratch_nms(const hone_cpu_call *call)
{
    const hone_dims *s = &call->in[1]->shape;
    return s->rank == 3 ? (size_t)hone_tensor_count(call->in[1]) * sizeof(candidate) +
                              (size_t)(s->dim[0] * s->dim[1]) * sizeof(int64_t) + HONE_ALIGNMENT
                        : 0;
}

static hone_status run_nms(const hone_cpu_call *call)
{
    const hone_dims *boxes = &call->in[0]->shape, *scores = &call->in[1]->shape;
    hone_dims dims = {2, {0, 3}};

    if (boxes->rank != 3 || scores->rank != 3 || boxes->dim[2] != 4 ||
        boxes->dim[0] != scores->dim[0] || boxes->dim[1] != scores->dim[2] ||
        boxes->dim[1] > INT32_MAX)
        return hone_error(HONE_ERR_DEVICE,
                          "non_max_suppression: boxes and scores do not belong together");
    const int64_t items = scores->dim[0] * scores->dim[1];
    nms_job job = {
        .boxes = call->in[0]->data,
        .scores = call->in[1]->data,
        .centered = call->attrs->non_max_suppression.center_point_box != 0,
        .classes = scores->dim[1],
        .n = scores->dim[2],
        .most = hone_call_has(call, 2) ? hone_get_int(call->in[2], 0) : 0,
        .iou = hone_call_has(call, 3) ? (float)hone_get(call->in[3], 0) : 0,
        .has_least = hone_call_has(call, 4),
        .least = hone_call_has(call, 4) ? (float)hone_get(call->in[4], 0) : 0,
        .kept = call->scratch,
    };
    job.room = (candidate *)(void *)(job.kept + items);
    hone_cpu_for(call, items, hone_grain(job.n * 16), nms_classes, &job);
    for (int64_t i = 0; i < items; i++)
        dims.dim[0] += job.kept[i];
    HONE_TRY(hone_cpu_set_extents(call, 0, &dims));
    int64_t *y = call->out[0]->data;
    for (int64_t i = 0; i < items; i++)
        for (int64_t k = 0; k < job.kept[i]; k++, y += 3) {
            y[0] = i / job.classes;
            y[1] = i % job.classes;
            y[2] = job.room[i * job.n + k].box;
        }
    return HONE_OK;
}

static bool takes_nms(const hone_cpu_call *call)
{
    return call->in[0]->dtype == HONE_F32 && call->in[1]->dtype == HONE_F32;
}

const hone_cpu_kernel hone_cpu_non_max_suppression = {
    .run = run_nms, .scratch = scratch_nms, .takes = takes_nms};
