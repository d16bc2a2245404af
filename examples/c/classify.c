/* Classifies a picture: classify FILE.plan PICTURE. The plan decodes the picture, runs the network
 * and picks the five best classes:
 *
 *     hone build net.onnx -o net.plan --preprocess decode,resize=256,crop=224,mean=127,std=128 \
 *          --postprocess softmax,topk=5 --labels labels.txt */
#include <hone/hone.h>
#include <hone/media.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t picture[16 << 20];

/* Ends the program where a call failed: hone_message() tells what happened to what. */
static void check(hone_status status)
{
    if (status != HONE_OK) {
        fprintf(stderr, "classify: %s\n", hone_message());
        exit(1);
    }
}

static void print_class(const char *labels, int64_t line, float probability)
{
    for (; labels && line > 0; line--)
        labels = strchr(labels, '\n') ? strchr(labels, '\n') + 1 : NULL;
    if (labels)
        printf("%6.2f %%  %.*s\n", 100 * probability, (int)strcspn(labels, "\n"), labels);
}

int main(int argc, char **argv)
{
    hone_plan *plan;
    hone_engine *engine;
    hone_context *context;
    hone_tensor scores, classes;
    FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;

    if (!file) {
        fprintf(stderr, "usage: classify FILE.plan PICTURE\n");
        return 2;
    }
    const size_t size = fread(picture, 1, sizeof picture, file);
    fclose(file);
    check(hone_plan_open(argv[1], NULL, &plan));
    check(
        hone_engine_create(plan, HONE_ENGINE_OPTIONS(.decode_image = hone_media_decode), &engine));
    check(hone_context_create(engine, NULL, &context));

    /* Binding 0 is the picture's bytes as they are in the file; 1 and 2 are the answers. */
    check(hone_context_set_shape(context, 0, &(hone_dims){.rank = 1, .dim = {(int64_t)size}}));
    check(hone_context_bind(context, 0, picture, size));
    check(hone_context_run(context));
    check(hone_context_data(context, 1, &scores));
    check(hone_context_data(context, 2, &classes));
    for (int i = 0; i < 5; i++)
        print_class(hone_plan_property(plan, "labels"), ((int64_t *)classes.data)[i],
                    ((float *)scores.data)[i]);

    hone_context_destroy(context);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
    return 0;
}
