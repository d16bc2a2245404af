/* hone: reads the command line and hands over to a command. */
#include <limits.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/help.h"
#include "cli/progress.h"
#include "cli/say.h"

static int run_later(const hone_args *args)
{
    return hone_fail(HONE_EXIT_UNSUPPORTED, "%s: this command is not in this version",
                     hone_commands[args->command].name);
}

/* How many operands a command takes at most; run takes pictures behind the first. */
static int check_operands(const hone_args *args)
{
    static const int most[HONE_COMMAND_N] = {
        [HONE_COMMAND_BUILD] = 1, [HONE_COMMAND_BENCH] = 1,      [HONE_COMMAND_INSPECT] = 1,
        [HONE_COMMAND_HELP] = 1,  [HONE_COMMAND_RUN] = INT_MAX,  [HONE_COMMAND_COMPARE] = 2,
        [HONE_COMMAND_DEBUG] = 1, [HONE_COMMAND_EDIT] = INT_MAX,
    };
    if (args->n_operands <= most[args->command])
        return HONE_EXIT_OK;
    return hone_fail(HONE_EXIT_USAGE,
                     "reading the command line: %s takes %d file%s; \"%s\" is one too many",
                     hone_commands[args->command].name, most[args->command],
                     most[args->command] == 1 ? "" : "s", args->operands[most[args->command]]);
}

static int run_command(const hone_args *args)
{
    static int (*const commands[HONE_COMMAND_N])(const hone_args *) = {
        [HONE_COMMAND_BUILD] = hone_command_build,
        [HONE_COMMAND_RUN] = hone_command_run,
        [HONE_COMMAND_BENCH] = hone_command_bench,
        [HONE_COMMAND_COMPARE] = hone_command_compare,
        [HONE_COMMAND_INSPECT] = hone_command_inspect,
        [HONE_COMMAND_EDIT] = run_later,
        [HONE_COMMAND_DEBUG] = run_later,
        [HONE_COMMAND_DOCTOR] = hone_command_doctor,
        [HONE_COMMAND_HELP] = hone_help_run,
    };
    if (hone_args_count(args, HONE_OPTION_help))
        return args->command == HONE_COMMAND_HELP ? hone_help_run(args)
                                                  : hone_help_command(args->command);
    const int excess = check_operands(args);
    if (excess)
        return excess;
    const bool quiet = hone_args_count(args, HONE_OPTION_quiet);
    hone_say_init(quiet ? 0 : 1 + hone_args_count(args, HONE_OPTION_verbose));
    hone_progress_start(quiet ? "none" : hone_args_text(args, HONE_OPTION_progress));
    const int code = commands[args->command](args);
    hone_progress_end();
    return code;
}

int main(int argc, char **argv)
{
    hone_args args;
    hone_interrupt_install();
    int code = hone_args_parse(argc, argv, &args);
    if (!code)
        code = run_command(&args);
    hone_args_fini(&args);
    if (fflush(stdout) != 0 && !code)
        code = hone_fail(HONE_EXIT_INPUT, "writing to stdout: it cannot be written");
    return code;
}
