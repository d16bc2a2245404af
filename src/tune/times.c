/* The timing cache in memory and as a file. */
#include "tune/times.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define FIRST_LINE "# hone timing cache 1: microseconds, tactic, layer, device, apart by tabs\n"
#define SIZE_LIMIT ((size_t)256 << 20)

hone_times *hone_times_create(hone_arena *arena)
{
    hone_times *times = hone_arena_alloc(arena, sizeof *times);

    times->arena = arena;
    return times;
}

static uint64_t hash_of(const char *tactic, const char *layer, const char *device)
{
    const uint64_t a = hone_hash(tactic, strlen(tactic), 0);
    const uint64_t b = hone_hash(layer, strlen(layer), a);

    return hone_hash(device, strlen(device), b);
}

/* The slot of a time: its own or a free one. */
static int *slot_of(const hone_times *t, const char *tactic, const char *layer, const char *device,
                    uint64_t hash)
{
    uint64_t at = hash & (uint64_t)(t->room - 1);

    for (; t->table[at]; at = (at + 1) & (uint64_t)(t->room - 1)) {
        const hone_time *time = &t->list.v[t->table[at] - 1];
        if (time->hash == hash && strcmp(time->tactic, tactic) == 0 &&
            strcmp(time->layer, layer) == 0 && strcmp(time->device, device) == 0)
            break;
    }
    return &t->table[at];
}

static void make_table(hone_times *t)
{
    if (2 * (t->list.n + 1) < t->room)
        return;
    t->room = t->room ? 2 * t->room : 1024;
    t->table = hone_arena_array(t->arena, (size_t)t->room, sizeof *t->table);
    for (int i = 0; i < t->list.n; i++) {
        const hone_time *time = &t->list.v[i];
        *slot_of(t, time->tactic, time->layer, time->device, time->hash) = i + 1;
    }
}

const hone_time *hone_times_find(const hone_times *t, const char *tactic, const char *layer,
                                 const char *device)
{
    if (t->room == 0)
        return NULL;
    const int index = *slot_of(t, tactic, layer, device, hash_of(tactic, layer, device));
    return index ? &t->list.v[index - 1] : NULL;
}

void hone_times_note(hone_times *t, const hone_time *time)
{
    const uint64_t hash = hash_of(time->tactic, time->layer, time->device);

    make_table(t);
    int *slot = slot_of(t, time->tactic, time->layer, time->device, hash);
    if (*slot == 0) {
        *hone_vec_push(t->arena, &t->list) =
            (hone_time){.tactic = hone_arena_text(t->arena, time->tactic),
                        .layer = hone_arena_text(t->arena, time->layer),
                        .device = hone_arena_text(t->arena, time->device),
                        .hash = hash};
        *slot = t->list.n;
    }
    t->list.v[*slot - 1].us = time->us;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* Cuts the line at its tabs; false where it has not exactly four fields. */
static bool split(char *line, char *fields[4])
{
    for (int i = 0; i < 4; i++) {
        fields[i] = line;
        char *tab = strchr(line, '\t');
        if ((tab == NULL) != (i == 3))
            return false;
        if (tab) {
            *tab = 0;
            line = tab + 1;
        }
    }
    return true;
}

static hone_status read_line(hone_times *t, const char *path, char *line, int number)
{
    char *fields[4], *end;

    if (*line == 0 || *line == '#')
        return HONE_OK;
    const bool is_whole = split(line, fields);
    const double us = is_whole ? strtod(fields[0], &end) : 0;
    if (!is_whole || end == fields[0] || *end || !(us > 0) || isinf(us))
        return hone_error(HONE_ERR_FORMAT,
                          "reading the timing cache \"%s\": line %d is not a time, a tactic, a "
                          "layer and a device, apart by tabs",
                          path, number);
    hone_times_note(t, &(hone_time){fields[1], fields[2], fields[3], 0, us});
    return HONE_OK;
}

static hone_status read_lines(hone_times *t, const char *path, hone_bytes bytes)
{
    char *const text = hone_arena_text_n(t->arena, (const char *)bytes.data, bytes.size);
    char *line = text;

    if (strlen(text) != bytes.size)
        return hone_error(HONE_ERR_FORMAT, "reading the timing cache \"%s\": it is no text", path);
    for (int number = 1; line; number++) {
        char *const end = strchr(line, '\n');
        if (end)
            *end = 0;
        HONE_TRY(read_line(t, path, line, number));
        line = end ? end + 1 : NULL;
    }
    return HONE_OK;
}

hone_status hone_times_read(hone_times *t, const char *path)
{
    hone_map map = {0};

    if (access(path, F_OK) != 0)
        return HONE_OK;
    HONE_TRY(hone_map_open(path, &map));
    const hone_status st =
        map.bytes.size > SIZE_LIMIT
            ? hone_error(HONE_ERR_LIMIT,
                         "reading the timing cache \"%s\": it has more than %zu bytes", path,
                         SIZE_LIMIT)
            : read_lines(t, path, map.bytes);
    hone_map_close(&map);
    return st;
}

static int by_fields(const void *a, const void *b)
{
    const hone_time *x = a, *y = b;
    int order = strcmp(x->device, y->device);

    if (order == 0)
        order = strcmp(x->layer, y->layer);
    return order ? order : strcmp(x->tactic, y->tactic);
}

hone_status hone_times_write(const hone_times *t, const char *path)
{
    const size_t size = sizeof(hone_time) * (size_t)t->list.n;
    hone_time *const sorted = hone_arena_alloc(t->arena, size + 1);
    hone_file_writer *file = NULL;
    hone_text text;

    if (size)
        memcpy(sorted, t->list.v, size);
    qsort(sorted, (size_t)t->list.n, sizeof *sorted, by_fields);
    hone_text_init(&text, NULL);
    hone_text_add(&text, FIRST_LINE);
    for (int i = 0; i < t->list.n; i++)
        hone_text_add(&text, "%.3f\t%s\t%s\t%s\n", sorted[i].us, sorted[i].tactic, sorted[i].layer,
                      sorted[i].device);
    hone_status st = hone_text_status(&text);
    if (st == HONE_OK)
        st = hone_file_create(path, &file);
    if (st == HONE_OK && (st = hone_file_write(file, text.data, text.size)) != HONE_OK)
        hone_file_abandon(file);
    else if (st == HONE_OK)
        st = hone_file_commit(file);
    hone_text_fini(&text);
    return st;
}
