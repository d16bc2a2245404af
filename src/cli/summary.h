/* What a run answered, in short. */
#ifndef HONE_CLI_SUMMARY_H
#define HONE_CLI_SUMMARY_H

#include "cli/report.h"
#include "cli/session.h"

int hone_summary_print(const hone_session *s);

/* Adds "outputs", and "classes" where there are any, to the object of a run. */
int hone_summary_json(const hone_session *s, json_t *run);

#endif
