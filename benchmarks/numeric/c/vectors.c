#include <math.h>
#include <stdint.h>

typedef struct {
    double x, y, z;
} Vec;

static Vec add(Vec a, Vec b) { return (Vec){a.x + b.x, a.y + b.y, a.z + b.z}; }
static Vec subtract(Vec a, Vec b) { return (Vec){a.x - b.x, a.y - b.y, a.z - b.z}; }
static Vec scaled(Vec a, double factor) { return (Vec){a.x * factor, a.y * factor, a.z * factor}; }
static double dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

double orbit(int64_t steps, double dt) {
    Vec position = {1.0, 0.0, 0.1}, velocity = {0.0, 1.0, 0.05}, centre = {0.0, 0.0, 0.0};
    double farthest = 0.0;
    for (int64_t step = 0; step < steps; step++) {
        Vec towards = subtract(centre, position);
        double distance = sqrt(dot(towards, towards));
        velocity = add(velocity, scaled(towards, dt / (distance * distance * distance)));
        position = add(position, scaled(velocity, dt));
        if (distance > farthest) farthest = distance;
    }
    return farthest + dot(position, velocity);
}
