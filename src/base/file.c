/* Files: mapping for reading, and writing by way of a temporary in the same folder. The idea: a
 * reader never sees half of a file, and a name that comes from a model can never lead out of the
 * model's folder. It does not read pipes. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static hone_status io_error(const char *doing, const char *path)
{
    return hone_error(HONE_ERR_IO, "%s \"%s\": %s", doing, path, strerror(errno));
}

/* Maps what `fd` has open, and closes it. */
static hone_status map_fd(int fd, const char *path, hone_map *out)
{
    struct stat info;
    hone_status st = HONE_OK;
    void *base = NULL;

    if (fstat(fd, &info) != 0)
        st = io_error("opening", path);
    else if (!S_ISREG(info.st_mode))
        st = hone_error(HONE_ERR_IO, "opening \"%s\": it is not a regular file", path);
    else if (info.st_size > 0) {
        base = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (base == MAP_FAILED)
            st = io_error("mapping", path);
    }
    close(fd);
    if (st == HONE_OK)
        *out = (hone_map){{base, (size_t)info.st_size}, base, (size_t)info.st_size};
    return st;
}

hone_status hone_map_open(const char *path, hone_map *out)
{
    /* O_NONBLOCK: a pipe without a writer is refused by map_fd rather than waited for. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return io_error("opening", path);
    return map_fd(fd, path, out);
}

/* Why a relative name is refused from its letters alone; NULL: it is not. */
static const char *name_fault(const char *name)
{
    if (name[0] == 0)
        return "the name is empty";
    if (name[0] == '/')
        return "the name is absolute";
    for (const char *at = name; *at; at += strcspn(at, "/"), at += strspn(at, "/"))
        if (strcspn(at, "/") == 2 && at[0] == '.' && at[1] == '.')
            return "the name has a \"..\"";
    return NULL;
}

/* Opens component by component, following no link: for kernels before 5.6. */
static int open_by_component(int folder, const char *name)
{
    int at = fcntl(folder, F_DUPFD_CLOEXEC, 0);

    while (at >= 0) {
        char part[256];
        const size_t length = strcspn(name, "/");
        const char *rest = name + length + strspn(name + length, "/");
        if (length >= sizeof part) {
            close(at);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, name, length);
        part[length] = 0;
        const int kind = *rest ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK;
        const int next = openat(at, part, kind | O_NOFOLLOW | O_CLOEXEC);
        close(at);
        if (!*rest)
            return next;
        at = next;
        name = rest;
    }
    return -1;
}

static int open_beneath(int folder, const char *name)
{
    const struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    const long fd = syscall(SYS_openat2, folder, name, &how, sizeof how);

    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return open_by_component(folder, name);
    return (int)fd;
}

hone_status hone_map_open_beneath(const char *folder, const char *name, hone_map *out)
{
    const char *fault = name_fault(name);

    if (fault)
        return hone_error(HONE_ERR_IO, "opening \"%s\" beneath \"%s\": %s", name, folder, fault);
    const int at = open(*folder ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return io_error("opening the folder", folder);
    const int fd = open_beneath(at, name);
    const int fault_number = errno;
    close(at);
    if (fd < 0)
        return hone_error(HONE_ERR_IO, "opening \"%s\" beneath \"%s\": %s", name, folder,
                          fault_number == EXDEV || fault_number == ELOOP
                              ? "it leads out of the folder"
                              : strerror(fault_number));
    return map_fd(fd, name, out);
}

void hone_map_close(hone_map *map)
{
    if (map->base)
        munmap(map->base, map->length);
    *map = (hone_map){{NULL, 0}, NULL, 0};
}

struct hone_file_writer {
    FILE *file;
    char *path;
    char *temporary; /* NULL: `path` is a device or a pipe, written straight */
};

static void writer_free(hone_file_writer *writer)
{
    free(writer->path);
    free(writer->temporary);
    free(writer);
}

/* Opens a name beside the path that nobody has; its mode is what the umask leaves. */
static int open_temporary(hone_file_writer *writer)
{
    static unsigned serial;

    for (int attempt = 0; attempt < 100; attempt++) {
        const unsigned number = __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);
        if (asprintf(&writer->temporary, "%s.%ld-%u.tmp", writer->path, (long)getpid(), number) <
            0) {
            writer->temporary = NULL;
            errno = ENOMEM;
            return -1;
        }
        const int fd =
            open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd >= 0)
            return fd;
        free(writer->temporary);
        writer->temporary = NULL;
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

static int open_for_writing(hone_file_writer *writer)
{
    struct stat info;

    if (stat(writer->path, &info) == 0 && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    if (stat(writer->path, &info) == 0 && !S_ISREG(info.st_mode))
        return open(writer->path, O_WRONLY | O_CLOEXEC);
    return open_temporary(writer);
}

hone_status hone_file_create(const char *path, hone_file_writer **out)
{
    hone_file_writer *writer = calloc(1, sizeof *writer);
    hone_status st = HONE_OK;
    int fd = -1;

    if (writer)
        writer->path = strdup(path);
    if (!writer || !writer->path) {
        st = hone_error(HONE_ERR_MEMORY, "writing \"%s\": out of memory", path);
    } else if ((fd = open_for_writing(writer)) < 0) {
        st = io_error("writing", path);
    } else if (!(writer->file = fdopen(fd, "wb"))) {
        st = io_error("writing", path);
        close(fd);
    }
    if (st != HONE_OK) {
        hone_file_abandon(writer);
        return st;
    }
    *out = writer;
    return HONE_OK;
}

hone_status hone_file_write(hone_file_writer *writer, const void *data, size_t size)
{
    if (size > 0 && fwrite(data, 1, size, writer->file) != size)
        return io_error("writing", writer->path);
    return HONE_OK;
}

hone_status hone_file_commit(hone_file_writer *writer)
{
    hone_status st = HONE_OK;

    if (fflush(writer->file) != 0 || (writer->temporary && fsync(fileno(writer->file)) != 0))
        st = io_error("writing", writer->path);
    if (fclose(writer->file) != 0 && st == HONE_OK)
        st = io_error("writing", writer->path);
    writer->file = NULL;
    if (st == HONE_OK && writer->temporary && rename(writer->temporary, writer->path) != 0)
        st = io_error("renaming to", writer->path);
    if (st != HONE_OK)
        hone_file_abandon(writer);
    else
        writer_free(writer);
    return st;
}

void hone_file_abandon(hone_file_writer *writer)
{
    if (!writer)
        return;
    if (writer->file)
        fclose(writer->file);
    if (writer->temporary)
        unlink(writer->temporary);
    writer_free(writer);
}
