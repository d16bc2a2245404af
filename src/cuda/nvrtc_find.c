/* Where NVRTC may be: a table of patterns, tried in order. Files of one pattern are tried newest
 * first. */
#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cuda/nvrtc.h"

/* Names that the loader itself looks for, newest first. */
static const char *const names[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2",
                                    "libnvrtc.so"};

/* $NAME stands for an environment variable; a pattern whose variable is not set is passed over. */
static const char *const folders[] = {
    "$CUDA_HOME/lib64",
    "$CUDA_PATH/lib64",
    "$CUDA_HOME/targets/*/lib",
    "/usr/local/cuda/lib64",
    "/usr/local/cuda/targets/*/lib",
    "/usr/local/cuda-*/lib64",
    "/opt/cuda/lib64",
    "$VIRTUAL_ENV/lib/python3*/site-packages/nvidia/*/lib",
    "$CONDA_PREFIX/lib",
    "$CONDA_PREFIX/lib/python3*/site-packages/nvidia/*/lib",
    "$HOME/.local/lib/python3*/site-packages/nvidia/*/lib",
    "/usr/local/lib/python3*/dist-packages/nvidia/*/lib",
    "/usr/local/lib/python3*/site-packages/nvidia/*/lib",
    "/usr/lib/python3*/site-packages/nvidia/*/lib",
    "/usr/lib/python3/dist-packages/nvidia/*/lib",
};

typedef struct search {
    bool (*attempt)(void *user, const char *file);
    void *user;
} search;

/* Puts the variable that the pattern begins with in place; false where it is not set. */
static bool expand(const char *pattern, char *out, size_t room)
{
    char name[64];
    const size_t length = strcspn(pattern, "/");

    if (pattern[0] != '$')
        return snprintf(out, room, "%s", pattern) < (int)room;
    snprintf(name, sizeof name, "%.*s", (int)length - 1, pattern + 1);
    const char *value = getenv(name);
    return value && *value && snprintf(out, room, "%s%s", value, pattern + length) < (int)room;
}

static bool try_pattern(const search *s, const char *pattern)
{
    glob_t found = {0};
    bool done = false;

    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = found.gl_pathc; i-- > 0 && !done;)
            done = s->attempt(s->user, found.gl_pathv[i]);
    globfree(&found);
    return done;
}

static bool try_folder(const search *s, const char *folder)
{
    char pattern[PATH_MAX];

    if (snprintf(pattern, sizeof pattern, "%s/libnvrtc.so.[1-9]*", folder) >= (int)sizeof pattern)
        return false;
    return try_pattern(s, pattern);
}

/* The package beside the python3 that is first on PATH. */
static bool try_python(const search *s)
{
    char folder[PATH_MAX];
    const char *path = getenv("PATH");

    for (const char *at = path ? path : ""; *at; at += strcspn(at, ":"), at += *at == ':') {
        struct stat info;
        const int length = (int)strcspn(at, ":");
        if (snprintf(folder, sizeof folder, "%.*s/python3", length, at) >= (int)sizeof folder ||
            stat(folder, &info) != 0)
            continue;
        if (snprintf(folder, sizeof folder, "%.*s/../lib/python3*/site-packages/nvidia/*/lib",
                     length, at) >= (int)sizeof folder)
            return false;
        return try_folder(s, folder);
    }
    return false;
}

/* What HONE_NVRTC names is the user's choice: nothing else is tried. */
static bool try_named(const search *s, const char *named)
{
    struct stat info;
    char folder[PATH_MAX];

    if (stat(named, &info) != 0 || !S_ISDIR(info.st_mode))
        return s->attempt(s->user, named);
    snprintf(folder, sizeof folder, "%s/lib", named); /* the package's own folder */
    return try_folder(s, named) || try_folder(s, folder);
}

bool hone_nvrtc_find(bool (*attempt)(void *user, const char *file), void *user)
{
    const search s = {attempt, user};
    const char *named = getenv("HONE_NVRTC");
    char folder[PATH_MAX];

    if (named && *named)
        return try_named(&s, named);
    for (int i = 0; i < HONE_COUNT(names); i++)
        if (attempt(user, names[i]))
            return true;
    if (try_python(&s))
        return true;
    for (int i = 0; i < HONE_COUNT(folders); i++)
        if (expand(folders[i], folder, sizeof folder) && try_folder(&s, folder))
            return true;
    return false;
}

static size_t folder_length(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash ? (size_t)(slash - file) : 0;
}

static bool open_global(void *user, const char *file)
{
    (void)user;
    return !strstr(file, ".alt.") && dlopen(file, RTLD_NOW | RTLD_GLOBAL);
}

void hone_nvrtc_open_builtins(const char *file)
{
    const search s = {open_global, NULL};
    char pattern[PATH_MAX];
    const int n = (int)folder_length(file);

    if (n && snprintf(pattern, sizeof pattern, "%.*s/libnvrtc-builtins*.so.*", n, file) <
                 (int)sizeof pattern)
        try_pattern(&s, pattern);
}

void hone_nvrtc_find_headers(const char *file, char *folder, size_t room)
{
    /* Beside the library in a package of CUDA 13; in a toolkit, also by way of targets/; in the
     * packages of CUDA 12, where the headers are a package of their own. */
    static const char *const beside[] = {"../include", "../../../include",
                                         "../../cuda_runtime/include"};
    char path[PATH_MAX], header[PATH_MAX + 16], real[PATH_MAX];
    struct stat info;
    const int n = (int)folder_length(file);

    folder[0] = '\0';
    for (int i = 0; n && i < HONE_COUNT(beside); i++) {
        if (snprintf(path, sizeof path, "%.*s/%s", n, file, beside[i]) >= (int)sizeof path ||
            !realpath(path, real) || strlen(real) >= room)
            continue;
        snprintf(header, sizeof header, "%s/cuda_fp16.h", real);
        if (stat(header, &info) == 0) {
            strcpy(folder, real);
            return;
        }
    }
}
