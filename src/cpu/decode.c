/* Encoded pictures: decode_image of the domain hone and ONNX's image_decoder. The decoder is the
 * caller's (see hone.h): the runtime itself reads no picture formats. */
#include "cpu/kernel.h"

/* RGB into output 0, which takes the picture's extents. */
static hone_status decode_rgb(const hone_cpu_call *call, hone_dims *dims)
{
    const hone_cpu_env *env = call->env;
    const void *encoded = call->in[0]->data;
    const size_t size = (size_t)hone_tensor_count(call->in[0]);
    int width = 0, height = 0;

    if (!env || !env->decode_image)
        return hone_error(HONE_ERR_STATE, "%s: the engine was given no decoder",
                          hone_ops[call->op].name);
    HONE_TRY(env->decode_image(env->decode_user, encoded, size, &width, &height, NULL, 0));
    *dims = (hone_dims){3, {height, width, 3}};
    HONE_TRY(hone_cpu_set_extents(call, 0, dims));
    return env->decode_image(env->decode_user, encoded, size, &width, &height, call->out[0]->data,
                             call->out[0]->size);
}

static hone_status run_decode_image(const hone_cpu_call *call)
{
    hone_dims dims;
    return decode_rgb(call, &dims);
}

enum {
    FORMAT_RGB,
    FORMAT_BGR,
    FORMAT_GRAY
};

static hone_status run_image_decoder(const hone_cpu_call *call)
{
    const int64_t format = call->attrs->image_decoder.pixel_format;
    hone_dims dims;

    HONE_TRY(decode_rgb(call, &dims));
    uint8_t *p = call->out[0]->data;
    const int64_t n = dims.dim[0] * dims.dim[1];
    for (int64_t i = 0; i < n && format == FORMAT_BGR; i++) {
        const uint8_t red = p[3 * i];
        p[3 * i] = p[3 * i + 2];
        p[3 * i + 2] = red;
    }
    if (format != FORMAT_GRAY)
        return HONE_OK;
    for (int64_t i = 0; i < n; i++) /* ITU-R 601-2 luma in 16 bits, as Pillow's */
        p[i] = (uint8_t)((p[3 * i] * 19595 + p[3 * i + 1] * 38470 + p[3 * i + 2] * 7471 + 0x8000) >>
                         16);
    dims.dim[2] = 1;
    return hone_cpu_set_extents(call, 0, &dims);
}

static bool takes_decode(const hone_cpu_call *call)
{
    return call->in[0]->dtype == HONE_U8 && call->out[0]->dtype == HONE_U8;
}

const hone_cpu_kernel hone_cpu_decode_image = {.run = run_decode_image, .takes = takes_decode};
const hone_cpu_kernel hone_cpu_image_decoder = {.run = run_image_decoder, .takes = takes_decode};
