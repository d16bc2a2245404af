/* Golden files of the passes: tests/opt/golden/<name>.ir holds a module, a line of ====, and what
 * becomes of it. Its first lines say what to run: "# rule fold_pad_conv", "# pass layout", or "#
 * half narrow": a pass for a GPU that may use float16; a file whose second part is only "same" is
 * one where the rule must not fire. Types in the first part may be left open (?[*]): inference
 * fills them in. HONE_UPDATE=1 in the environment writes the second parts anew; read the difference
 * before it is committed. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "opt/opt.h"

#define FOLDER  HONE_TESTS_DIR "/opt/golden"
#define DIVIDER "====\n"

typedef struct golden {
    char path[1024];
    char kind[16], name[64];
    const char *head, *input, *expected; /* texts; input ends at the divider */
    size_t input_size, expected_size;
    hone_arena *arena;
} golden;

static hone_bytes read_file(hone_arena *arena, const char *path)
{
    hone_map map;

    assert_int_equal(hone_map_open(path, &map), HONE_OK);
    const hone_bytes copy = {
        (const uint8_t *)hone_arena_text_n(arena, (const char *)map.bytes.data, map.bytes.size),
        map.bytes.size};
    hone_map_close(&map);
    return copy;
}

static void golden_open(golden *g, const char *file)
{
    snprintf(g->path, sizeof g->path, "%s/%s", FOLDER, file);
    assert_int_equal(hone_arena_create(NULL, 0, &g->arena), HONE_OK);
    const hone_bytes all = read_file(g->arena, g->path);
    const char *text = (const char *)all.data, *divider = strstr(text, DIVIDER);
    if (sscanf(text, "# %15s %63s", g->kind, g->name) != 2 || divider == NULL)
        fail_msg("%s: no \"# rule NAME\" or no divider", g->path);
    g->head = text;
    g->input = strstr(text, "hone-ir");
    g->input_size = (size_t)(divider - g->input);
    g->expected = divider + strlen(DIVIDER);
    g->expected_size = all.size - (size_t)(g->expected - text);
}

static hone_bytes print(golden *g, const hone_module *module)
{
    hone_text text;

    hone_text_init(&text, NULL);
    hone_module_print(module, true, &text);
    assert_int_equal(hone_text_status(&text), HONE_OK);
    const hone_bytes copy = {(const uint8_t *)hone_arena_text_n(g->arena, text.data, text.size),
                             text.size};
    hone_text_fini(&text);
    return copy;
}

/* A GPU that has kernels for everything but nodes called "cpu". */
static bool takes_small(void *user, const hone_node *node)
{
    (void)user;
    return strcmp(node->name, "cpu") != 0;
}

static bool run(golden *g, hone_module *module)
{
    const hone_pass_options options = {
        .gpu = strcmp(g->kind, "half") == 0,
        .narrow = HONE_F16,
        .takes = takes_small,
    };
    bool changed = false;

    if (strcmp(g->kind, "rule") != 0) {
        const hone_status st = hone_pass_run(module, g->name, &options);
        if (st != HONE_OK)
            fail_msg("%s: %s", g->path, hone_message());
        return true;
    }
    const hone_rule *rule = hone_rule_find(g->name);
    if (rule == NULL)
        fail_msg("%s: no rule %s", g->path, g->name);
    if (hone_rules_apply(module->main, &rule, 1, &changed) != HONE_OK)
        fail_msg("%s: %s", g->path, hone_message());
    if (hone_graph_verify(module->main) != HONE_OK)
        fail_msg("%s: %s", g->path, hone_message());
    return changed;
}

static void update(const golden *g, hone_bytes after, bool same)
{
    hone_file_writer *file;

    assert_int_equal(hone_file_create(g->path, &file), HONE_OK);
    assert_int_equal(hone_file_write(file, g->head, (size_t)(g->expected - g->head)), HONE_OK);
    assert_int_equal(same ? hone_file_write(file, "same\n", 5)
                          : hone_file_write(file, after.data, after.size),
                     HONE_OK);
    assert_int_equal(hone_file_commit(file), HONE_OK);
}

static void compare(const golden *g, hone_bytes before, hone_bytes after, bool changed)
{
    const bool same = g->expected_size == 5 && memcmp(g->expected, "same\n", 5) == 0;
    const hone_bytes wanted =
        same ? before : (hone_bytes){(const uint8_t *)g->expected, g->expected_size};

    if (getenv("HONE_UPDATE") != NULL)
        update(g, after, hone_bytes_equal(before, after));
    else if (strcmp(g->kind, "rule") == 0 && changed == same)
        fail_msg("%s: the rule %s", g->path, same ? "must not fire" : "did not fire");
    else if (!hone_bytes_equal(wanted, after))
        fail_msg("%s: wanted\n%.*s\nbut got\n%.*s", g->path, (int)wanted.size,
                 (const char *)wanted.data, (int)after.size, (const char *)after.data);
}

static void check_file(const char *file)
{
    golden g = {.arena = NULL};
    hone_module *module;

    golden_open(&g, file);
    const hone_bytes input = {(const uint8_t *)g.input, g.input_size};
    if (hone_module_parse(g.arena, input, &module) != HONE_OK ||
        hone_graph_infer(module->main) != HONE_OK)
        fail_msg("%s: %s", g.path, hone_message());
    const hone_bytes before = print(&g, module);
    const bool changed = run(&g, module);
    compare(&g, before, print(&g, module), changed);
    hone_arena_destroy(g.arena);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_files(char **names, int room)
{
    DIR *folder = opendir(FOLDER);
    int n = 0;

    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder)) != NULL && n < room;)
        if (strstr(e->d_name, ".ir") != NULL)
            names[n++] = strdup(e->d_name);
    closedir(folder);
    qsort(names, (size_t)n, sizeof *names, compare_names);
    return n;
}

static void test_golden_files(void **state)
{
    char *names[1000];
    const int n = list_files(names, 1000);

    (void)state;
    const char *only = getenv("HONE_GOLDEN"); /* the name of one file: for finding a fault */
    for (int i = 0; i < n; i++) {
        if (only == NULL || strcmp(only, names[i]) == 0)
            check_file(names[i]);
        free(names[i]);
    }
}

/* Every rule has a file in which it fires, <rule>.ir, and one in which it must not, <rule>_not.ir.
 */
static void test_every_rule_has_files(void **state)
{
    static const char *const rules[] = {
#define HONE_RULE(set, name) #name,
#include "opt/rules.def"
#undef HONE_RULE
    };
    char path[1024];

    (void)state;
    for (int i = 0; i < HONE_COUNT(rules); i++)
        for (int k = 0; k < 2; k++) {
            hone_map map;
            snprintf(path, sizeof path, "%s/%s%s.ir", FOLDER, rules[i], k == 0 ? "" : "_not");
            if (hone_map_open(path, &map) != HONE_OK)
                fail_msg("no golden file %s", path);
            hone_map_close(&map);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_files),
        cmocka_unit_test(test_every_rule_has_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
