// The kernel around crop.h: one thread a pixel of the crop, one layer of the grid a face.

#include "crop.h"

// Blocks are 32 x 8 threads. Grid: ceil(size / 32) x ceil(size / 8) x faces.
extern "C" __global__ void __launch_bounds__(256, 3)
crop(const Cut *__restrict__ cuts, void *__restrict__ batch, int size, int kind, Normal normal) {
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    const int face = blockIdx.z;
    if (x < size && y < size) {
        const Cut cut = cuts[face];
        written(cropped(&cut, x, y), batch, kind, size, face, x, y, normal);
    }
}
