/* The manual page out of the tables, in man(7)'s language. docs/hone.1 is this text; a test
 * compares them. */
#include <stdio.h>
#include <string.h>

#include "cli/help.h"
#include "cli/say.h"
#include "hone/hone.h"

/* A text with what troff would take for its own escaped. */
static void put(const char *text)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            putchar('\\');
        if (*text == '\\')
            putchar('e');
        else
            putchar(*text);
    }
}

static void put_line(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    put(text);
    putchar('\n');
}

static void print_commands(void)
{
    puts(".SH COMMANDS");
    for (int i = 0; i < HONE_COMMAND_N; i++) {
        const hone_command_row *row = &hone_commands[i];
        printf(".TP\n.BR \"hone %s\"", row->name);
        if (*row->operands)
            printf(" \" %s\"", row->operands);
        putchar('\n');
        put_line(row->text);
    }
}

/* "(build, run and bench)" */
static void print_commands_of(const hone_option_row *row)
{
    int left = 0;
    putchar('(');
    for (int c = 0; c < HONE_COMMAND_N; c++)
        left += hone_option_is_of(row, (hone_command)c);
    for (int c = 0; c < HONE_COMMAND_N; c++)
        if (hone_option_is_of(row, (hone_command)c)) {
            left--;
            printf("%s%s", hone_commands[c].name, left > 1 ? ", " : left == 1 ? " and " : ")\n");
        }
}

static void print_option(const hone_option_row *row)
{
    fputs(".TP\n", stdout);
    if (row->letter)
        printf("\\fB\\-%c\\fR, ", row->letter);
    fputs("\\fB\\-\\-", stdout);
    put(row->name);
    fputs("\\fR", stdout);
    if (row->kind != HONE_KIND_FLAG) {
        fputs(row->kind == HONE_KIND_MAYBE ? "[=\\fI" : " \\fI", stdout);
        put(row->value);
        fputs(row->kind == HONE_KIND_MAYBE ? "\\fR]" : "\\fR", stdout);
    }
    putchar('\n');
    put_line(row->text);
    print_commands_of(row);
}

static void print_options(void)
{
    puts(".SH OPTIONS");
    for (int i = 0; i < hone_n_help_items; i++)
        if (hone_help_items[i].heading)
            printf(".SS %s\n", hone_help_items[i].heading);
        else
            print_option(&hone_options[hone_help_items[i].option]);
}

static void print_aliases(void)
{
    puts(".SH TRTEXEC");
    put_line("These spellings of trtexec mean the option beside them:");
    for (int i = 0; i < hone_n_aliases; i++) {
        const hone_alias_row *alias = &hone_aliases[i];
        if (alias->option == HONE_OPTION_N)
            continue;
        printf(".TP\n\\fB\\-\\-%s\\fR\n\\-\\-", alias->name);
        put_line(hone_options[alias->option].name);
    }
    puts(".P");
    puts("\\-\\-onnx and \\-\\-loadEngine give the operand. Others are ignored with a note, or "
         "refused with exit code 4");
    puts("where leaving them out would change the answer or what is measured.");
}

static void print_exit_codes(void)
{
    puts(".SH EXIT STATUS");
#define EXIT_ROW(name, code, text) printf(".TP\n.B %d\n%s\n", code, text);
    HONE_EXIT_LIST(EXIT_ROW)
#undef EXIT_ROW
}

static void print_notes(void)
{
    puts(".SH FILES AND STREAMS");
    puts("Results go to the standard output; errors, notes and progress to the standard error. An "
         "error is one line that");
    puts("begins with \"hone: \"; unsupported nodes follow it, one a line. Output files are "
         "written beside their place and");
    puts("renamed: there is never half of one. Whether an operand is a model or a plan is told by "
         "its content.");
    puts(".SH ENVIRONMENT");
    puts(".TP\n.B HONE_CPU\nForces vector instructions that the machine has: scalar, avx2, avx512 "
         "or neon.");
    puts(".TP\n.B HONE_NVRTC\nThe file or folder of NVRTC, which building for GPUs needs; hone "
         "doctor says what was found.");
}

static void print_examples(void)
{
    static const char *const rows[][2] = {
        {"compile, then run with files",
         "hone build net.onnx -o net.plan\n"
         "hone run net.plan --input image=image.npy --output scores=scores.npy"},
        {"a classifier that takes pictures",
         "hone build net.onnx -o net.plan --labels labels.txt \\\\\n"
         "    --preprocess decode,resize=256,crop=224,mean=127,std=128 "
         "--postprocess softmax,topk=5\n"
         "hone run net.plan a.jpg b.png"},
        {"measure, with a table of steps",
         "hone bench net.onnx --shapes input:1x3x224x224 --profile"},
        {"for GPUs that are elsewhere",
         "hone build net.onnx --fp16 --target sm_86,sm_89,ptx -o net.plan"},
    };
    puts(".SH EXAMPLES");
    for (int i = 0; i < HONE_COUNT_OF(rows); i++)
        printf(".TP\n%s\n.EX\n%s\n.EE\n", rows[i][0], rows[i][1]);
}

void hone_help_man(void)
{
    printf(".TH HONE 1 \"\" \"Hone %s\" \"User commands\"\n", hone_version());
    puts(".SH NAME\nhone \\- compile trained networks and run them with the least latency");
    puts(".SH SYNOPSIS\n.B hone\n.I COMMAND\n[\\fIOPERAND\\fR...] [\\fIOPTION\\fR...]");
    puts(".SH DESCRIPTION");
    puts("Hone compiles a trained ONNX model into a plan for one machine and runs it there. An "
         "option takes its value after");
    puts("a space or after \"=\".");
    print_commands();
    print_options();
    print_aliases();
    print_notes();
    print_exit_codes();
    print_examples();
}
