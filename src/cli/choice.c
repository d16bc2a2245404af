/* The choice of a device. A GPU that was asked for and does not answer is an error at once; one
 * that nobody asked for is passed over, and -v says why. */
#include "cli/choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/machine.h"
#include "cli/say.h"
#include "hone/build.h"

enum {
    INDEX_DIGITS = 4, /* more GPUs than any machine has */
};

static hone_choice gpu(int index)
{
    hone_choice device = {.is_cuda = true, .index = index};
    snprintf(device.name, sizeof device.name, "cuda:%d", index);
    return device;
}

const hone_choice hone_choice_cpu = {.name = "cpu"};

/* "cuda", "cuda:1", and trtexec's "1". */
static bool parse_gpu(const char *text, hone_choice *out)
{
    const bool is_cuda = strcmp(text, "cuda") == 0;
    const char *digits = strncmp(text, "cuda:", 5) == 0 ? text + 5 : text;
    const size_t n = strspn(digits, "0123456789");
    if (!is_cuda && (n == 0 || n > INDEX_DIGITS || digits[n]))
        return false;
    *out = gpu(is_cuda ? 0 : atoi(digits));
    return true;
}

/* Plans for named architectures are built without any device. */
static bool needs_driver(const hone_args *args)
{
    return args->command != HONE_COMMAND_BUILD || !hone_args_count(args, HONE_OPTION_target);
}

int hone_choice_check(const hone_choice *device)
{
    int n = 0;
    if (!device->is_cuda)
        return HONE_EXIT_OK;
    const hone_status st = hone_device_count(&n);
    if (st != HONE_OK)
        return hone_fail(HONE_EXIT_DEVICE, "choosing device \"%s\": %s", device->name,
                         hone_message());
    if (device->index < n)
        return HONE_EXIT_OK;
    return hone_fail(HONE_EXIT_DEVICE,
                     "choosing device \"%s\": there is no such device; the driver shows %d, from "
                     "cuda:0 on",
                     device->name, n);
}

int hone_choice_read(const hone_args *args, hone_choice *out, bool *is_given)
{
    const char *text = hone_args_text(args, HONE_OPTION_device);
    *out = hone_choice_cpu;
    *is_given = text != NULL;
    if (!text)
        return HONE_EXIT_OK;
    if (strcmp(text, "cpu") == 0)
        return hone_args_count(args, HONE_OPTION_target)
                   ? hone_fail(HONE_EXIT_USAGE,
                               "choosing device \"cpu\": --target names GPUs; --device cuda or no "
                               "--device is allowed with it")
                   : HONE_EXIT_OK;
    if (!parse_gpu(text, out))
        return hone_fail(
            HONE_EXIT_USAGE,
            "choosing device \"%s\": there is no such device; cpu, cuda and cuda:N are known",
            text);
    return needs_driver(args) ? hone_choice_check(out) : HONE_EXIT_OK;
}

hone_choice hone_choice_for_model(const hone_args *args)
{
    hone_compiler_info compiler = {.size = sizeof compiler};
    hone_device_info info = {.size = sizeof info};
    int n = 0;
    if (hone_args_count(args, HONE_OPTION_target))
        return gpu(0);
    if (hone_device_count(&n) != HONE_OK || hone_device_describe(0, &info) != HONE_OK) {
        hone_say(2, "device cpu: %s", hone_message());
        return hone_choice_cpu;
    }
    if (hone_compiler_describe(&compiler) != HONE_OK) {
        hone_say(2, "device cpu: there is %s, but no compiler for it: %s", info.name,
                 hone_message());
        return hone_choice_cpu;
    }
    hone_say(2, "device cuda:0: %s, %s; NVRTC %d.%d is there", info.name, info.arch, compiler.major,
             compiler.minor);
    return gpu(0);
}

hone_choice hone_choice_of_plan(const hone_plan *plan, const hone_choice *wanted)
{
    hone_plan_info info = {.size = sizeof info};
    if (hone_plan_describe(plan, &info) != HONE_OK || strcmp(info.device, "cpu") == 0)
        return hone_choice_cpu;
    return gpu(wanted->index);
}

const char *hone_choice_text(const hone_choice *device, char text[HONE_CHOICE_TEXT])
{
    hone_device_info info = {.size = sizeof info};
    if (!device->is_cuda)
        snprintf(text, HONE_CHOICE_TEXT, "cpu %s", hone_machine_cpu());
    else
        snprintf(text, HONE_CHOICE_TEXT, "%s %s", device->name,
                 hone_device_describe(device->index, &info) == HONE_OK ? info.name : "GPU");
    return text;
}
