/* The texts of --shapes: finding one input's shape in them, and adding to them. */
#ifndef HONE_CLI_SHAPES_H
#define HONE_CLI_SHAPES_H

#include "cli/options.h"
#include "hone/types.h"

/* The given texts of an option joined with commas, in malloc's memory; NULL where it was not given.
 */
char *hone_shapes_join(const hone_args *args, hone_option option);

/* True where the texts name this input; *out is then its shape. A malformed text names nothing: the
 * builder says so. */
bool hone_shapes_find(const char *texts, const char *name, hone_dims *out);

/* Adds "name:1x3" to texts, which is replaced. */
void hone_shapes_add(char **texts, const char *name, const hone_dims *shape);

#endif
