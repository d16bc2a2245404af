/* Files: mapped for reading; written beside their place and renamed, so that there is never half of
 * one. */
#ifndef HONE_BASE_FILE_H
#define HONE_BASE_FILE_H

#include "base/bytes.h"

typedef struct hone_map {
    hone_bytes bytes;
    void *base;
    size_t length;
} hone_map;

/* Maps a regular file for reading (private; an empty file gives size 0). HONE_ERR_IO names the file
 * and the reason. */
hone_status hone_map_open(const char *path, hone_map *out);
/* The same for a name beneath an open directory: refuses absolute names, "..", and symbolic links
 * in any component that lead out (openat2 RESOLVE_BENEATH where the kernel has it, else component
 * by component with O_NOFOLLOW). */
hone_status hone_map_open_beneath(const char *folder, const char *name, hone_map *out);
void hone_map_close(hone_map *map);

/* Writes a whole file by way of a temporary one in the same folder; on failure nothing is left. */
typedef struct hone_file_writer hone_file_writer;
hone_status hone_file_create(const char *path, hone_file_writer **out);
hone_status hone_file_write(hone_file_writer *writer, const void *data, size_t size);
hone_status
hone_file_commit(hone_file_writer *writer); /* flushes, renames; the writer is gone either way */
void hone_file_abandon(hone_file_writer *writer); /* removes the temporary; takes NULL */

#endif
