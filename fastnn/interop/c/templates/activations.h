/* Activations: y becomes f(y) for n numbers; some have a parameter p. */
#ifndef ACTIVATIONS_H
#define ACTIVATIONS_H
#include <math.h>

/* The type of them all. */
typedef void activation(float *y, int n, float p);

/* y stays */
static void linear(float *y, int n, float p) { (void)y, (void)n, (void)p; }

/* 1 / (1 + exp(-z)), whose exponential never overflows */
static float logistic(float z) {
    const float t = expf(-fabsf(z));
    return (z >= 0.0f ? 1.0f : t) / (1.0f + t);
}

static void sigmoid(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = logistic(y[i]);
}

static void hyperbolic_tangent(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = tanhf(y[i]);
}

static void relu(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = y[i] < 0.0f ? 0.0f : y[i];
}

static void leaky_relu(float *y, int n, float p) {
    for (int i = 0; i < n; ++i) y[i] = y[i] < 0.0f ? p * y[i] : y[i];
}

static void elu(float *y, int n, float p) {
    for (int i = 0; i < n; ++i) y[i] = y[i] > 0.0f ? y[i] : p * expm1f(y[i]);
}

/* Klambauer et al. 2017 */
static void selu(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = 1.05070099f * (y[i] > 0.0f ? y[i] : 1.67326324f * expm1f(y[i]));
}

static void gelu(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = 0.5f * y[i] * erfcf(-0.707106781f * y[i]);
}

/* z / 2 * (1 + tanh(sqrt(2 / pi) * (z + 0.044715 z^3))) */
static void gelu_tanh(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] *= logistic(y[i] * (1.59576912f + 0.0713548162f * y[i] * y[i]));
}

static void silu(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] *= logistic(y[i]);
}

static void softplus(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = (y[i] < 0.0f ? 0.0f : y[i]) + log1pf(expf(-fabsf(y[i])));
}

static void softsign(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = y[i] / (1.0f + fabsf(y[i]));
}

/* A number within bounds; NaN stays. */
static float within(float z, float low, float high) { return z < low ? low : z > high ? high : z; }

static void hard_sigmoid(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = within(y[i] / 6.0f + 0.5f, 0.0f, 1.0f);
}

static void hard_swish(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] *= within(y[i] / 6.0f + 0.5f, 0.0f, 1.0f);
}

static void exponential(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = expf(y[i]);
}

/* The largest of n numbers. */
static float largest(const float *y, int n) {
    float most = y[0];
    for (int i = 1; i < n; ++i) most = y[i] > most ? y[i] : most;
    return most;
}

/* Of one row. */
static void softmax(float *y, int n, float p) {
    const float most = largest(y, n);
    float total = 0.0f;
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = expf(y[i] - most), total += y[i];
    for (int i = 0; i < n; ++i) y[i] /= total;
}

/* Of one row. */
static void log_softmax(float *y, int n, float p) {
    const float most = largest(y, n);
    float total = 0.0f;
    (void)p;
    for (int i = 0; i < n; ++i) y[i] -= most, total += expf(y[i]);
    total = logf(total);
    for (int i = 0; i < n; ++i) y[i] -= total;
}

static void relu6(float *y, int n, float p) {
    for (int i = 0; i < n; ++i) y[i] = within(y[i], 0.0f, p);
}

static void hard_tanh(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = within(y[i], -1.0f, 1.0f);
}

static void celu(float *y, int n, float p) {
    for (int i = 0; i < n; ++i) y[i] = y[i] > 0.0f ? y[i] : p * expm1f(y[i] / p);
}

static void log_sigmoid(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = (y[i] > 0.0f ? 0.0f : y[i]) - log1pf(expf(-fabsf(y[i])));
}

/* z * tanh(softplus(z)), in sums of one sign */
static void mish(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) {
        const float e = expf(-fabsf(y[i])), right = (1.0f + 2.0f * e) / (1.0f + 2.0f * e * (1.0f + e));
        y[i] *= y[i] >= 0.0f ? right : e * (e + 2.0f) / (e * (e + 2.0f) + 2.0f);
    }
}

static void tanh_shrink(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] -= tanhf(y[i]);
}

static void hard_shrink(float *y, int n, float p) {
    for (int i = 0; i < n; ++i) y[i] = fabsf(y[i]) <= p ? 0.0f : y[i];
}

static void soft_shrink(float *y, int n, float p) {
    for (int i = 0; i < n; ++i) y[i] -= within(y[i], -p, p);
}

static void sparse_plus(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) {
        const float bent = within(y[i], -1.0f, 1.0f) + 1.0f;
        y[i] = y[i] >= 1.0f ? y[i] : 0.25f * bent * bent;
    }
}

static void sparse_sigmoid(float *y, int n, float p) {
    (void)p;
    for (int i = 0; i < n; ++i) y[i] = within(0.5f * y[i] + 0.5f, 0.0f, 1.0f);
}

static void squareplus(float *y, int n, float p) {
    for (int i = 0; i < n; ++i) {
        const float root = sqrtf(y[i] * y[i] + p), size = fabsf(y[i]);
        if (root < INFINITY)
            y[i] = y[i] > 0.0f ? 0.5f * (y[i] + root) : 0.5f * p / (root + size);
        else /* the root is |y| but for its rounding */
            y[i] = y[i] > 0.0f ? y[i] : 0.25f * p / size;
    }
}

#endif
