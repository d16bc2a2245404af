/* Which device a command works on: what --device says, or what is there. */
#ifndef HONE_CLI_CHOICE_H
#define HONE_CLI_CHOICE_H

#include "cli/options.h"
#include "hone/hone.h"

typedef struct hone_choice {
    char name[24]; /* as the library takes it: "cpu", "cuda:0" */
    bool is_cuda;
    int index; /* of "cuda:N" */
} hone_choice;

extern const hone_choice hone_choice_cpu;

/* Reads --device; where it names a GPU that has to answer, the driver is asked at once, before any
 * file is opened. *is_given is false where the option is not there: *out is then the CPU. Returns
 * an exit code. */
int hone_choice_read(const hone_args *args, hone_choice *out, bool *is_given);

/* For a model without --device: a GPU where driver, device and compiler answer, else the CPU. -v
 * says which and why. */
hone_choice hone_choice_for_model(const hone_args *args);

/* The device that a plan was made for: the CPU, or the GPU of `wanted`. */
hone_choice hone_choice_of_plan(const hone_plan *plan, const hone_choice *wanted);

/* A GPU answers, or is said not to. Returns an exit code. */
int hone_choice_check(const hone_choice *device);

/* "cuda:0 NVIDIA H200", or "cpu " and the CPU's name; returns text. */
#define HONE_CHOICE_TEXT 192
const char *hone_choice_text(const hone_choice *device, char text[HONE_CHOICE_TEXT]);

#endif
