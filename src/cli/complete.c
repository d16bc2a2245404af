/* Completion scripts for bash, zsh and fish out of the option table. Each script knows the
 * commands, their options, the words that an option takes, and whether files or folders follow. */
#include <stdio.h>
#include <string.h>

#include "cli/help.h"

static bool takes_value(const hone_option_row *row)
{
    return row->kind != HONE_KIND_FLAG && row->kind != HONE_KIND_MAYBE;
}

// ---- bash

static void bash_values(void)
{
    puts("    case $previous in");
    for (int i = 0; i < HONE_OPTION_N; i++) {
        const hone_option_row *row = &hone_options[i];
        const char *words = row->value, *word;
        int length;
        if (!takes_value(row))
            continue;
        printf("    --%s%s%c)", row->name, row->letter ? "|-" : "",
               row->letter ? row->letter : ' ');
        if (row->kind == HONE_KIND_WORD) {
            printf(" COMPREPLY=($(compgen -W '");
            while ((word = hone_word_next(&words, &length)))
                printf("%.*s ", length, word);
            printf("' -- \"$current\"))");
        } else if (row->kind == HONE_KIND_FOLDER) {
            printf(" COMPREPLY=($(compgen -d -- \"$current\"))");
        } else if (row->kind == HONE_KIND_FILE || row->kind == HONE_KIND_LIST) {
            printf(" COMPREPLY=($(compgen -f -- \"${current#*=}\"))");
        } else {
            printf(" COMPREPLY=()");
        }
        puts("; return ;;");
    }
    puts("    esac");
}

void hone_help_bash(void)
{
    puts("# bash completion for hone; made by \"hone help --completion=bash\"");
    puts("_hone() {");
    puts(
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} options");
    puts("    if [ \"$COMP_CWORD\" -eq 1 ]; then");
    printf("        COMPREPLY=($(compgen -W '");
    for (int c = 0; c < HONE_COMMAND_N; c++)
        printf("%s ", hone_commands[c].name);
    puts("--help --version' -- \"$current\"))");
    puts("        return");
    puts("    fi");
    bash_values();
    puts("    case ${COMP_WORDS[1]} in");
    for (int c = 0; c < HONE_COMMAND_N; c++) {
        printf("    %s) options='", hone_commands[c].name);
        for (int i = 0; i < HONE_OPTION_N; i++)
            if (hone_option_is_of(&hone_options[i], (hone_command)c))
                printf("--%s ", hone_options[i].name);
        puts("' ;;");
    }
    puts("    esac");
    puts("    case $current in");
    puts("    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$current\")) ;;");
    puts("    *) COMPREPLY=($(compgen -f -- \"$current\")) ;;");
    puts("    esac");
    puts("}");
    puts("complete -o filenames -F _hone hone");
}

// ---- zsh

/* A description inside of single quotes and brackets. */
static void zsh_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void zsh_option(const hone_option_row *row)
{
    const char *words = row->value, *word;
    int length;
    printf("            '%s--%s%s[", row->kind == HONE_KIND_LIST ? "*" : "", row->name,
           row->kind == HONE_KIND_FLAG    ? ""
           : row->kind == HONE_KIND_MAYBE ? "=-"
                                          : "=");
    zsh_text(row->text);
    putchar(']');
    if (row->kind == HONE_KIND_WORD) {
        printf(":%s:(", row->name);
        while ((word = hone_word_next(&words, &length)))
            printf("%.*s ", length, word);
        putchar(')');
    } else if (row->kind == HONE_KIND_FOLDER) {
        printf(":folder:_files -/");
    } else if (row->kind == HONE_KIND_FILE || row->kind == HONE_KIND_LIST) {
        printf(":%s:_files", row->name);
    } else if (row->kind == HONE_KIND_MAYBE) {
        printf("::%s:_files", row->name);
    } else if (row->kind != HONE_KIND_FLAG) {
        printf(":%s: ", row->name);
    }
    puts("' \\");
}

void hone_help_zsh(void)
{
    puts("#compdef hone");
    puts("# zsh completion for hone; made by \"hone help --completion=zsh\"");
    puts("_hone() {");
    puts("    local -a commands");
    puts("    commands=(");
    for (int c = 0; c < HONE_COMMAND_N; c++) {
        printf("        '%s:", hone_commands[c].name);
        zsh_text(hone_commands[c].text);
        puts("'");
    }
    puts("    )");
    puts("    if (( CURRENT == 2 )); then");
    puts("        _describe command commands");
    puts("        return");
    puts("    fi");
    puts("    local command=$words[2]");
    puts("    shift words");
    puts("    (( CURRENT-- ))");
    puts("    case $command in");
    for (int c = 0; c < HONE_COMMAND_N; c++) {
        printf("    %s)\n        _arguments -s \\\n", hone_commands[c].name);
        for (int i = 0; i < HONE_OPTION_N; i++)
            if (hone_option_is_of(&hone_options[i], (hone_command)c))
                zsh_option(&hone_options[i]);
        puts("            '*:file:_files' ;;");
    }
    puts("    esac");
    puts("}");
    puts("_hone \"$@\"");
}

// ---- fish

static void fish_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
}

static void fish_option(const hone_option_row *row)
{
    const char *words = row->value, *word;
    int length;
    printf("complete -c hone -n '__fish_seen_subcommand_from");
    for (int c = 0; c < HONE_COMMAND_N; c++)
        if (hone_option_is_of(row, (hone_command)c))
            printf(" %s", hone_commands[c].name);
    printf("' -l %s", row->name);
    if (row->letter)
        printf(" -s %c", row->letter);
    if (row->kind == HONE_KIND_WORD) {
        printf(" -x -a '");
        while ((word = hone_word_next(&words, &length)))
            printf("%.*s ", length, word);
        putchar('\'');
    } else if (row->kind == HONE_KIND_FOLDER) {
        printf(" -x -a '(__fish_complete_directories)'");
    } else if (row->kind == HONE_KIND_FILE || row->kind == HONE_KIND_LIST) {
        printf(" -r");
    } else if (takes_value(row)) {
        printf(" -x");
    }
    printf(" -d '");
    fish_text(row->text);
    puts("'");
}

void hone_help_fish(void)
{
    puts("# fish completion for hone; made by \"hone help --completion=fish\"");
    for (int c = 0; c < HONE_COMMAND_N; c++) {
        printf("complete -c hone -f -n __fish_use_subcommand -a %s -d '", hone_commands[c].name);
        fish_text(hone_commands[c].text);
        puts("'");
    }
    for (int i = 0; i < HONE_OPTION_N; i++)
        fish_option(&hone_options[i]);
}
