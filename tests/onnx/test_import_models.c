/* Every model of the shared folder is imported: HONE_SHARED names it, else it is "shared" beside
 * the repository. Without the folder the test says that it is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <dirent.h>

#include <cmocka.h>

#include "base/file.h"
#include "importing.h"

static const char *shared_folder(void)
{
    static char path[4096];
    const char *named = getenv("HONE_SHARED");
    const char *slash = strrchr(__FILE__, '/');

    if (named)
        return named;
    snprintf(path, sizeof path, "%.*s/../../../shared", slash ? (int)(slash - __FILE__) : 1,
             slash ? __FILE__ : ".");
    return path;
}

static bool every_type_is_known(const hone_graph *graph)
{
    HONE_EACH_NODE(node, graph)
    for (int i = 0; i < node->n_out; i++)
        if (node->out[i] && node->out[i]->type.kind == HONE_KIND_TENSOR &&
            node->out[i]->type.shape.rank < 0)
            return false;
    return true;
}

/* 1: imported; 0: there is no such model; -1: failed. */
static int import_model(const char *folder, bool *known)
{
    char path[4500];
    hone_map map = {0};
    imported x;

    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (hone_map_open(path, &map) != HONE_OK)
        return 0;
    import_bytes(&x, map.bytes, folder, (size_t)1 << 30);
    const bool is_ok = x.status == HONE_OK;
    /* Operators without code are other tests' business: here it counts that nothing else is wrong.
     */
    const bool is_reported =
        x.status == HONE_ERR_UNSUPPORTED && strstr(hone_message(), "no code for this operator");
    if (!is_ok && !is_reported)
        print_error("%s: %s\n", path, hone_message());
    *known = !is_ok || every_type_is_known(x.module->main);
    import_free(&x);
    hone_map_close(&map);
    return is_ok || is_reported ? 1 : -1;
}

static void test_models_import(void **state)
{
    (void)state;
    char path[4096];
    int n = 0, failed = 0;

    snprintf(path, sizeof path, "%.4000s/models", shared_folder());
    DIR *models = opendir(path);
    if (!models) {
        print_message("no folder %s: skipped\n", path);
        skip();
    }
    for (const struct dirent *entry = readdir(models); entry; entry = readdir(models)) {
        char folder[4400];
        bool known = true;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(folder, sizeof folder, "%s/%s", path, entry->d_name);
        const int result = import_model(folder, &known);
        n += result != 0;
        failed += result < 0;
        if (!known)
            print_message("%s: a value of unknown rank\n", entry->d_name);
    }
    closedir(models);
    print_message("%d models\n", n);
    assert_int_equal(failed, 0);
    assert_true(n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models_import)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
