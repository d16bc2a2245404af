/* The command line: the tables of commands, options and aliases, and what a user gave. */
#ifndef HONE_CLI_OPTIONS_H
#define HONE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum hone_command {
#define COMMAND(id, name, operands, text) HONE_COMMAND_##id,
#include "cli/commands.def"
#undef COMMAND
    HONE_COMMAND_N
} hone_command;

typedef enum hone_option {
#define GROUP(title)
#define OPTION(id, name, letter, kind, value, commands, text) HONE_OPTION_##id,
#include "cli/options.def"
#undef OPTION
#undef GROUP
    HONE_OPTION_N
} hone_option;

typedef enum hone_option_kind {
    HONE_KIND_FLAG,
    HONE_KIND_WORD,
    HONE_KIND_TEXT,
    HONE_KIND_INT,
    HONE_KIND_REAL,
    HONE_KIND_FILE,
    HONE_KIND_FOLDER,
    HONE_KIND_LIST,
    HONE_KIND_MAYBE,
} hone_option_kind;

typedef struct hone_command_row {
    const char *name, *operands, *text;
} hone_command_row;

typedef struct hone_option_row {
    const char *name;
    char letter; /* 0: none */
    hone_option_kind kind;
    const char *value; /* how the help calls it; of a WORD, the words */
    unsigned commands; /* bits, 1 << HONE_COMMAND_x */
    const char *text;
} hone_option_row;

typedef enum hone_alias_kind {
    HONE_ALIAS_SAME,
    HONE_ALIAS_MODEL,
    HONE_ALIAS_PAIRS, /* "name:file,name:file" */
    HONE_ALIAS_LEVEL, /* 0 to 5, from the quickest build to the best plan */
    HONE_ALIAS_NOTHING,
    HONE_ALIAS_REFUSED,
} hone_alias_kind;

typedef struct hone_alias_row {
    const char *name;
    hone_alias_kind kind;
    hone_option option;
} hone_alias_row;

extern const hone_command_row hone_commands[HONE_COMMAND_N];
extern const hone_option_row hone_options[HONE_OPTION_N];
extern const hone_alias_row hone_aliases[];
extern const int hone_n_aliases;

typedef struct hone_given {
    hone_option option;
    const char *value; /* NULL: a flag, or a MAYBE without one */
} hone_given;

typedef struct hone_args {
    hone_command command;
    const char **operands;
    int n_operands;
    hone_given *given; /* in the order of the command line */
    int n_given;
    char *texts; /* pieces of values that had to be cut up */
} hone_args;

/* Reads the command line; prints what is wrong with it and returns the exit code. hone_args_fini in
 * any case. */
int hone_args_parse(int argc, char **argv, hone_args *out);
void hone_args_fini(hone_args *args);

/* The command of that name; otherwise says so, with the nearest one. */
int hone_args_command(const char *name, hone_command *out);

/* How often an option was given; its last value; its last value as a number, or the default. */
int hone_args_count(const hone_args *args, hone_option option);
const char *hone_args_text(const hone_args *args, hone_option option);
int64_t hone_args_int(const hone_args *args, hone_option option, int64_t otherwise);
double hone_args_real(const hone_args *args, hone_option option, double otherwise);

/* The next value of a LIST, *at from 0 on; NULL at its end. */
const char *hone_args_next(const hone_args *args, hone_option option, int *at);

static inline bool hone_option_is_of(const hone_option_row *row, hone_command command)
{
    return row->commands >> command & 1;
}

/* Walks the words of "a|b|c": the next one and its length, not terminated; NULL at the end. */
const char *hone_word_next(const char **words, int *length);

#endif
