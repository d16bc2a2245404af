/* The parts of hone inspect. */
#ifndef HONE_CLI_INSPECT_H
#define HONE_CLI_INSPECT_H

#include "cli/report.h"
#include "cli/session.h"

int hone_inspect_plan(const hone_session *s);
int hone_inspect_model(const hone_session *s);
int hone_inspect_html(const hone_session *s);

bool hone_inspect_is_open(const hone_dims *shape);
json_t *hone_inspect_binding_json(const hone_binding_info *b);

/* How many steps of a plan are where. */
typedef struct hone_inspect_sides {
    int n_cuda, n_cpu, n_copies;
    char cpu_ops[160]; /* "conv 3, matmul 2": those that are left to the CPU, views and jumps not */
} hone_inspect_sides;
hone_inspect_sides hone_inspect_count_sides(const hone_plan *plan, int n_steps);

/* "inputs       image   float32 1x3x224x224" */
void hone_inspect_print_binding(const hone_binding_info *b, const char *heading, int width);

#endif
