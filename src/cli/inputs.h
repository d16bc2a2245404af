/* Files and made-up values into a context's inputs. */
#ifndef HONE_CLI_INPUTS_H
#define HONE_CLI_INPUTS_H

#include "cli/session.h"

/* Finds the file of every input (--input, --inputs), reads those that say their own shape, and
 * builds the model: inputs that leave extents open get them from the files. */
int hone_inputs_find_and_build(hone_session *s);

/* Reads and makes up the rest and binds everything. picture: a file for the input that takes
 * pictures, or NULL. */
int hone_inputs_bind(hone_session *s, const char *picture);

/* Gives what has been bound to another context of the session's engine too. */
int hone_inputs_give(const hone_session *s, hone_context *context);

void hone_inputs_fini(hone_session *s);

/* Helpers of the two walks. An open shape has an extent or a rank that is not fixed. */
hone_status hone_inputs_binding(const hone_session *s, int index, hone_binding_info *info);
bool hone_inputs_ends_with(const char *path, const char *ending);
bool hone_inputs_is_open(const hone_dims *shape);

#endif
