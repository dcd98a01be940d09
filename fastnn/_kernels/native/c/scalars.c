/* The step-dependent scalars of the optimisers: Optimizer.all_scalars of optimizers.py, operation by operation, so that
 * both give the same bits. */
#include <math.h>
#include <string.h>

#include "kernels.h"

/* By squaring, as optimizers.power: pow() of libraries differ in the last bit. Multiplies by 1 instead of branching on
 * bits that no predictor knows. */
static double power(double base, int64_t exponent) {
    double result = 1;
    for (; exponent; exponent >>= 1) {
        const double factors[2] = {1, base};
        result *= factors[exponent & 1];
        base *= base;
    }
    return result;
}

static void adam_scalars(const double *hyper, int64_t step, double learning_rate, double *c) {
    const double first = 1 - power(hyper[0], step), second = sqrt(1 - power(hyper[1], step));
    const int keras = hyper[3] != 0;
    c[1] = hyper[0];
    c[2] = 1 - hyper[0];
    c[3] = hyper[1];
    c[4] = 1 - hyper[1];
    c[5] = keras ? learning_rate * second / first : learning_rate / first;
    c[6] = keras ? 1 : 1 / second;
    c[7] = hyper[2];
}

static double nadam_momentum(double beta_1, int64_t step) { return beta_1 * (1 - 0.5 * power(0.96, step)); }

static void nadam_scalars(const double *hyper, int64_t step, double learning_rate, double *c) {
    double product = 1;
    for (int64_t i = 1; i <= step; i++) {
        product *= nadam_momentum(hyper[0], i);
        if (product < 1e-20) break; /* 1 - product is 1 from here on */
    }
    const double now = nadam_momentum(hyper[0], step), after = nadam_momentum(hyper[0], step + 1);
    c[1] = hyper[0];
    c[2] = 1 - hyper[0];
    c[3] = hyper[1];
    c[4] = 1 - hyper[1];
    c[5] = learning_rate * after / (1 - product * after);
    c[6] = learning_rate * (1 - now) / (1 - product);
    c[7] = 1 / sqrt(1 - power(hyper[1], step));
    c[8] = hyper[2];
}

static void group_scalars(const fnn_optimizer *optimizer, int64_t step, double learning_rate, double decay, double *c) {
    const double *hyper = optimizer->hyper;
    memset(c, 0, FNN_N_SCALARS * sizeof *c);
    c[0] = learning_rate * decay;
    switch (optimizer->code) {
    case FNN_SGD: c[1] = learning_rate; break;
    case FNN_MOMENTUM:
    case FNN_NESTEROV: c[1] = hyper[0], c[2] = learning_rate; break;
    case FNN_RMSPROP:
    case FNN_RMSPROP_MOMENTUM:
        c[1] = hyper[0], c[2] = 1 - hyper[0], c[3] = learning_rate, c[4] = hyper[1], c[5] = hyper[2], c[6] = hyper[3];
        break;
    case FNN_ADAGRAD: c[1] = learning_rate, c[2] = hyper[0]; break;
    case FNN_ADADELTA: c[1] = hyper[0], c[2] = 1 - hyper[0], c[3] = learning_rate, c[4] = hyper[1]; break;
    case FNN_ADAM:
    case FNN_AMSGRAD: adam_scalars(hyper, step, learning_rate, c); break;
    case FNN_NADAM: nadam_scalars(hyper, step, learning_rate, c); break;
    case FNN_ADAMAX:
        c[1] = hyper[0], c[2] = 1 - hyper[0], c[3] = hyper[1];
        c[4] = learning_rate / (1 - power(hyper[0], step)), c[5] = hyper[2];
        break;
    case FNN_LION:
        c[1] = learning_rate, c[2] = hyper[0], c[3] = 1 - hyper[0], c[4] = hyper[1], c[5] = 1 - hyper[1];
        break;
    case FNN_FTRL:
        c[1] = 1 / learning_rate, c[2] = 2 * hyper[2], c[3] = 2 * hyper[1] + hyper[3] * c[1], c[4] = hyper[0];
        break;
    }
}

void fnn_scalars(const fnn_model *model, int64_t step, double learning_rate, double decay,
                 double c[FNN_MOST_GROUPS * FNN_N_SCALARS]) {
    const fnn_optimizer *optimizer = model->optimizer;
    int64_t known = 0;
    for (int64_t i = 0; i < model->header->n_spans; i++) {
        const fnn_span *span = &model->spans[i];
        if (span->group != known) continue;
        group_scalars(optimizer, step, learning_rate * span->rate, optimizer->weight_decay * (span->decay * decay),
                      c + known++ * FNN_N_SCALARS);
    }
}
