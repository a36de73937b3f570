// The kernel's arithmetic on the host: the same lines as on the GPU, with loops where it has threads.

#include "crop.h"

int cut_bytes(void) { return (int)sizeof(Cut); }

void crop(const Cut *cuts, void *batch, int size, int kind, int faces, int rows, const Normal *normal) {
    for (int face = 0; face < faces; face++) {
        for (int y = 0; y < size && y < rows; y++) {
            for (int x = 0; x < size; x++) {
                written(cropped(&cuts[face], x, y), batch, kind, size, face, x, y, *normal);
            }
        }
    }
}
