/* hone inspect --html: one page for a browser that needs no network: facts, bindings, memory and
 * the table of steps, whose columns sort on a click. The page is data and about ten lines of
 * script; everything from a file is escaped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/inspect.h"
#include "cli/say.h"
#include "media/values.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<style>\n"
    "body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 "
    "1em;\n"
    "       color: #1c2024; background: #fff }\n"
    "h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin-top: 2em }\n"
    "table { border-collapse: collapse; width: 100% }\n"
    "th, td { text-align: left; padding: .25em .8em .25em 0; border-bottom: 1px solid #e3e6ea;\n"
    "         vertical-align: top }\n"
    "th { font-weight: 600; color: #59636e } th.sorts { cursor: pointer }\n"
    "td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }\n"
    "td.detail { color: #59636e; font-family: ui-monospace, monospace; font-size: .85em;\n"
    "            overflow-wrap: anywhere }\n"
    ".bar { display: flex; height: 1.4em; border-radius: 4px; overflow: hidden; margin: .5em 0 }\n"
    ".bar i { display: block; min-width: 2px } .share { display: inline-block; height: .7em;\n"
    "       background: #3b7dd8; border-radius: 2px }\n"
    "@media (prefers-color-scheme: dark) { body { color: #e3e6ea; background: #14181c }\n"
    "       th, td { border-color: #30363d } th, td.detail { color: #9aa4ae } }\n"
    "</style>\n";

static const char script[] =
    "<script>\n"
    "document.querySelectorAll('th.sorts').forEach((th, column) => th.onclick = () => {\n"
    "  const body = th.closest('table').tBodies[0], down = th.dataset.down = th.dataset.down ? '' "
    ": '1';\n"
    "  const key = row => { const t = row.cells[column], v = t.dataset.v; return v === undefined ? "
    "t.textContent : +v };\n"
    "  const order = (a, b) => a < b ? -1 : a > b ? 1 : 0;\n"
    "  [...body.rows].sort((a, b) => (down ? -1 : 1) * order(key(a), key(b))).forEach(r => "
    "body.append(r));\n"
    "});\n"
    "</script>\n";

/* Text from a file as text of the page. */
static void put(FILE *page, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", page);
        else if (*text == '>')
            fputs("&gt;", page);
        else if (*text == '&')
            fputs("&amp;", page);
        else if (*text == '"')
            fputs("&quot;", page);
        else
            fputc(*text, page);
    }
}

static void put_fact(FILE *page, const char *name, const char *value)
{
    fprintf(page, "<tr><th>%s</th><td>", name);
    put(page, value ? value : "");
    fputs("</td></tr>\n", page);
}

static void put_title(FILE *page, const char *title)
{
    fputs(head, page);
    fputs("<title>", page);
    put(page, title);
    fputs("</title>\n<h1>", page);
    put(page, title);
    fputs("</h1>\n", page);
}

// ---- bindings

typedef hone_status (*binding_question)(const hone_session *s, int index, hone_binding_info *info);

static hone_status ask_plan(const hone_session *s, int index, hone_binding_info *info)
{
    return hone_plan_binding(s->plan, index, info);
}

static hone_status ask_model(const hone_session *s, int index, hone_binding_info *info)
{
    return hone_model_binding(s->model, index, info);
}

static void put_bindings(FILE *page, const hone_session *s, binding_question ask, int n)
{
    fputs("<h2>Inputs and outputs</h2>\n<table>\n<tr><th></th><th>name</th><th>type</th>"
          "<th>shape</th><th>from, best, to</th></tr>\n",
          page);
    for (int i = 0; i < n; i++) {
        hone_binding_info b = {.size = sizeof b};
        char shape[HONE_VALUES_TEXT], min[HONE_VALUES_TEXT], opt[HONE_VALUES_TEXT];
        char max[HONE_VALUES_TEXT];
        if (ask(s, i, &b) != HONE_OK)
            continue;
        fprintf(page, "<tr><td>%s</td><td>", b.is_input ? "input" : "output");
        put(page, b.name);
        fprintf(page, "</td><td>%s%s%s</td><td>%s</td><td>", b.kind[0] == 't' ? "" : b.kind,
                b.kind[0] == 't' ? "" : " of ", hone_dtype_text(b.dtype),
                hone_values_shape_text(&b.shape, shape));
        if (s->plan && b.is_input && hone_inspect_is_open(&b.shape))
            fprintf(page, "%s, %s, %s", hone_values_shape_text(&b.min, min),
                    hone_values_shape_text(&b.opt, opt), hone_values_shape_text(&b.max, max));
        fputs("</td></tr>\n", page);
    }
    fputs("</table>\n", page);
}

// ---- plans

static void put_memory(FILE *page, const hone_plan_info *p)
{
    const struct {
        const char *name, *colour;
        size_t bytes;
    } parts[] = {
        {"weights", "#3b7dd8", p->weight_bytes},
        {"activations", "#2da44e", p->activation_bytes},
        {"scratch", "#bf8700", p->scratch_bytes},
        {"activations on the GPU", "#8250df", p->device_activation_bytes},
    };
    char size[HONE_REPORT_SIZE];
    fputs("<h2>Memory</h2>\n<div class=\"bar\">", page);
    for (int i = 0; i < HONE_COUNT_OF(parts); i++)
        fprintf(page, "<i style=\"flex: %zu; background: %s\"></i>", parts[i].bytes,
                parts[i].colour);
    fputs("</div>\n<table>\n", page);
    for (int i = 0; i < HONE_COUNT_OF(parts); i++)
        if (parts[i].bytes)
            fprintf(page,
                    "<tr><th><span style=\"color: %s\">&#9632;</span> %s</th><td>%s</td></tr>\n",
                    parts[i].colour, parts[i].name, hone_report_size((double)parts[i].bytes, size));
    put_fact(page, "alive at once", hone_report_size((double)p->live_bytes, size));
    if (p->device_weight_bytes)
        put_fact(page, "weights on the GPU",
                 hone_report_size((double)p->device_weight_bytes, size));
    fputs("</table>\n", page);
}

/* Columns of a plan for GPUs: where the step is, its time and its launch. */
static void put_launch(FILE *page, const hone_step_info *step)
{
    char grid[HONE_REPORT_GRID];
    fprintf(page, "<td>%s</td><td class=\"n\" data-v=\"%.9g\">", step->side, step->us);
    if (step->us > 0)
        fprintf(page, "%.2f", step->us);
    fprintf(page, "</td><td class=\"n\">%s</td><td class=\"detail\">",
            step->grid[0] ? hone_report_grid(step->grid, grid) : "");
    put(page, step->tactic);
    fputs("</td>", page);
}

static void put_step(FILE *page, int index, const hone_step_info *step, double all_flop,
                     bool is_cuda)
{
    char weights[HONE_REPORT_SIZE], moved[HONE_REPORT_SIZE];
    fprintf(page, "<tr><td class=\"n\" data-v=\"%d\">%d</td><td>", index, index);
    put(page, step->op);
    fputs("</td><td>", page);
    put(page, step->name);
    fputs("</td>", page);
    if (is_cuda)
        put_launch(page, step);
    fprintf(page,
            "<td class=\"n\" data-v=\"%.9g\">%.3f</td><td data-v=\"%.9g\"><span class=\"share\" "
            "style=\"width: %.1fem\"></span></td><td class=\"n\" data-v=\"%.9g\">%s</td>"
            "<td class=\"n\" data-v=\"%zu\">%s</td><td class=\"detail\">",
            step->flop, step->flop * 1e-6, step->flop, all_flop > 0 ? 8 * step->flop / all_flop : 0,
            step->bytes, hone_report_size(step->bytes, moved), step->weight_bytes,
            step->weight_bytes ? hone_report_size((double)step->weight_bytes, weights) : "");
    put(page, step->detail);
    fputs("</td></tr>\n", page);
}

static void put_steps(FILE *page, const hone_plan *plan, int n, bool is_cuda)
{
    static const char gpu_columns[] =
        "<th class=\"sorts\">side</th><th class=\"sorts n\">&micro;s</th>"
        "<th class=\"sorts n\">grid</th><th class=\"sorts\">kernel</th>";
    double all = 0;
    for (int i = 0; i < n; i++) {
        hone_step_info step = {.size = sizeof step};
        if (hone_plan_step_info(plan, i, &step) == HONE_OK)
            all += step.flop;
    }
    fprintf(
        page,
        "<h2>Steps</h2>\n<p>%d steps, %.3f MFLOP. A click on a heading sorts.</p>\n<table>\n"
        "<thead><tr><th class=\"sorts n\">#</th><th class=\"sorts\">op</th><th class=\"sorts\">"
        "nodes of the model</th>%s<th class=\"sorts n\">MFLOP</th><th class=\"sorts\">share</th>"
        "<th class=\"sorts n\">moved</th><th class=\"sorts n\">weights</th>"
        "<th class=\"sorts\">shapes and attributes</th></tr></thead>\n<tbody>\n",
        n, all * 1e-6, is_cuda ? gpu_columns : "");
    for (int i = 0; i < n; i++) {
        hone_step_info step = {.size = sizeof step};
        if (hone_plan_step_info(plan, i, &step) == HONE_OK)
            put_step(page, i, &step, all, is_cuda);
    }
    fputs("</tbody>\n</table>\n", page);
}

static void put_sides(FILE *page, const hone_plan *plan, const hone_plan_info *p)
{
    const hone_inspect_sides sides = hone_inspect_count_sides(plan, p->n_steps);
    char text[256];
    snprintf(text, sizeof text, "%d on the GPU in %d launches, %d on the CPU%s%s, %d copies",
             sides.n_cuda, p->n_launches, sides.n_cpu, sides.n_cpu ? ": " : "", sides.cpu_ops,
             sides.n_copies);
    put_fact(page, "kernels for", p->targets);
    put_fact(page, "steps", text);
}

static void put_plan(FILE *page, const hone_session *s)
{
    hone_plan_info p = {.size = sizeof p};
    char size[HONE_REPORT_SIZE];
    const char *key, *value;
    if (hone_plan_describe(s->plan, &p) != HONE_OK)
        return;
    const bool is_cuda = strcmp(p.device, "cuda") == 0;
    put_title(page, s->path);
    fputs("<table>\n", page);
    put_fact(page, "model", p.model);
    put_fact(page, "device", p.device);
    if (is_cuda)
        put_sides(page, s->plan, &p);
    put_fact(page, "precision", p.precision);
    put_fact(page, "producer", p.producer);
    put_fact(page, "size", hone_report_size((double)p.plan_bytes, size));
    fputs("</table>\n", page);
    put_bindings(page, s, ask_plan, p.n_inputs + p.n_outputs);
    put_memory(page, &p);
    put_steps(page, s->plan, p.n_steps, is_cuda);
    fputs("<h2>Properties</h2>\n<table>\n", page);
    for (int i = 0; (key = hone_plan_property_at(s->plan, i, &value)); i++) {
        fputs("<tr><th>", page);
        put(page, key);
        fputs("</th><td>", page);
        put(page, value);
        fputs("</td></tr>\n", page);
    }
    fputs("</table>\n", page);
}

// ---- models

static void put_text(void *page, const char *text, size_t size)
{
    char *copy = strndup(text, size);
    if (copy)
        put(page, copy);
    free(copy);
}

static void put_model(FILE *page, const hone_session *s)
{
    static const char *const facts[] = {"producer", "ir_version", "opset", "nodes", "parameters"};
    put_title(page, s->path);
    fputs("<table>\n", page);
    for (int i = 0; i < HONE_COUNT_OF(facts); i++)
        if (hone_model_property(s->model, facts[i]))
            put_fact(page, facts[i], hone_model_property(s->model, facts[i]));
    fputs("</table>\n", page);
    put_bindings(page, s, ask_model, hone_model_inputs(s->model) + hone_model_outputs(s->model));
    fputs("<h2>Graph</h2>\n<pre>", page);
    if (hone_model_print(s->model, put_text, page) != HONE_OK)
        put(page, hone_message());
    fputs("</pre>\n", page);
}

int hone_inspect_html(const hone_session *s)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *page = open_memstream(&bytes, &size);
    if (!page)
        return hone_fail(HONE_EXIT_LIMIT, "inspecting: no memory");
    if (s->model)
        put_model(page, s);
    else
        put_plan(page, s);
    fputs(script, page);
    const bool ok = fclose(page) == 0;
    const int code = ok ? hone_report_bytes(hone_args_text(s->args, HONE_OPTION_html), bytes, size)
                        : hone_fail(HONE_EXIT_LIMIT, "inspecting: no memory");
    free(bytes);
    return code;
}
