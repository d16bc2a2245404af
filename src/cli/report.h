/* Results on stdout or in a file: JSON documents, sizes and tables for people. */
#ifndef HONE_CLI_REPORT_H
#define HONE_CLI_REPORT_H

#include <jansson.h>

#include "cli/options.h"
#include "hone/hone.h"

static inline bool hone_report_wants_json(const hone_args *args)
{
    return hone_args_count(args, HONE_OPTION_json) > 0;
}

/* True where the text for people belongs on stdout: no --json, or one that goes to a file. */
static inline bool hone_report_wants_text(const hone_args *args)
{
    return !hone_report_wants_json(args) || hone_args_text(args, HONE_OPTION_json);
}

/* Prints the document where --json says, and lets go of it. Returns an exit code. */
int hone_report_json(const hone_args *args, json_t *document);

/* Writes bytes or a document as a file, beside its place and then renamed; NULL: to stdout. Lets go
 * of the document. */
int hone_report_bytes(const char *path, const char *bytes, size_t size);
int hone_report_json_file(const char *path, json_t *document);

/* [1, 3, null]: open extents are null; an open rank is null as a whole. */
json_t *hone_report_shape(const hone_dims *shape);
json_t *hone_report_number(double x);       /* null where JSON has no such number */
json_t *hone_report_text(const char *text); /* null for NULL or what is no UTF-8 */

/* "51.2 MB", "830 kB", "12 B"; returns text. */
#define HONE_REPORT_SIZE 24
const char *hone_report_size(double bytes, char text[HONE_REPORT_SIZE]);

/* "152x1x8"; "-" for what was not launched; returns text. */
#define HONE_REPORT_GRID 40
const char *hone_report_grid(const unsigned grid[3], char text[HONE_REPORT_GRID]);
json_t *hone_report_grid_json(const unsigned grid[3]); /* [152, 1, 8]; null */

/* "float32 1x3x224x224" */
#define HONE_REPORT_TYPE 224
const char *hone_report_type(hone_dtype dtype, const hone_dims *shape, char text[HONE_REPORT_TYPE]);

#endif
