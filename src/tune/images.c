/* Compiling in parallel. The calling thread watches, so that progress is told by one thread. Images
 * of earlier builds are read from their folder. */
#include "tune/images.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define MAX_THREADS 64

static const char *const options[] = {"--diag-suppress=177"};

static void fini(void *thing)
{
    hone_images *images = thing;

    for (int i = 0; i < images->list.n; i++)
        hone_nvrtc_result_fini(NULL, &images->list.v[i].result);
}

hone_images *hone_images_create(hone_arena *arena, const char *folder)
{
    hone_images *images = hone_arena_alloc(arena, sizeof *images);

    images->arena = arena;
    images->folder = folder;
    hone_arena_defer(arena, fini, images);
    return images;
}

int hone_images_want(hone_images *images, const char *name, const char *text, const char *arch)
{
    const uint64_t hash = hone_hash(text, strlen(text), 0);

    for (int i = 0; i < images->list.n; i++) {
        const hone_image *image = &images->list.v[i];
        if (image->hash == hash && strcmp(image->arch, arch) == 0 && strcmp(image->text, text) == 0)
            return i;
    }
    *hone_vec_push(images->arena, &images->list) =
        (hone_image){.name = name, .text = text, .arch = arch, .hash = hash};
    return images->list.n - 1;
}

/* ---- kept images: a magic, a hash of the rest, the rest ------------------------------------- */

#define MAGIC "HONEKRN1"

typedef struct kept_head {
    char magic[8];
    uint64_t hash;
} kept_head;

enum {
    PATH_SIZE = 4096
};

/* Named by the text, the architecture and the compiler's version; false where there is no folder.
 */
static bool path_of(const hone_images *images, const hone_image *image, const hone_nvrtc *nvrtc,
                    char *path)
{
    const hone_nvrtc_info *info = hone_nvrtc_describe(nvrtc);
    char words[64];

    if (!images->folder)
        return false;
    snprintf(words, sizeof words, "%s %d.%d", image->arch, info->major, info->minor);
    const uint64_t hash = hone_hash(words, strlen(words), image->hash);
    return snprintf(path, PATH_SIZE, "%s/%s-%016llx", images->folder, image->name,
                    (unsigned long long)hash) < PATH_SIZE;
}

static bool load_kept(const char *path, hone_image *image)
{
    hone_map map = {0};
    kept_head head;
    void *copy;

    if (access(path, R_OK) != 0 || hone_map_open(path, &map) != HONE_OK)
        return false;
    const size_t size = map.bytes.size > sizeof head ? map.bytes.size - sizeof head : 0;
    memset(&head, 0, sizeof head);
    if (size)
        memcpy(&head, map.bytes.data, sizeof head);
    const bool is_whole = memcmp(head.magic, MAGIC, sizeof head.magic) == 0 &&
                          hone_hash(map.bytes.data + sizeof head, size, 0) == head.hash;
    if (is_whole && hone_alloc(NULL, size, &copy) == HONE_OK) {
        memcpy(copy, map.bytes.data + sizeof head, size);
        image->result.image = (hone_bytes){copy, size};
        image->is_made = true;
    }
    hone_map_close(&map);
    return image->is_made;
}

static void write_kept(const char *path, hone_bytes image)
{
    kept_head head = {.hash = hone_hash(image.data, image.size, 0)};
    hone_file_writer *file = NULL;

    memcpy(head.magic, MAGIC, sizeof head.magic);
    hone_status st = hone_file_create(path, &file);
    if (st == HONE_OK)
        st = hone_file_write(file, &head, sizeof head);
    if (st == HONE_OK)
        st = hone_file_write(file, image.data, image.size);
    if (st == HONE_OK)
        hone_file_commit(file);
    else
        hone_file_abandon(file);
}

void hone_images_keep(const hone_images *images, int index)
{
    const hone_image *image = &images->list.v[index];
    const hone_nvrtc *nvrtc;
    char path[PATH_SIZE];

    if (!image->is_made || hone_nvrtc_open(&nvrtc) != HONE_OK ||
        !path_of(images, image, nvrtc, path) || access(path, F_OK) == 0)
        return;
    mkdir(images->folder, 0777);
    write_kept(path, image->result.image);
}

/* ---- compiling ------------------------------------------------------------------------------- */

typedef struct job {
    const hone_images *images;
    const hone_nvrtc *nvrtc;
    hone_image **todo;
    int n;
    atomic_int next, n_done;
    atomic_int status; /* the first failure's */
    pthread_mutex_t mutex;
    char message[2048];
} job;

static void make_one(job *j, hone_image *image)
{
    char path[PATH_SIZE];

    const hone_nvrtc_job request = {.source = {image->name, image->text},
                                    .arch = image->arch,
                                    .options = options,
                                    .n_options = HONE_COUNT(options)};

    if (path_of(j->images, image, j->nvrtc, path) && load_kept(path, image))
        return;
    const hone_status st = hone_nvrtc_compile(j->nvrtc, NULL, &request, &image->result);

    image->is_made = st == HONE_OK;
    if (st == HONE_OK)
        return;
    pthread_mutex_lock(&j->mutex);
    if (atomic_load(&j->status) == HONE_OK) {
        snprintf(j->message, sizeof j->message, "%s", hone_message());
        atomic_store(&j->status, st);
    }
    pthread_mutex_unlock(&j->mutex);
}

static void *work(void *user)
{
    job *j = user;

    for (int i; (i = atomic_fetch_add(&j->next, 1)) < j->n;) {
        if (atomic_load(&j->status) == HONE_OK)
            make_one(j, j->todo[i]);
        atomic_fetch_add(&j->n_done, 1);
    }
    return NULL;
}

static hone_status watch(job *j, const hone_progress *progress, const char *phase)
{
    hone_status st = HONE_OK;

    for (int done = 0; done < j->n && st == HONE_OK;) {
        done = atomic_load(&j->n_done);
        st = hone_progress_report(progress, phase, done, j->n);
        if (done < j->n)
            usleep(2000);
    }
    if (st != HONE_OK)
        atomic_store(&j->status, st); /* the threads stop soon */
    return st;
}

static hone_status run(job *j, const hone_progress *progress, const char *phase)
{
    pthread_t threads[MAX_THREADS];
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const int wanted = HONE_MIN(j->n, (int)HONE_MAX(1, HONE_MIN(cores, MAX_THREADS)));
    int n = 0;

    while (n < wanted && pthread_create(&threads[n], NULL, work, j) == 0)
        n++;
    if (n == 0)
        work(j);
    hone_status st = watch(j, progress, phase);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    if (st == HONE_OK && atomic_load(&j->status) != HONE_OK)
        st = hone_error((hone_status)atomic_load(&j->status), "%s", j->message);
    return st;
}

hone_status hone_images_make(hone_images *images, const hone_progress *progress, const char *phase)
{
    job j = {.images = images, .mutex = PTHREAD_MUTEX_INITIALIZER};

    j.todo = hone_arena_array(images->arena, (size_t)images->list.n + 1, sizeof *j.todo);
    for (int i = 0; i < images->list.n; i++)
        if (!images->list.v[i].is_made)
            j.todo[j.n++] = &images->list.v[i];
    if (j.n == 0)
        return HONE_OK;
    HONE_TRY(hone_nvrtc_open(&j.nvrtc));
    return run(&j, progress, phase);
}
