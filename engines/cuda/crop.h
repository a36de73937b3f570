// From a picture to the batch of faces that the model takes: crop, warp, colour conversion and normalisation in one
// pass. The arithmetic of one output pixel, for the GPU (crop.cu) and, to be tested, for any C compiler.
//
// It is what the CPU does, step by step and with the same rounding, so that no engine sees another picture than the
// one the model was trained on: colours as in FFmpeg's libswscale (8.1, x86), the warp as in OpenCV's warpAffine
// (INTER_LINEAR, BORDER_REPLICATE), shrinking as in its INTER_AREA. See stream_guard/faces/align.py.

#ifdef __CUDACC__
#define STREAM_GUARD_BOTH static __device__ __forceinline__
#define STREAM_GUARD_ROLLED _Pragma("unroll 1")
#else
#include <math.h>
#define STREAM_GUARD_BOTH static inline
#define STREAM_GUARD_ROLLED
#endif

enum { LAYOUT_RGB = 0, LAYOUT_I420 = 1, LAYOUT_NV12 = 2 };
enum { BATCH_UINT8_NHWC = 0, BATCH_FLOAT_NCHW = 1, BATCH_HALF_NCHW = 2 };

// One face to cut out. Mirrored in crop.py: 104 bytes, no padding but the last four.
typedef struct {
    unsigned long long planes[3];  // addresses: RGB; Y, U, V; or Y, UV
    int pitches[3];                // bytes from row to row
    int width, height;             // of the picture in pixels
    int layout;
    int y_offset, y_gain;          // 8 times what black is; 8192 times the gain
    int v_to_r, u_to_g, v_to_g, u_to_b;  // 8192 times
    float matrix[6];               // from the crop's pixels, `times` to one, to the picture's: two rows of three
    int times;                     // this many samples a side are averaged into one pixel of the crop
} Cut;

// What becomes of each channel's value from 0 to 255 in a float batch: value * scale + offset.
typedef struct {
    float scale[3], offset[3];
} Normal;

typedef struct {
    int r, g, b;
} Rgb;

STREAM_GUARD_BOTH int clamped(int value, int low, int high) {
    return value < low ? low : value > high ? high : value;
}

STREAM_GUARD_BOTH int rounded(float value) {
#ifdef __CUDACC__
    return __float2int_rn(value);
#else
    return (int)rintf(value);
#endif
}

STREAM_GUARD_BOTH int loaded(const Cut *cut, int plane, int row, int column) {
    const unsigned char *memory = (const unsigned char *)(unsigned long long)cut->planes[plane];
    return memory[(long long)row * cut->pitches[plane] + column];
}

// The pixel nearest to (x, y) that the picture has, in full-range RGB.
//
// libswscale multiplies 16-bit numbers and keeps the upper half of each product, rounded down; a pixel takes the
// chroma of its 2x2 block as it stands.
STREAM_GUARD_BOTH Rgb pixel(const Cut *cut, int x, int y) {
    Rgb rgb;
    x = clamped(x, 0, cut->width - 1);
    y = clamped(y, 0, cut->height - 1);
    if (cut->layout == LAYOUT_RGB) {
        rgb.r = loaded(cut, 0, y, 3 * x);
        rgb.g = loaded(cut, 0, y, 3 * x + 1);
        rgb.b = loaded(cut, 0, y, 3 * x + 2);
        return rgb;
    }
    int packed = cut->layout == LAYOUT_NV12;
    int luma = (loaded(cut, 0, y, x) * 8 - cut->y_offset) * cut->y_gain >> 16;
    int u = loaded(cut, 1, y / 2, packed ? x / 2 * 2 : x / 2) * 8 - 1024;
    int v = (packed ? loaded(cut, 1, y / 2, x / 2 * 2 + 1) : loaded(cut, 2, y / 2, x / 2)) * 8 - 1024;
    rgb.r = clamped(luma + (v * cut->v_to_r >> 16), 0, 255);
    rgb.g = clamped(luma + (u * cut->u_to_g >> 16) + (v * cut->v_to_g >> 16), 0, 255);
    rgb.b = clamped(luma + (u * cut->u_to_b >> 16), 0, 255);
    return rgb;
}

STREAM_GUARD_BOTH int blended(int a, int b, int c, int d, float right, float down) {
    float upper = a * (1.0f - right) + b * right;
    float lower = c * (1.0f - right) + d * right;
    return rounded(upper * (1.0f - down) + lower * down);
}

// The picture at a point between pixels; edges are repeated.
STREAM_GUARD_BOTH Rgb sampled(const Cut *cut, float x, float y) {
    // Beyond one pixel outside nothing changes any more; and a number too large for an int is no index. Written so
    // that what is no number at all ends at the edge too.
    x = fminf(fmaxf(x, -1.0f), (float)cut->width);
    y = fminf(fmaxf(y, -1.0f), (float)cut->height);
    float left = floorf(x), top = floorf(y);
    int column = (int)left, row = (int)top;
    Rgb a = pixel(cut, column, row), b = pixel(cut, column + 1, row);
    Rgb c = pixel(cut, column, row + 1), d = pixel(cut, column + 1, row + 1);
    Rgb rgb;
    rgb.r = blended(a.r, b.r, c.r, d.r, x - left, y - top);
    rgb.g = blended(a.g, b.g, c.g, d.g, x - left, y - top);
    rgb.b = blended(a.b, b.b, c.b, d.b, x - left, y - top);
    return rgb;
}

// OpenCV averages two by two in whole numbers, all else as floats.
STREAM_GUARD_BOTH int averaged(int sum, int times) {
    if (times <= 2) {
        return times == 1 ? sum : (sum + 2) >> 2;
    }
    return rounded(sum * (1.0f / (times * times)));
}

// One pixel of one crop.
STREAM_GUARD_BOTH Rgb cropped(const Cut *cut, int x, int y) {
    const float *m = cut->matrix;
    Rgb sum = {0, 0, 0};
    STREAM_GUARD_ROLLED
    for (int row = y * cut->times; row < (y + 1) * cut->times; row++) {
        STREAM_GUARD_ROLLED
        for (int column = x * cut->times; column < (x + 1) * cut->times; column++) {
            Rgb one = sampled(cut, m[0] * column + m[1] * row + m[2], m[3] * column + m[4] * row + m[5]);
            sum.r += one.r;
            sum.g += one.g;
            sum.b += one.b;
        }
    }
    sum.r = averaged(sum.r, cut->times);
    sum.g = averaged(sum.g, cut->times);
    sum.b = averaged(sum.b, cut->times);
    return sum;
}

STREAM_GUARD_BOTH unsigned short half_bits(float value) {
    unsigned short bits;
#ifdef __CUDACC__
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));  // cuda_fp16.h does not come with NVRTC
#else
    _Float16 half = (_Float16)value;
    __builtin_memcpy(&bits, &half, sizeof bits);
#endif
    return bits;
}

// Write one pixel of face `face` into a batch of square pictures.
STREAM_GUARD_BOTH void written(Rgb rgb, void *batch, int kind, int size, int face, int x, int y, Normal normal) {
    const int values[3] = {rgb.r, rgb.g, rgb.b};
    const long long plane = (long long)size * size, at = (long long)y * size + x;
    for (int channel = 0; channel < 3; channel++) {
        const float value = values[channel] * normal.scale[channel] + normal.offset[channel];
        const long long planar = (face * 3LL + channel) * plane + at;
        if (kind == BATCH_UINT8_NHWC) {
            ((unsigned char *)batch)[(face * plane + at) * 3 + channel] = (unsigned char)values[channel];
        } else if (kind == BATCH_FLOAT_NCHW) {
            ((float *)batch)[planar] = value;
        } else {
            ((unsigned short *)batch)[planar] = half_bits(value);
        }
    }
}
