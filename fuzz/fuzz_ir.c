/* IR text: what parses must print, and what was printed must parse and print the same. */
#include "fuzz.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "ir/graph.h"

typedef struct job {
    const hone_allocator *allocator;
    hone_arena *arena;
    hone_bytes text;
    hone_text *printed;
} job;

static hone_status parse_and_print(void *user)
{
    job *j = user;
    hone_module *module;

    HONE_TRY(hone_module_parse(j->arena, j->text, &module));
    hone_module_print(module, true, j->printed);
    return hone_text_status(j->printed);
}

/* Parses and prints in an arena of its own. */
static hone_status round_trip(const hone_allocator *allocator, hone_bytes text, hone_text *printed)
{
    job j = {.allocator = allocator, .text = text, .printed = printed};
    hone_status st = hone_arena_create(allocator, FUZZ_MEMORY, &j.arena);

    if (st == HONE_OK)
        st = hone_trap_run(parse_and_print, &j);
    hone_arena_destroy(j.arena);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t taken = 0;
    const hone_allocator allocator = {1, &taken, fuzz_alloc, fuzz_free};
    hone_text first, second;

    hone_text_init(&first, &allocator);
    hone_text_init(&second, &allocator);
    if (round_trip(&allocator, (hone_bytes){data, size}, &first) == HONE_OK) {
        const hone_bytes text = {(const uint8_t *)first.data, first.size};
        const hone_status st = round_trip(&allocator, text, &second);
        if (st != HONE_ERR_MEMORY && st != HONE_ERR_LIMIT &&
            (st != HONE_OK || first.size != second.size ||
             memcmp(first.data, second.data, first.size)))
            abort();
    }
    hone_text_fini(&first);
    hone_text_fini(&second);
    fuzz_check_freed(&taken);
    return 0;
}
