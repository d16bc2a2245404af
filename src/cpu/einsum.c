/* einsum, by its definition: every label is a loop, those of the output outside, the others summed
 * inside. Passes turn the common equations into matmul; this is for the rest. Floats are summed in
 * double, integers in int64. */
#include "cpu/kernel.h"

#define MOST_LABELS   24
#define MOST_OPERANDS 8

typedef struct einsum_job {
    const hone_cpu_call *call;
    int n_outer, n_labels;
    char label[MOST_LABELS]; /* letters; ellipsis axes are 1, 2, ... counted from the right */
    int64_t dim[MOST_LABELS];
    int64_t stride[MOST_OPERANDS][MOST_LABELS];
    int64_t outputs, terms;
} einsum_job;

/* The labels of one term of the equation, the ellipsis spread out: false where the text or the rank
 * is wrong. */
static bool read_term(const char **text, int rank, char *out, int *n)
{
    const char *s = *text;
    int letters = 0, at = 0;
    bool dots = false;

    for (const char *p = s; *p && *p != ',' && *p != '-'; p++)
        letters += (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
    for (; *s && *s != ',' && *s != '-'; s++) {
        if (*s == ' ')
            continue;
        if (s[0] == '.' && s[1] == '.' && s[2] == '.' && !dots) {
            dots = true;
            for (int k = rank - letters; k > 0 && at < HONE_MAX_RANK; k--)
                out[at++] = (char)k;
            s += 2;
        } else if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')) {
            if (at == HONE_MAX_RANK)
                return false;
            out[at++] = *s;
        } else {
            return false;
        }
    }
    *text = s;
    *n = at;
    return at == rank;
}

static int find_label(einsum_job *job, char label)
{
    for (int i = 0; i < job->n_labels; i++)
        if (job->label[i] == label)
            return i;
    if (job->n_labels == MOST_LABELS)
        return -1;
    job->label[job->n_labels] = label;
    job->dim[job->n_labels] = 1;
    return job->n_labels++;
}

static hone_status bad_equation(const hone_cpu_call *call)
{
    return hone_error(HONE_ERR_DEVICE, "einsum: the equation \"%s\" does not fit the inputs",
                      call->attrs->einsum.equation ? call->attrs->einsum.equation : "");
}

/* How often each label occurs, to make the implicit output: letters that occur once, in order,
 * after the ellipsis. */
static int implicit_output(const hone_cpu_call *call, char *out)
{
    int n = 0;

    for (char c = 'A'; c <= 'z' && n < HONE_MAX_RANK; c++) {
        int seen = 0;
        for (const char *p = call->attrs->einsum.equation; *p; p++)
            seen += *p == c;
        if (seen == 1 && ((c >= 'A' && c <= 'Z') || c >= 'a'))
            out[n++] = c;
    }
    const int dots = call->out[0]->shape.rank - n;
    if (dots < 0 || dots + n > HONE_MAX_RANK)
        return -1;
    for (int i = n - 1; i >= 0; i--)
        out[i + dots] = out[i];
    for (int i = 0; i < dots; i++)
        out[i] = (char)(dots - i);
    return n + dots;
}

static hone_status set_outer(einsum_job *job)
{
    const hone_cpu_call *call = job->call;
    const char *arrow = strstr(call->attrs->einsum.equation, "->");
    char labels[HONE_MAX_RANK];
    int n;

    if (arrow) {
        arrow += 2;
        if (!read_term(&arrow, call->out[0]->shape.rank, labels, &n) || *arrow)
            return bad_equation(call);
    } else {
        n = implicit_output(call, labels);
        if (n != call->out[0]->shape.rank)
            return bad_equation(call);
    }
    for (int i = 0; i < n; i++)
        if (find_label(job, labels[i]) != i)
            return bad_equation(call);
    job->n_outer = n;
    return HONE_OK;
}

static hone_status set_operand(einsum_job *job, int k, const char **text)
{
    const hone_dims *x = &job->call->in[k]->shape;
    char labels[HONE_MAX_RANK];
    int64_t stride[HONE_MAX_RANK];
    int n;

    if (!read_term(text, x->rank, labels, &n))
        return bad_equation(job->call);
    hone_dims_strides(x, stride);
    for (int i = 0; i < n; i++) {
        const int l = find_label(job, labels[i]);
        if (l < 0 || (x->dim[i] != 1 && job->dim[l] != 1 && job->dim[l] != x->dim[i]))
            return bad_equation(job->call);
        if (x->dim[i] != 1) {
            job->dim[l] = x->dim[i];
            job->stride[k][l] += stride[i]; /* a label twice in a term walks the diagonal */
        }
    }
    return HONE_OK;
}

static hone_status set_einsum(einsum_job *job)
{
    const hone_cpu_call *call = job->call;
    const char *text = call->attrs->einsum.equation;

    if (!text || call->n_in > MOST_OPERANDS)
        return bad_equation(call);
    HONE_TRY(set_outer(job));
    for (int k = 0; k < call->n_in; k++) {
        HONE_TRY(set_operand(job, k, &text));
        if (*text == ',' ? k == call->n_in - 1 : k < call->n_in - 1)
            return bad_equation(call);
        text += *text == ',';
    }
    job->outputs = job->terms = 1;
    for (int i = 0; i < job->n_labels; i++) {
        if (i < job->n_outer && job->dim[i] != call->out[0]->shape.dim[i])
            return bad_equation(call);
        if (i < job->n_outer)
            job->outputs *= job->dim[i];
        else
            job->terms *= job->dim[i];
    }
    return HONE_OK;
}

static void offsets_of(const einsum_job *job, int from, int to, int64_t at, int64_t *offset)
{
    for (int l = to - 1; l >= from; l--) {
        const int64_t i = at % job->dim[l];
        for (int k = 0; k < job->call->n_in; k++)
            offset[k] += i * job->stride[k][l];
        at /= job->dim[l];
    }
}

static void set_output(const einsum_job *job, int64_t o)
{
    const hone_cpu_call *call = job->call;
    const bool is_float = hone_dtype_is_float(call->out[0]->dtype);
    double sum = 0;
    uint64_t whole = 0;

    for (int64_t t = 0; t < job->terms; t++) {
        int64_t offset[MOST_OPERANDS] = {0};
        double product = 1;
        uint64_t whole_product = 1;
        offsets_of(job, 0, job->n_outer, o, offset);
        offsets_of(job, job->n_outer, job->n_labels, t, offset);
        for (int k = 0; k < call->n_in; k++)
            if (is_float)
                product *= hone_get(call->in[k], offset[k]);
            else
                whole_product *= (uint64_t)hone_get_int(call->in[k], offset[k]);
        sum += product;
        whole += whole_product;
    }
    if (is_float)
        hone_set(call->out[0], o, sum);
    else
        hone_element_set_int(call->out[0]->dtype, call->out[0]->data, o,
                             call->out[0]->dtype == HONE_I32 ? (int32_t)whole : (int64_t)whole);
}

/* Two float32 operands: the innermost label runs over strides. */
static void set_output_f32(const einsum_job *job, int64_t o)
{
    const hone_cpu_call *call = job->call;
    const int last = job->n_labels - 1;
    const int64_t n = job->n_labels > job->n_outer ? job->dim[last] : 1;
    const int64_t step_a = job->n_labels > job->n_outer ? job->stride[0][last] : 0;
    const int64_t step_b = job->n_labels > job->n_outer ? job->stride[1][last] : 0;
    double sum = 0;

    for (int64_t t = 0; t < job->terms; t += n) {
        int64_t offset[MOST_OPERANDS] = {0};
        offsets_of(job, 0, job->n_outer, o, offset);
        offsets_of(job, job->n_outer, job->n_labels, t, offset);
        const float *a = (const float *)call->in[0]->data + offset[0],
                    *b = (const float *)call->in[1]->data + offset[1];
        for (int64_t i = 0; i < n; i++)
            sum += (double)a[i * step_a] * b[i * step_b];
    }
    ((float *)call->out[0]->data)[o] = (float)sum;
}

static void set_outputs(void *ctx, int64_t begin, int64_t end)
{
    const einsum_job *job = ctx;
    const bool fast = job->call->n_in == 2 && job->call->out[0]->dtype == HONE_F32;

    for (int64_t o = begin; o < end; o++)
        if (fast)
            set_output_f32(job, o);
        else
            set_output(job, o);
}

static hone_status run_einsum(const hone_cpu_call *call)
{
    einsum_job job = {.call = call};

    HONE_TRY(set_einsum(&job));
    hone_cpu_for(call, job.outputs, hone_grain(job.terms + 16), set_outputs, &job);
    return HONE_OK;
}

static bool takes_einsum(const hone_cpu_call *call)
{
    return hone_takes_real(call) && call->in[0]->dtype != HONE_BOOL;
}

const hone_cpu_kernel hone_cpu_einsum = {.run = run_einsum, .takes = takes_einsum};
