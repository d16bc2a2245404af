/* Runs a fuzz target without libFuzzer: replay FOLDER. Every file of the folder as it is, cut short
 * at many places, and with bytes changed by a generator of fixed seed, so that each run tries the
 * same inputs. A fault shows as a crash, under a sanitizer as its report; HONE_REPLAY_CHANGES in
 * the environment sets how many changed inputs a file gets. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum {
    CUTS = 64,
    CHANGES = 300,
    FILE_LIMIT = 1 << 20
};

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* The target sees a buffer of exactly `size` bytes, so that a sanitizer catches a read past its
 * end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);

    if (!exact)
        abort();
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void run_cuts(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < CUTS && i < size; i++)
        run(data, size * i / CUTS);
}

/* One to four changes: another byte, a bit, an extreme value, or a piece copied over another. */
static void run_changes(const uint8_t *data, size_t size, int n)
{
    static const uint8_t extremes[] = {0, 1, 0x7f, 0x80, 0xff};
    uint8_t *changed = malloc(size);

    if (!changed)
        abort();
    for (int i = 0; i < n && size > 0; i++) {
        memcpy(changed, data, size);
        for (uint64_t k = next_random() % 4 + 1; k > 0; k--) {
            uint8_t *at = &changed[next_random() % size];
            const uint64_t r = next_random();
            switch (r % 4) {
            case 0: *at = (uint8_t)(r >> 8); break;
            case 1: *at ^= (uint8_t)(1u << (r >> 8) % 8); break;
            case 2: *at = extremes[(r >> 8) % sizeof extremes]; break;
            default: {
                const size_t room = (size_t)(changed + size - at);
                const size_t from = (r >> 8) % size;
                const size_t piece = 1 + (r >> 40) % 8;
                memmove(at, data + from, piece < room && piece < size - from ? piece : 1);
            }
            }
        }
        run(changed, size);
    }
    free(changed);
}

static int run_file(const char *folder, const char *name, int n_changes)
{
    static uint8_t data[FILE_LIMIT];
    char path[4096];
    FILE *file;
    size_t size;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size = fread(data, 1, sizeof data, file);
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    run(data, size);
    run_cuts(data, size);
    run_changes(data, size, n_changes);
    return 0;
}

int main(int argc, char **argv)
{
    const char *changes = getenv("HONE_REPLAY_CHANGES");
    struct dirent **names = NULL;
    int n_files = 0, failed = 0;

    const int n = argc == 2 ? scandir(argv[1], &names, NULL, alphasort) : -1;
    if (n < 0) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            failed |= run_file(argv[1], names[i]->d_name, changes ? atoi(changes) : CHANGES);
            n_files++;
        }
        free(names[i]);
    }
    free(names);
    printf("%d files replayed\n", n_files);
    return failed || n_files == 0;
}
