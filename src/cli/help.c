/* --help: the tables in columns. Text only; man.c and complete.c have the other forms of the same
 * rows. */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/say.h"
#include "hone/hone.h"

const hone_help_item hone_help_items[] = {
#define GROUP(title)                                          {title, HONE_OPTION_N},
#define OPTION(id, name, letter, kind, value, commands, text) {NULL, HONE_OPTION_##id},
#include "cli/options.def"
#undef OPTION
#undef GROUP
};
const int hone_n_help_items = HONE_COUNT_OF(hone_help_items);

enum {
    TEXT_COLUMN = 34, /* where what an option does begins */
    LINE_COLUMNS = 100,
};

void hone_help_spelling(const hone_option_row *row, char *text, int room)
{
    char letter[8] = "    ";
    if (row->letter)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    const char *form = row->kind == HONE_KIND_FLAG    ? "%s--%s"
                       : row->kind == HONE_KIND_MAYBE ? "%s--%s[=%s]"
                                                      : "%s--%s %s";
    snprintf(text, (size_t)room, form, letter, row->name, row->value);
}

/* Text from the present column on, broken at spaces, continued below TEXT_COLUMN. */
static void print_wrapped(const char *text, int column)
{
    while (*text) {
        const int length = (int)strcspn(text + 1, " ") + 1; /* a word with the space before it */
        if (column + length > LINE_COLUMNS && *text == ' ') {
            printf("\n%*s%.*s", TEXT_COLUMN, "", length - 1, text + 1);
            column = TEXT_COLUMN + length - 1;
        } else {
            column += printf("%.*s", length, text);
        }
        text += length;
    }
    printf("\n");
}

static void print_option(const hone_option_row *row)
{
    char spelling[96];
    hone_help_spelling(row, spelling, sizeof spelling);
    printf("  %-*s", TEXT_COLUMN - 2, spelling);
    if (strlen(spelling) > TEXT_COLUMN - 3)
        printf("\n%*s", TEXT_COLUMN, "");
    print_wrapped(row->text, TEXT_COLUMN);
}

static bool group_has(int heading, hone_command command)
{
    for (int i = heading + 1; i < hone_n_help_items && !hone_help_items[i].heading; i++)
        if (hone_option_is_of(&hone_options[hone_help_items[i].option], command))
            return true;
    return false;
}

static void print_options(hone_command command)
{
    for (int i = 0; i < hone_n_help_items; i++) {
        const hone_help_item *item = &hone_help_items[i];
        if (item->heading && group_has(i, command))
            printf("\n%s\n", item->heading);
        else if (!item->heading && hone_option_is_of(&hone_options[item->option], command))
            print_option(&hone_options[item->option]);
    }
}

int hone_help_command(hone_command command)
{
    const hone_command_row *row = &hone_commands[command];
    printf("hone %s%s%s [OPTION...]\n\n", row->name, *row->operands ? " " : "", row->operands);
    printf("%s\n", row->text);
    print_options(command);
    if (hone_option_is_of(&hone_options[HONE_OPTION_save_plan], command))
        printf("\ntrtexec's spellings (--onnx=, --saveEngine=, --loadEngine=, --minShapes=, ...) "
               "are understood.\n");
    return HONE_EXIT_OK;
}

static void print_overview(void)
{
    printf("Hone compiles trained networks (ONNX) into plans and runs them with the least "
           "latency.\n\n");
    printf("usage: hone COMMAND [OPERAND...] [OPTION...]\n\n");
    for (int i = 0; i < HONE_COMMAND_N; i++)
        printf("  %-9s %-34s %s\n", hone_commands[i].name, hone_commands[i].operands,
               hone_commands[i].text);
    printf("\n\"hone COMMAND --help\" lists a command's options; \"hone help --man\" is the "
           "manual.\n\n");
    printf("Exit codes\n");
#define EXIT_ROW(name, code, text) printf("  %3d  %s\n", code, text);
    HONE_EXIT_LIST(EXIT_ROW)
#undef EXIT_ROW
}

static int print_completion(const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        hone_help_bash();
    else if (strcmp(shell, "zsh") == 0)
        hone_help_zsh();
    else
        hone_help_fish();
    return HONE_EXIT_OK;
}

int hone_help_run(const hone_args *args)
{
    if (hone_args_count(args, HONE_OPTION_version)) {
        printf("hone %s\n", hone_version());
        return HONE_EXIT_OK;
    }
    if (hone_args_count(args, HONE_OPTION_man)) {
        hone_help_man();
        return HONE_EXIT_OK;
    }
    if (hone_args_text(args, HONE_OPTION_completion))
        return print_completion(hone_args_text(args, HONE_OPTION_completion));
    if (args->n_operands) {
        hone_command command;
        const int code = hone_args_command(args->operands[0], &command);
        return code ? code : hone_help_command(command);
    }
    print_overview();
    return HONE_EXIT_OK;
}
