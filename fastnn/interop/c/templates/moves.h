/* Numbers that are moved, and nothing computed. */
#ifndef MOVES_H
#define MOVES_H

/* n[k] numbers along each of five axes, s[k] numbers apart in what is read; zeros outside a box of the last two axes.
 */
typedef struct {
    int n[5], s[5];
    int top, bottom, left, right; /* the box: [top, bottom) of the fourth axis, [left, right) of the fifth */
    int start;                    /* the first number read */
} moves;

static void move(const moves *s, const float *restrict x, float *restrict y) {
    const int lines = s->n[0] * s->n[1] * s->n[2] * s->n[3];
    for (int line = 0; line < lines; ++line, y += s->n[4]) {
        const int d = line % s->n[3], c = line / s->n[3] % s->n[2], b = line / (s->n[3] * s->n[2]) % s->n[1];
        const int a = line / (s->n[3] * s->n[2] * s->n[1]);
        const int is_inside = d >= s->top && d < s->bottom;
        const int at = s->start + a * s->s[0] + b * s->s[1] + c * s->s[2] + (d - s->top) * s->s[3];
        for (int e = 0; e < s->n[4]; ++e)
            y[e] = is_inside && e >= s->left && e < s->right ? x[at + (e - s->left) * s->s[4]] : 0.0f;
    }
}

/* Rows of width numbers as columns of longer rows. */
static void put_columns(const float *restrict x, int rows, int width, int n, float *restrict y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < width; ++j) y[r * n + j] = x[r * width + j];
}

/* The same row again and again. */
static void repeat_row(const float *restrict x, int rows, int n, float *restrict y) {
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < n; ++j) y[r * n + j] = x[j];
}

#endif
