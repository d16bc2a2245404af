/* From an operand to something that runs: model or plan, plan, engine, context, with the options of
 * the command line. */
#ifndef HONE_CLI_SESSION_H
#define HONE_CLI_SESSION_H

#include "cli/choice.h"
#include "cli/options.h"
#include "hone/build.h"
#include "hone/media.h"

/* An input of the model or plan, and what was given for it. */
typedef struct hone_session_input {
    char *name;
    const char *path; /* NULL: none was given */
    char *owned_path;
    bool is_loaded;
    hone_array array;
} hone_session_input;

typedef struct hone_session {
    const hone_args *args;
    const char *path;
    hone_choice device; /* that a plan is for, that a model is built for */
    hone_model *model;  /* NULL: the operand is a plan */
    hone_plan *plan;
    hone_engine *engine;
    hone_context *context;
    char *shapes, *min_shapes, *opt_shapes, *max_shapes;
    char *targets, *labels;
    int n_inputs;
    hone_session_input *inputs;
    bool said_random;
    bool is_plain; /* built without optimising, whatever the options say */
    bool is_exact; /* built in float32 alone, whatever the options say */
    bool io_is_on_device;
    double build_s, load_ms;
} hone_session;

/* Opens the operand, told apart by content. They return an exit code and have said what is
 * wrong; hone_session_fini in any case. */
int hone_session_open(const hone_args *args, hone_session *out);
/* The same for another file than the operand. */
int hone_session_open_file(const hone_args *args, const char *path, hone_session *out);

/* Builds the model, or does nothing for a plan. */
int hone_session_build(hone_session *s);

/* Engine and context. */
int hone_session_start(hone_session *s);

/* One more context of the session's engine, with the same options. */
hone_status hone_session_context(const hone_session *s, hone_context **out);

void hone_session_fini(hone_session *s);

int hone_session_threads(const hone_session *s);

#endif
