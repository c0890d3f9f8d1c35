#include <math.h>
#include <stdint.h>

typedef struct {
    double x, y, z, vx, vy, vz, mass;
} Body;

double nbody(Body *bodies, int64_t count, double dt, int64_t steps) {
    for (int64_t step = 0; step < steps; step++) {
        for (int64_t i = 0; i < count; i++) {
            Body *a = &bodies[i];
            for (int64_t j = i + 1; j < count; j++) {
                Body *b = &bodies[j];
                double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
                double squared = dx * dx + dy * dy + dz * dz;
                double magnitude = dt / (squared * sqrt(squared));
                a->vx -= dx * b->mass * magnitude;
                a->vy -= dy * b->mass * magnitude;
                a->vz -= dz * b->mass * magnitude;
                b->vx += dx * a->mass * magnitude;
                b->vy += dy * a->mass * magnitude;
                b->vz += dz * a->mass * magnitude;
            }
        }
        for (int64_t i = 0; i < count; i++) {
            bodies[i].x += dt * bodies[i].vx;
            bodies[i].y += dt * bodies[i].vy;
            bodies[i].z += dt * bodies[i].vz;
        }
    }
    double total = 0.0;
    for (int64_t i = 0; i < count; i++) {
        Body *a = &bodies[i];
        total += 0.5 * a->mass * (a->vx * a->vx + a->vy * a->vy + a->vz * a->vz);
        for (int64_t j = i + 1; j < count; j++) {
            Body *b = &bodies[j];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            total -= a->mass * b->mass / sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return total;
}
