/* The tables of commands, options and aliases, and questions about what was given. parse.c reads
 * the command line. */
#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

#include "cli/say.h"

const hone_command_row hone_commands[HONE_COMMAND_N] = {
#define COMMAND(id, name, operands, text) {name, operands, text},
#include "cli/commands.def"
#undef COMMAND
};

/* The bits of the commands, under the names that the rows of options use. */
enum {
#define COMMAND(id, name, operands, text) id = 1u << HONE_COMMAND_##id,
#include "cli/commands.def"
#undef COMMAND
};

const hone_option_row hone_options[HONE_OPTION_N] = {
#define GROUP(title)
#define OPTION(id, name, letter, kind, value, commands, text)                                      \
    {name, letter, HONE_KIND_##kind, value, commands, text},
#include "cli/options.def"
#undef OPTION
#undef GROUP
};

const hone_alias_row hone_aliases[] = {
#define ALIAS(name, kind, option) {name, HONE_ALIAS_##kind, HONE_OPTION_##option},
#include "cli/aliases.def"
#undef ALIAS
};
const int hone_n_aliases = HONE_COUNT_OF(hone_aliases);

const char *hone_word_next(const char **words, int *length)
{
    const char *word = *words;
    if (!word || !*word)
        return NULL;
    *length = (int)strcspn(word, "|");
    *words = word[*length] ? word + *length + 1 : NULL;
    return word;
}

int hone_args_count(const hone_args *args, hone_option option)
{
    int n = 0;
    for (int i = 0; i < args->n_given; i++)
        n += args->given[i].option == option;
    return n;
}

const char *hone_args_text(const hone_args *args, hone_option option)
{
    const char *value = NULL;
    for (int i = 0; i < args->n_given; i++)
        if (args->given[i].option == option)
            value = args->given[i].value;
    return value;
}

int64_t hone_args_int(const hone_args *args, hone_option option, int64_t otherwise)
{
    const char *text = hone_args_text(args, option);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

double hone_args_real(const hone_args *args, hone_option option, double otherwise)
{
    const char *text = hone_args_text(args, option);
    return text ? strtod(text, NULL) : otherwise;
}

const char *hone_args_next(const hone_args *args, hone_option option, int *at)
{
    for (; *at < args->n_given; (*at)++)
        if (args->given[*at].option == option)
            return args->given[(*at)++].value;
    return NULL;
}
