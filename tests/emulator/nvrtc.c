/* libnvrtc for machines without a GPU: kernels become libraries for the host, by translate.py and
 * the system's C++ compiler. A cubin is the library's bytes. One architecture: sm_80, which needs
 * no clusters. EMULATOR_FOLDER is where translate.py is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes" /* they are NVRTC's */

typedef struct program {
    char *source, *log, *image;
    size_t image_size;
} program;

typedef int result;

result nvrtcVersion(int *major, int *minor)
{
    *major = 12;
    *minor = 0;
    return 0;
}

result nvrtcGetNumSupportedArchs(int *n)
{
    *n = 1;
    return 0;
}

result nvrtcGetSupportedArchs(int *archs)
{
    *archs = 80;
    return 0;
}

result nvrtcCreateProgram(program **out, const char *source, const char *name, int n,
                          const char *const *headers, const char *const *names)
{
    (void)name, (void)n, (void)headers, (void)names;
    program *p = calloc(1, sizeof *p);
    p->source = strdup(source);
    p->log = strdup("");
    *out = p;
    return 0;
}

result nvrtcDestroyProgram(program **p)
{
    free((*p)->source);
    free((*p)->log);
    free((*p)->image);
    free(*p);
    *p = NULL;
    return 0;
}

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;

    *size = 0;
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    data = calloc(1, *size + 1);
    *size = fread(data, 1, *size, file);
    fclose(file);
    return data;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");

    if (!file)
        return;
    fputs(text, file);
    fclose(file);
}

result nvrtcCompileProgram(program *p, int n_options, const char *const *options)
{
    char folder[] = "/tmp/hone-emulator-XXXXXX", path[128], command[1024];
    size_t log_size;

    (void)n_options, (void)options;
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/kernel.cu", folder);
    write_file(path, p->source);
    snprintf(command, sizeof command,
             "python3 '%s/translate.py' %s/kernel.cu %s/kernel.so 2>%s/log", EMULATOR_FOLDER,
             folder, folder, folder);
    const int code = system(command);
    snprintf(path, sizeof path, "%s/kernel.so", folder);
    p->image = read_file(path, &p->image_size);
    snprintf(path, sizeof path, "%s/log", folder);
    if (code != 0) {
        free(p->log);
        p->log = read_file(path, &log_size);
    }
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || code != 0 ? 6 : 0;
}

result nvrtcGetCUBINSize(program *p, size_t *size)
{
    *size = p->image_size;
    return 0;
}

result nvrtcGetCUBIN(program *p, char *cubin)
{
    memcpy(cubin, p->image, p->image_size);
    return 0;
}

result nvrtcGetPTXSize(program *p, size_t *size)
{
    (void)p;
    *size = 0;
    return 0;
}

result nvrtcGetPTX(program *p, char *ptx)
{
    (void)p, (void)ptx;
    return 0;
}

result nvrtcGetProgramLogSize(program *p, size_t *size)
{
    *size = strlen(p->log) + 1;
    return 0;
}

result nvrtcGetProgramLog(program *p, char *log)
{
    strcpy(log, p->log);
    return 0;
}
