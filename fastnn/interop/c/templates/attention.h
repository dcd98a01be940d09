/* Queries that find their values by keys. */
#ifndef ATTENTION_H
#define ATTENTION_H
#include <math.h>

typedef struct {
    int heads, queries, keys, d, e; /* numbers of a query and a key, and of a value, for each head */
    int mask_rows;                  /* 0: no mask, 1: one row for all queries, else one for each */
    int causal;                     /* keys behind the query do not count */
    int gives_weights;              /* room has a row of keys for each head and query, else one in all */
    float scale;
} attention;

static int counts(const attention *s, const float *mask, int query, int key) {
    return !(s->causal && key > query) && !(mask && mask[(s->mask_rows > 1 ? query : 0) * s->keys + key] == 0.0f);
}

/* The weights of one query's keys; zeros where no key counts. */
static void weigh_keys(const attention *s, const float *restrict q, const float *restrict k, const float *mask,
                       int query, float *restrict row) {
    float most = -INFINITY, total = 0.0f;
    for (int key = 0; key < s->keys; ++key) {
        row[key] = 0.0f;
        for (int j = 0; j < s->d; ++j) row[key] += q[j] * k[key * s->heads * s->d + j];
        row[key] *= s->scale;
        if (counts(s, mask, query, key) && row[key] > most) most = row[key];
    }
    for (int key = 0; key < s->keys; ++key) {
        row[key] = counts(s, mask, query, key) ? expf(row[key] - most) : 0.0f;
        total += row[key];
    }
    for (int key = 0; key < s->keys && total != 0.0f; ++key) row[key] /= total;
}

/* y = softmax(scale * q @ k.T) @ v for each head */
static void attend(const attention *s, const float *restrict q, const float *restrict k, const float *restrict v,
                   const float *mask, float *restrict room, float *restrict y) {
    for (int head = 0; head < s->heads; ++head)
        for (int query = 0; query < s->queries; ++query) {
            float *const row = room + (s->gives_weights ? (head * s->queries + query) * s->keys : 0);
            float *const out = y + (query * s->heads + head) * s->e;
            weigh_keys(s, q + (query * s->heads + head) * s->d, k + head * s->d, mask, query, row);
            for (int j = 0; j < s->e; ++j) out[j] = 0.0f;
            for (int key = 0; key < s->keys; ++key)
                for (int j = 0; j < s->e; ++j) out[j] += row[key] * v[(key * s->heads + head) * s->e + j];
        }
}

#endif
