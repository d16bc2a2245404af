/* Reads the command line against the tables. Options and operands may mix; "--" ends the options.
 * An option takes its value after a space or "=". trtexec's spellings are looked up where none of
 * ours fits. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/say.h"
#include "cli/suggest.h"

#define DOING "reading the command line"

typedef struct parser {
    int argc;
    char **argv;
    int at;
    char *cut; /* where the next piece of a value goes, in args->texts */
    hone_args *args;
} parser;

// ---- one option

static int add(parser *p, hone_option option, const char *value)
{
    p->args->given[p->args->n_given++] = (hone_given){option, value};
    return HONE_EXIT_OK;
}

static int check_word(const hone_option_row *row, const char *value)
{
    hone_suggest near;
    const char *words = row->value, *word;
    int length;
    hone_suggest_init(&near, value, strlen(value));
    while ((word = hone_word_next(&words, &length))) {
        if (strlen(value) == (size_t)length && memcmp(word, value, (size_t)length) == 0)
            return HONE_EXIT_OK;
        hone_suggest_offer(&near, word, (size_t)length);
    }
    const char *best = hone_suggest_result(&near);
    if (best)
        return hone_fail(HONE_EXIT_USAGE,
                         DOING ": --%s is \"%s\"; did you mean \"%s\"? Allowed are %s", row->name,
                         value, best, row->value);
    return hone_fail(HONE_EXIT_USAGE, DOING ": --%s is \"%s\"; allowed are %s", row->name, value,
                     row->value);
}

static int check_number(const hone_option_row *row, const char *value)
{
    char *end = NULL;
    const bool is_int = row->kind == HONE_KIND_INT;
    errno = 0;
    const double x = is_int ? (double)strtoll(value, &end, 10) : strtod(value, &end);
    if (end == value || *end || errno || !(x >= 0) || isinf(x))
        return hone_fail(HONE_EXIT_USAGE, DOING ": --%s is \"%s\"; %s from 0 on is allowed",
                         row->name, value, is_int ? "an integer" : "a number");
    return HONE_EXIT_OK;
}

static int check_value(const hone_option_row *row, const char *value)
{
    if (row->kind == HONE_KIND_WORD)
        return check_word(row, value);
    if (row->kind == HONE_KIND_INT || row->kind == HONE_KIND_REAL)
        return check_number(row, value);
    return HONE_EXIT_OK;
}

/* value: what stands after "=", or NULL. */
static int take_option(parser *p, hone_option option, const char *value)
{
    const hone_option_row *row = &hone_options[option];
    if (row->kind == HONE_KIND_FLAG && value)
        return hone_fail(HONE_EXIT_USAGE,
                         DOING ": --%s is a switch and takes no value; \"%s\" was given", row->name,
                         value);
    if (row->kind == HONE_KIND_FLAG || row->kind == HONE_KIND_MAYBE)
        return add(p, option, value);
    if (!value && p->at == p->argc)
        return hone_fail(HONE_EXIT_USAGE, DOING ": --%s needs a value: %s", row->name, row->value);
    if (!value)
        value = p->argv[p->at++];
    const int code = check_value(row, value);
    return code ? code : add(p, option, value);
}

// ---- trtexec's spellings

/* "name:file,name:file" becomes one NAME=FILE each, in memory that the arguments own. */
static int take_pairs(parser *p, hone_option option, const char *value)
{
    while (*value) {
        const size_t length = strcspn(value, ",");
        char *piece = p->cut;
        memcpy(piece, value, length);
        piece[length] = '\0';
        p->cut += length + 1;
        value += length + (value[length] == ',');
        char *colon = strrchr(piece, ':');
        if (!colon)
            return hone_fail(HONE_EXIT_USAGE,
                             DOING ": --loadInputs has \"%s\"; NAME:FILE,... is allowed", piece);
        *colon = '=';
        add(p, option, piece);
    }
    return HONE_EXIT_OK;
}

static int take_level(parser *p, const hone_alias_row *alias, const char *value)
{
    static const char *const tunes[] = {"none", "none", "quick", "quick", "full", "full"};
    const char last = '0' + HONE_COUNT_OF(tunes) - 1;
    if (value[0] < '0' || value[0] > last || value[1])
        return hone_fail(HONE_EXIT_USAGE, DOING ": --%s is \"%s\"; 0 to %c is allowed", alias->name,
                         value, last);
    return add(p, alias->option, tunes[value[0] - '0']);
}

static int take_operand(parser *p, const char *value)
{
    p->args->operands[p->args->n_operands++] = value;
    return HONE_EXIT_OK;
}

static int take_alias(parser *p, const hone_alias_row *alias, const char *value)
{
    const bool needs_value = alias->kind == HONE_ALIAS_MODEL || alias->kind == HONE_ALIAS_PAIRS ||
                             alias->kind == HONE_ALIAS_LEVEL;
    if (alias->kind == HONE_ALIAS_REFUSED)
        return hone_fail(HONE_EXIT_UNSUPPORTED,
                         DOING ": --%s is trtexec's and Hone has nothing that does the same",
                         alias->name);
    if (alias->kind == HONE_ALIAS_NOTHING) {
        hone_say(1, "note: --%s has nothing to do here and is ignored", alias->name);
        return HONE_EXIT_OK;
    }
    if (alias->kind == HONE_ALIAS_SAME)
        return take_option(p, alias->option, value);
    if (!value && needs_value && p->at == p->argc)
        return hone_fail(HONE_EXIT_USAGE, DOING ": --%s needs a value", alias->name);
    if (!value)
        value = p->argv[p->at++];
    if (alias->kind == HONE_ALIAS_LEVEL)
        return take_level(p, alias, value);
    return alias->kind == HONE_ALIAS_MODEL ? take_operand(p, value)
                                           : take_pairs(p, alias->option, value);
}

// ---- looking up

static int find_option(const parser *p, const char *name, size_t length)
{
    for (int i = 0; i < HONE_OPTION_N; i++)
        if (hone_option_is_of(&hone_options[i], p->args->command) &&
            strlen(hone_options[i].name) == length &&
            memcmp(hone_options[i].name, name, length) == 0)
            return i;
    return -1;
}

/* An alias for an option that the command has. */
static const hone_alias_row *find_alias(const parser *p, const char *name, size_t length)
{
    const bool takes_model = p->args->command == HONE_COMMAND_BUILD ||
                             p->args->command == HONE_COMMAND_RUN ||
                             p->args->command == HONE_COMMAND_BENCH;
    for (int i = 0; i < hone_n_aliases; i++) {
        const hone_alias_row *alias = &hone_aliases[i];
        if (strlen(alias->name) != length || memcmp(alias->name, name, length) != 0)
            continue;
        const bool has_option =
            alias->option == HONE_OPTION_N
                ? takes_model
                : hone_option_is_of(&hone_options[alias->option], p->args->command);
        return has_option ? alias : NULL;
    }
    return NULL;
}

static const char *command_that_has(const char *name, size_t length)
{
    for (int i = 0; i < HONE_OPTION_N; i++)
        if (strlen(hone_options[i].name) == length &&
            memcmp(hone_options[i].name, name, length) == 0)
            for (int c = 0; c < HONE_COMMAND_N; c++)
                if (hone_option_is_of(&hone_options[i], (hone_command)c))
                    return hone_commands[c].name;
    return NULL;
}

static int fail_unknown(const parser *p, const char *name, size_t length)
{
    const char *command = hone_commands[p->args->command].name;
    const char *other = command_that_has(name, length);
    hone_suggest near;
    hone_suggest_init(&near, name, length);
    for (int i = 0; i < HONE_OPTION_N; i++)
        if (hone_option_is_of(&hone_options[i], p->args->command))
            hone_suggest_offer(&near, hone_options[i].name, strlen(hone_options[i].name));
    for (int i = 0; i < hone_n_aliases; i++)
        if (find_alias(p, hone_aliases[i].name, strlen(hone_aliases[i].name)))
            hone_suggest_offer(&near, hone_aliases[i].name, strlen(hone_aliases[i].name));
    const char *best = hone_suggest_result(&near);
    if (other)
        return hone_fail(HONE_EXIT_USAGE, DOING ": %s has no option --%.*s; %s has", command,
                         (int)length, name, other);
    if (best)
        return hone_fail(HONE_EXIT_USAGE, DOING ": %s has no option --%.*s; did you mean --%s?",
                         command, (int)length, name, best);
    return hone_fail(HONE_EXIT_USAGE,
                     DOING ": %s has no option --%.*s; \"hone help %s\" lists them", command,
                     (int)length, name, command);
}

static int take_long(parser *p, const char *name)
{
    const size_t length = strcspn(name, "=");
    const char *value = name[length] ? name + length + 1 : NULL;
    const int option = find_option(p, name, length);
    if (option >= 0)
        return take_option(p, (hone_option)option, value);
    const hone_alias_row *alias = find_alias(p, name, length);
    return alias ? take_alias(p, alias, value) : fail_unknown(p, name, length);
}

/* "-vv", "-o FILE", "-oFILE". */
static int take_short(parser *p, const char *letters)
{
    for (; *letters; letters++) {
        int option = -1;
        for (int i = 0; i < HONE_OPTION_N; i++)
            if (hone_options[i].letter == *letters &&
                hone_option_is_of(&hone_options[i], p->args->command))
                option = i;
        if (option < 0)
            return hone_fail(HONE_EXIT_USAGE, DOING ": %s has no option -%c",
                             hone_commands[p->args->command].name, *letters);
        const bool is_flag = hone_options[option].kind == HONE_KIND_FLAG;
        const int code =
            take_option(p, (hone_option)option, is_flag || !letters[1] ? NULL : letters + 1);
        if (code || !is_flag)
            return code;
    }
    return HONE_EXIT_OK;
}

// ---- the line

static bool is_file_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".onnx") == 0 || strcmp(dot, ".plan") == 0);
}

int hone_args_command(const char *name, hone_command *out)
{
    hone_suggest near;
    hone_suggest_init(&near, name, strlen(name));
    for (int i = 0; i < HONE_COMMAND_N; i++) {
        if (strcmp(hone_commands[i].name, name) == 0) {
            *out = (hone_command)i;
            return HONE_EXIT_OK;
        }
        hone_suggest_offer(&near, hone_commands[i].name, strlen(hone_commands[i].name));
    }
    const char *best = hone_suggest_result(&near);
    if (is_file_name(name))
        return hone_fail(HONE_EXIT_USAGE, DOING ": a command must come first: hone run %s", name);
    if (best)
        return hone_fail(HONE_EXIT_USAGE,
                         DOING ": there is no command \"%s\"; did you mean \"%s\"?", name, best);
    return hone_fail(HONE_EXIT_USAGE,
                     DOING ": there is no command \"%s\"; \"hone help\" lists them", name);
}

static int take_command(parser *p)
{
    if (p->argc < 2)
        return hone_fail(HONE_EXIT_USAGE, DOING ": no command was given; \"hone help\" lists them");
    const char *first = p->argv[1];
    p->at = 2;
    p->args->command = HONE_COMMAND_HELP;
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0)
        return HONE_EXIT_OK;
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0)
        return add(p, HONE_OPTION_version, NULL);
    if (first[0] == '-')
        return hone_fail(HONE_EXIT_USAGE, DOING ": a command must come first: hone bench %s ...",
                         first);
    return hone_args_command(first, &p->args->command);
}

static int take_rest(parser *p)
{
    bool has_ended = false;
    while (p->at < p->argc) {
        const char *word = p->argv[p->at++];
        int code;
        if (!has_ended && strcmp(word, "--") == 0) {
            has_ended = true;
            continue;
        }
        if (has_ended || word[0] != '-' || !word[1])
            code = take_operand(p, word);
        else
            code = word[1] == '-' ? take_long(p, word + 2) : take_short(p, word + 1);
        if (code)
            return code;
    }
    return HONE_EXIT_OK;
}

int hone_args_parse(int argc, char **argv, hone_args *out)
{
    /* No letter gives more than one option or ends more than one piece of a value. */
    size_t letters = 1;
    for (int i = 0; i < argc; i++)
        letters += strlen(argv[i]) + 1;
    *out = (hone_args){
        .operands = calloc((size_t)argc + 1, sizeof *out->operands),
        .given = calloc(letters, sizeof *out->given),
        .texts = malloc(letters),
    };
    if (!out->operands || !out->given || !out->texts)
        return hone_fail(HONE_EXIT_LIMIT, DOING ": no memory");
    parser p = {.argc = argc, .argv = argv, .cut = out->texts, .args = out};
    const int code = take_command(&p);
    return code ? code : take_rest(&p);
}

void hone_args_fini(hone_args *args)
{
    free(args->operands);
    free(args->given);
    free(args->texts);
    *args = (hone_args){.n_given = 0};
}
