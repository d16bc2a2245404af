/* A context's outputs into files. */
#ifndef HONE_CLI_OUTPUTS_H
#define HONE_CLI_OUTPUTS_H

#include "cli/session.h"

/* True where the user named files for outputs, so that no summary is printed. */
bool hone_outputs_are_asked(const hone_args *args);

/* Checks --output against the plan's names before anything runs. */
int hone_outputs_check(const hone_session *s);

/* Writes what --output and --outputs ask for. */
int hone_outputs_write(const hone_session *s);

#endif
