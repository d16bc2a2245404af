/* Classifies a picture: classify FILE.plan PICTURE. The plan is one that takes encoded pictures and
 * knows its labels:
 *
 *     hone build net.onnx --preprocess decode,resize=256,crop=224,mean=127,std=128 --labels
 * labels.txt -o net.plan
 *
 * Prints the five best classes and their probabilities. */
#include <hone/hone.h>
#include <hone/media.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program where a call failed: hone_message() tells what happened to what. */
static void check(hone_status status)
{
    if (status != HONE_OK) {
        fprintf(stderr, "classify: %s\n", hone_message());
        exit(1);
    }
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(16 << 20);

    if (!file || !data) {
        perror(path);
        exit(1);
    }
    *size = fread(data, 1, 16 << 20, file);
    fclose(file);
    return data;
}

static void print_label(const char *labels, int64_t line)
{
    while (labels && line-- > 0)
        labels = strchr(labels, '\n') ? strchr(labels, '\n') + 1 : NULL;
    if (labels)
        printf("%.*s\n", (int)strcspn(labels, "\n"), labels);
}

static void print_best(float *logits, int64_t n, const char *labels)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += exp(logits[i]);
    for (int rank = 0; rank < 5 && rank < n; rank++) {
        int64_t best = 0;
        for (int64_t i = 1; i < n; i++)
            best = logits[i] > logits[best] ? i : best;
        printf("%6.2f %%  ", 100 * exp(logits[best]) / sum);
        print_label(labels, best);
        logits[best] = -INFINITY;
    }
}

int main(int argc, char **argv)
{
    hone_plan *plan;
    hone_engine *engine;
    hone_context *context;
    hone_tensor answer;
    size_t size;

    if (argc != 3) {
        fprintf(stderr, "usage: classify FILE.plan PICTURE\n");
        return 2;
    }
    uint8_t *picture = read_file(argv[2], &size);
    check(hone_plan_open(argv[1], NULL, &plan));
    check(
        hone_engine_create(plan, HONE_ENGINE_OPTIONS(.decode_image = hone_media_decode), &engine));
    check(hone_context_create(engine, NULL, &context));

    /* Binding 0 is the picture's bytes as they are in the file, binding 1 the logits. */
    check(hone_context_set_shape(context, 0, &(hone_dims){.rank = 1, .dim = {(int64_t)size}}));
    check(hone_context_bind(context, 0, picture, size));
    check(hone_context_run(context));
    check(hone_context_data(context, 1, &answer));
    print_best(answer.data, answer.shape.dim[answer.shape.rank - 1],
               hone_plan_property(plan, "labels"));

    hone_context_destroy(context);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
    free(picture);
    return 0;
}
