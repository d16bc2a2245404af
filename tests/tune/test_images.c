/* Machine code made in parallel, each text once, and kept for the next build. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tune/images.h"

static const char good[] = "extern \"C\" __global__ void f(int *x) { *x = 1; }";
static const char other[] = "extern \"C\" __global__ void f(int *x) { *x = 2; }";

static void need_compiler(void)
{
    const hone_nvrtc *nvrtc;

    if (hone_nvrtc_open(&nvrtc) == HONE_OK)
        return;
    print_message("skipped: %s\n", hone_message());
    skip();
}

/* Where there is a compiler, so that a test that is skipped leaves nothing behind. */
static hone_arena *arena_of(void)
{
    hone_arena *arena;

    need_compiler();
    assert_int_equal(hone_arena_create(NULL, 0, &arena), HONE_OK);
    return arena;
}

static void test_each_once(void **state)
{
    hone_arena *arena = arena_of();
    hone_images *images = hone_images_create(arena, NULL);

    (void)state;
    assert_int_equal(hone_images_want(images, "f", good, "sm_80"), 0);
    assert_int_equal(hone_images_want(images, "f", other, "sm_80"), 1);
    assert_int_equal(hone_images_want(images, "f", good, "sm_80"), 0);
    assert_int_equal(hone_images_want(images, "f", good, "compute_80"), 2);
    assert_int_equal(hone_images_make(images, NULL, "compile"), HONE_OK);
    for (int i = 0; i < 3; i++)
        assert_true(hone_images_at(images, i)->result.image.size > 0);
    hone_arena_destroy(arena);
}

static void test_fault(void **state)
{
    hone_arena *arena = arena_of();
    hone_images *images = hone_images_create(arena, NULL);

    (void)state;
    hone_images_want(images, "f", good, "sm_80");
    hone_images_want(images, "f", "no kernel", "sm_80");
    assert_int_equal(hone_images_make(images, NULL, "compile"), HONE_ERR_BUILD);
    hone_arena_destroy(arena);
}

static bool stop(void *user, const hone_progress_state *at)
{
    (void)at;
    ++*(int *)user;
    return false;
}

static void test_cancel(void **state)
{
    int calls = 0;
    const hone_progress progress = {.version = 1, .user = &calls, .update = stop};
    hone_arena *arena = arena_of();
    hone_images *images = hone_images_create(arena, NULL);

    (void)state;
    hone_images_want(images, "f", good, "sm_80");
    assert_int_equal(hone_images_make(images, &progress, "compile"), HONE_ERR_CANCELLED);
    assert_int_equal(calls, 1);
    hone_arena_destroy(arena);
}

/* The file that the folder has, and its removal with the folder. */
static void drop_folder(const char *folder)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void damage_files(const char *folder)
{
    char command[192];

    snprintf(
        command, sizeof command,
        "for f in '%s'/*; do printf x | dd of=\"$f\" bs=1 seek=100 conv=notrunc 2>/dev/null; done",
        folder);
    assert_int_equal(system(command), 0);
}

static void test_kept(void **state)
{
    char folder[64];

    (void)state;
    snprintf(folder, sizeof folder, "images.%d", (int)getpid());
    for (int round = 0; round < 3; round++) {
        hone_arena *arena = arena_of();
        hone_images *images = hone_images_create(arena, folder);
        hone_images_want(images, "f", good, "sm_80");
        if (round == 2)
            damage_files(folder); /* is noticed, and compiled anew */
        assert_int_equal(hone_images_make(images, NULL, "compile"), HONE_OK);
        assert_true(hone_images_at(images, 0)->result.image.size > 100);
        assert_memory_equal(hone_images_at(images, 0)->result.image.data,
                            "\x7f"
                            "ELF",
                            4);
        hone_images_keep(images, 0);
        hone_arena_destroy(arena);
    }
    drop_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_fault),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
