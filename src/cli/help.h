/* The texts that the option table becomes. All go to stdout. */
#ifndef HONE_CLI_HELP_H
#define HONE_CLI_HELP_H

#include "cli/options.h"

/* The rows of options.def in their order, headings included. */
typedef struct hone_help_item {
    const char *heading; /* NULL: an option */
    hone_option option;
} hone_help_item;
extern const hone_help_item hone_help_items[];
extern const int hone_n_help_items;

/* "-o, --save-plan FILE.plan" */
void hone_help_spelling(const hone_option_row *row, char *text, int room);

int hone_help_run(const hone_args *args);    /* the command `help` */
int hone_help_command(hone_command command); /* --help of a command */
void hone_help_man(void);
void hone_help_bash(void);
void hone_help_zsh(void);
void hone_help_fish(void);

#endif
