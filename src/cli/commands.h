/* The commands. Each returns an exit code and has said what is wrong. */
#ifndef HONE_CLI_COMMANDS_H
#define HONE_CLI_COMMANDS_H

#include "cli/options.h"

int hone_command_build(const hone_args *args);
int hone_command_run(const hone_args *args);
int hone_command_bench(const hone_args *args);
int hone_command_compare(const hone_args *args);
int hone_command_inspect(const hone_args *args);
int hone_command_doctor(const hone_args *args);

#endif
