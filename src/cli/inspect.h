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

/* "inputs       image   float32 1x3x224x224" */
void hone_inspect_print_binding(const hone_binding_info *b, const char *heading, int width);

#endif
