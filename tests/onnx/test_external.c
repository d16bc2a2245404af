/* External data: read where it lies beneath the model's folder, refused anywhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "importing.h"
#include "model_text.h"

static char folder[256]; /* parent/model, with data.bin in both */
static char parent[200];

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static int make_folders(void **state)
{
    (void)state;
    static const float data[4] = {1, 2, 3, 4};
    char path[512];

    snprintf(parent, sizeof parent, "/tmp/hone_test_external_XXXXXX");
    assert_non_null(mkdtemp(parent));
    snprintf(folder, sizeof folder, "%s/model", parent);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/sub", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/data.bin", parent);
    write_file(path, data, sizeof data);
    snprintf(path, sizeof path, "%s/data.bin", folder);
    write_file(path, data, sizeof data);
    snprintf(path, sizeof path, "%s/sub/data.bin", folder);
    write_file(path, data, sizeof data);
    snprintf(path, sizeof path, "%s/link.bin", folder);
    assert_int_equal(symlink("../data.bin", path), 0);
    snprintf(path, sizeof path, "%s/out", folder);
    assert_int_equal(symlink("..", path), 0);
    return 0;
}

static int remove_folders(void **state)
{
    (void)state;
    static const char *const names[] = {
        "model/sub/data.bin", "model/sub", "model/data.bin", "model/link.bin",
        "model/out",          "model",     "data.bin"};
    char path[512];

    for (int i = 0; i < HONE_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", parent, names[i]);
        remove(path);
    }
    return rmdir(parent);
}

static void entry(pb *tensor, const char *key, const char *value)
{
    pb e = {0};
    if (!value)
        return;
    pb_text(&e, 1, key);
    pb_text(&e, 2, value);
    pb_message(tensor, 13, &e);
}

static const struct {
    const char *name, *location, *offset, *length;
    hone_status status;
} cases[] = {
    {"from the start", "data.bin", "0", "8", HONE_OK},
    {"from the middle", "data.bin", "8", "8", HONE_OK},
    {"without a length", "data.bin", "8", NULL, HONE_OK},
    {"in a folder beneath", "sub/data.bin", "0", "8", HONE_OK},
    {"past the end", "data.bin", "12", "8", HONE_ERR_FORMAT},
    {"far past the end", "data.bin", "18446744073709551615", "8", HONE_ERR_FORMAT},
    {"offset of too many digits", "data.bin", "99999999999999999999999", "8", HONE_ERR_FORMAT},
    {"offset negative", "data.bin", "-8", "8", HONE_ERR_FORMAT},
    {"length too small", "data.bin", "0", "4", HONE_ERR_FORMAT},
    {"length too large", "data.bin", "0", "16", HONE_ERR_FORMAT},
    {"length of nothing", "data.bin", "0", "", HONE_ERR_FORMAT},
    {"no location", NULL, "0", "8", HONE_ERR_FORMAT},
    {"not there", "other.bin", "0", "8", HONE_ERR_IO},
    {"a folder", "sub", "0", "8", HONE_ERR_IO},
    {"absolute", "/etc/passwd", "0", "8", HONE_ERR_FORMAT},
    {"above", "../data.bin", "0", "8", HONE_ERR_FORMAT},
    {"above by a detour", "sub/../../data.bin", "0", "8", HONE_ERR_FORMAT},
    {"link that leads out", "link.bin", "0", "8", HONE_ERR_FORMAT},
    {"folder link that leads out", "out/data.bin", "0", "8", HONE_ERR_FORMAT},
};

static pb model_with(int i)
{
    pb model = {0}, graph = {0}, tensor = {0}, info = {0};

    pb_int(&tensor, 1, 2);
    pb_int(&tensor, 2, 1);
    pb_text(&tensor, 8, "w");
    entry(&tensor, "location", cases[i].location);
    entry(&tensor, "offset", cases[i].offset);
    entry(&tensor, "length", cases[i].length);
    pb_int(&tensor, 14, 1);
    pb_text(&info, 1, "w");
    pb_message(&graph, 5, &tensor);
    pb_message(&graph, 12, &info);
    pb_int(&model, 1, 8);
    pb_message(&model, 7, &graph);
    return model;
}

static void test_external_data_is_beneath_the_folder(void **state)
{
    (void)state;
    int failed = 0;

    for (int i = 0; i < HONE_COUNT(cases); i++) {
        pb model = model_with(i);
        imported x;
        import_bytes(&x, (hone_bytes){model.data, model.size}, folder, 1 << 24);
        /* Whether a name that leads out counts as malformed or as refused by the system is
         * base/file.c's word. */
        const bool is_refused =
            cases[i].status != HONE_OK && (x.status == HONE_ERR_FORMAT || x.status == HONE_ERR_IO);
        if (x.status != cases[i].status && !is_refused) {
            print_error("%s: status %d: %s\n", cases[i].name, x.status,
                        x.status ? hone_message() : "");
            failed++;
        }
        if (x.status == HONE_OK) {
            float first;
            memcpy(&first, x.module->main->out[0]->constant->data, sizeof first);
            assert_true(first == (cases[i].offset[0] == '8' ? 3.0f : 1.0f));
        }
        import_free(&x);
        free(model.data);
    }
    assert_int_equal(failed, 0);
}

static void test_external_data_needs_a_folder(void **state)
{
    (void)state;
    pb model = model_with(0);
    imported x;
    import_bytes(&x, (hone_bytes){model.data, model.size}, NULL, 1 << 24);
    assert_int_equal(x.status, HONE_ERR_UNSUPPORTED);
    assert_non_null(strstr(hone_message(), "external data needs the model's folder"));
    import_free(&x);
    free(model.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_external_data_is_beneath_the_folder),
        cmocka_unit_test(test_external_data_needs_a_folder),
    };
    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
