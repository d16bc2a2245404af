/* A program outside the tree: uses the installed libraries, each once, and sees that the message of
 * a failure in any of them reaches hone_message(). With an argument, a model, it also builds a plan
 * and runs it. */
#include <hone/build.h>
#include <hone/media.h>

#include <stdio.h>
#include <string.h>

static int fails_with_message(const char *what, hone_status status)
{
    if (status != HONE_OK && *hone_message() != '\0') {
        printf("%s: %s: %s\n", what, hone_status_text(status), hone_message());
        return 1;
    }
    fprintf(stderr, "%s: status %d, message \"%s\"\n", what, (int)status, hone_message());
    return 0;
}

static hone_status build_and_run(const char *path)
{
    hone_model *model = NULL;
    hone_plan *plan = NULL;
    hone_engine *engine = NULL;
    hone_context *context = NULL;
    hone_status st = hone_model_open(path, NULL, &model);

    if (st == HONE_OK)
        st = hone_build(model, NULL, &plan);
    if (st == HONE_OK)
        st = hone_engine_create(plan, NULL, &engine);
    if (st == HONE_OK)
        st = hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 1), &context);
    if (st == HONE_OK)
        st = hone_context_run(context);
    if (st != HONE_OK)
        fprintf(stderr, "%s: %s\n", path, hone_message());
    hone_context_destroy(context);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
    hone_model_destroy(model);
    return st;
}

int main(int argc, char **argv)
{
    hone_plan *plan = NULL;
    hone_model *model = NULL;
    int width, height;

    printf("hone %s\n", hone_version());
    if (!fails_with_message("plan", hone_plan_open("/nonexistent/a.plan", NULL, &plan)))
        return 1;
    hone_message_set(HONE_OK, "");
    if (!fails_with_message("model", hone_model_open("/nonexistent/a.onnx", NULL, &model)))
        return 1;
    hone_message_set(HONE_OK, "");
    if (!fails_with_message("picture",
                            hone_media_decode(NULL, "none", 4, &width, &height, NULL, 0)))
        return 1;
    return argc > 1 && build_and_run(argv[1]) != HONE_OK;
}
