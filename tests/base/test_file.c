/* Files: mapping, names that must stay in their folder, and writing without ever leaving half of a
 * file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

static char folder[256];

static const char *in_folder(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *contents)
{
    FILE *file = fopen(in_folder(name), "wb");

    assert_non_null(file);
    fputs(contents, file);
    fclose(file);
}

static int make_folder(void **state)
{
    const char *base = getenv("TMPDIR");

    (void)state;
    snprintf(folder, sizeof folder, "%s/hone-test-file-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    mkdir(in_folder("models"), 0700);
    mkdir(in_folder("models/sub"), 0700);
    put("secret", "secret");
    put("models/weights", "weights");
    put("models/sub/more", "more");
    put("models/empty", "");
    return symlink("../secret", in_folder("models/out")) ||
           symlink("sub/more", in_folder("models/in")) ||
           symlink("/etc", in_folder("models/etc")) || symlink("loop", in_folder("models/loop")) ||
           mkfifo(in_folder("models/pipe"), 0600);
}

static int remove_folder(void **state)
{
    static const char *const names[] = {
        "models/out",     "models/in",       "models/etc",   "models/loop", "models/pipe",
        "models/weights", "models/sub/more", "models/empty", "secret",      "written"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(in_folder(names[i]));
    rmdir(in_folder("models/sub"));
    rmdir(in_folder("models"));
    return rmdir(folder);
}

static void test_map_open(void **state)
{
    hone_map map;

    (void)state;
    assert_int_equal(hone_map_open(in_folder("secret"), &map), HONE_OK);
    assert_true(hone_bytes_is(map.bytes, "secret"));
    hone_map_close(&map);
    hone_map_close(&map);
    assert_int_equal(hone_map_open(in_folder("models/empty"), &map), HONE_OK);
    assert_int_equal(map.bytes.size, 0);
    hone_map_close(&map);
    assert_int_equal(hone_map_open(in_folder("absent"), &map), HONE_ERR_IO);
    assert_non_null(strstr(hone_message(), "absent\": No such file"));
    assert_int_equal(hone_map_open(in_folder("models"), &map), HONE_ERR_IO);
    assert_int_equal(hone_map_open(in_folder("models/pipe"), &map), HONE_ERR_IO);
    assert_non_null(strstr(hone_message(), "not a regular file"));
}

/* Old kernels have it not, nor has qemu's user mode. */
static bool has_openat2(void)
{
    return syscall(SYS_openat2, -1, "", NULL, (size_t)0) >= 0 || errno != ENOSYS;
}

static void test_map_open_beneath(void **state)
{
    static const struct {
        const char *name;
        const char *contents; /* NULL: refused */
        const char *why;
    } cases[] = {
        {"weights", "weights", NULL},
        {"sub/more", "more", NULL},
        {"./sub//more", "more", NULL},
        {"in", "more", NULL},
        {"empty", "", NULL},
        {"../secret", NULL, "\"..\""},
        {"sub/../../secret", NULL, "\"..\""},
        {"sub/..", NULL, "\"..\""},
        {"..", NULL, "\"..\""},
        {"/etc/passwd", NULL, "absolute"},
        {"", NULL, "empty"},
        {"out", NULL, "leads out"},
        {"etc/passwd", NULL, "leads out"},
        {"loop", NULL, "leads out"},
        {"absent", NULL, "No such file"},
        {"sub", NULL, "not a regular file"},
        {"pipe", NULL, "not a regular file"},
        {"weights/more", NULL, "Not a directory"},
    };
    const char *models;

    (void)state;
    if (!has_openat2())
        skip(); /* the next test is for this machine */
    models = strdup(in_folder("models"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hone_map map = {{NULL, 0}, NULL, 0};
        const hone_status st = hone_map_open_beneath(models, cases[i].name, &map);
        assert_int_equal(st, cases[i].contents ? HONE_OK : HONE_ERR_IO);
        if (cases[i].contents)
            assert_true(hone_bytes_is(map.bytes, cases[i].contents));
        else
            assert_non_null(strstr(hone_message(), cases[i].why));
        hone_map_close(&map);
    }
    assert_int_equal(hone_map_open_beneath(in_folder("absent"), "weights", &(hone_map){0}),
                     HONE_ERR_IO);
    free((void *)models);
}

/* Makes the kernel pretend that it is older than openat2, for this process and for good. */
static bool hide_openat2(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof code / sizeof code[0], code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* The names that do not open as they should, without openat2: it follows no link at all. */
static int wrong_without_openat2(const char *models)
{
    static const struct {
        const char *name, *contents;
    } cases[] = {{"weights", "weights"}, {"sub/more", "more"}, {"./sub//more", "more"},
                 {"empty", ""},          {"in", NULL},         {"out", NULL},
                 {"etc/passwd", NULL},   {"loop", NULL},       {"absent", NULL},
                 {"sub", NULL},          {"pipe", NULL},       {"weights/more", NULL}};
    int wrong = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hone_map map = {{NULL, 0}, NULL, 0};
        const bool opens = hone_map_open_beneath(models, cases[i].name, &map) == HONE_OK;
        wrong += opens != (cases[i].contents != NULL);
        wrong += opens && cases[i].contents && !hone_bytes_is(map.bytes, cases[i].contents);
        hone_map_close(&map);
    }
    return wrong;
}

static void test_map_open_beneath_on_old_kernels(void **state)
{
    const pid_t child = fork();
    int status;

    (void)state;
    assert_true(child >= 0);
    if (child == 0)
        _exit(!has_openat2() || hide_openat2() ? wrong_without_openat2(in_folder("models")) : 77);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* no filters here */
    assert_int_equal(WEXITSTATUS(status), 0);
}
static int files_in_folder(void)
{
    DIR *dir = opendir(folder);
    int n = 0;

    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

static void test_writer(void **state)
{
    const int before = files_in_folder();
    const char *path = strdup(in_folder("written"));
    hone_file_writer *writer;
    hone_map map;

    (void)state;
    for (int round = 0; round < 2; round++) { /* the second replaces the first */
        assert_int_equal(hone_file_create(path, &writer), HONE_OK);
        assert_int_equal(hone_file_write(writer, "one ", 4), HONE_OK);
        assert_int_equal(hone_file_write(writer, "two", 3), HONE_OK);
        assert_int_equal(access(path, F_OK), round ? 0 : -1);
        assert_int_equal(hone_file_commit(writer), HONE_OK);
        assert_int_equal(hone_map_open(path, &map), HONE_OK);
        assert_true(hone_bytes_is(map.bytes, "one two"));
        hone_map_close(&map);
    }
    assert_int_equal(hone_file_create(path, &writer), HONE_OK);
    assert_int_equal(hone_file_write(writer, "three", 5), HONE_OK);
    hone_file_abandon(writer);
    hone_file_abandon(NULL);
    assert_int_equal(files_in_folder(), before + 1);
    free((void *)path);
}

static void test_writer_refuses(void **state)
{
    hone_file_writer *writer = NULL;

    (void)state;
    assert_int_equal(hone_file_create(in_folder("absent/file"), &writer), HONE_ERR_IO);
    assert_int_equal(hone_file_create(in_folder("models"), &writer), HONE_ERR_IO);
    assert_null(writer);
    if (access("/dev/full", W_OK) != 0)
        return;
    assert_int_equal(hone_file_create("/dev/full", &writer),
                     HONE_OK); /* devices are written, not replaced */
    assert_int_equal(hone_file_write(writer, "x", 1), HONE_OK);
    assert_int_equal(hone_file_commit(writer), HONE_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_open),
        cmocka_unit_test(test_map_open_beneath),
        cmocka_unit_test(test_map_open_beneath_on_old_kernels),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_writer_refuses),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
