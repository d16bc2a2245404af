/* Classes among the outputs of a run: of a classifier whose plan knows the classes' names or picks
 * the best. */
#ifndef HONE_CLI_CLASSES_H
#define HONE_CLI_CLASSES_H

#include "cli/report.h"
#include "cli/session.h"

typedef struct hone_output {
    const char *name;
    hone_tensor tensor;
} hone_output;

typedef struct hone_ranked {
    int64_t index;
    double share;
} hone_ranked;

typedef struct hone_classes {
    int64_t rows, top;
    hone_ranked *v; /* rows * top of them, the likeliest first in each row */
} hone_classes;

/* False where the outputs are no classes. free(out->v) in any case. */
bool hone_classes_find(const hone_session *s, const hone_output *outputs, int n, hone_classes *out);

void hone_classes_print(const hone_session *s, const hone_classes *c);
json_t *hone_classes_json(const hone_session *s, const hone_classes *c);

#endif
