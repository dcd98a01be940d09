/* Convolutions of bf16 numbers by pairs (gemm_pairs.h): images, slopes and kernels are copied as words, once each, and
 * multiplied as numbers are, with half of k. A part of convolution.h. */
#ifndef FNN_OPS_CONV_PAIRS_H
#define FNN_OPS_CONV_PAIRS_H

/* Numbers of a table of where the places of an output begin, in words. */
static int64_t places_size(const convolution *v) { return plan_size(v->s.oh * v->s.ow); }

/* Numbers of scratch memory for words on any of the three ways. */
static int64_t words_size(const convolution *v) {
    return v->pairs ? image_size(v) + v->y_size + places_size(v) + LANES : 0;
}

/* The image where windows read it, in words or not; in `room`, behind what is around it. */
static const real *image_read(const convolution *v, const real *x, real *room) {
    const real *image = image_around(&v->s, &v->a, x, room);
    if (!v->pairs_in) return image;
    real *words = room + around_size(&v->a);
    words_along(image, image_size(v), words);
    return words;
}

/* dz (oh * ow, n) as words of channels, behind a table of where its rows begin. */
static const real *slopes_in_words(const convolution *v, const real *dz, real *room) {
    const int64_t at = places_size(v), places = v->s.oh * v->s.ow;
    room = for_integers(room);
    for (int64_t i = 0; i < places; i++) ((int64_t *)room)[i] = i * v->n / 2;
    words_along(dz, v->y_size, room + at);
    return room + at;
}
static const int64_t *places_of(const convolution *v, const real *words) {
    return (const int64_t *)(words - places_size(v));
}

/* For each number of the image a word of it and of the same of the next window, so that windows may begin at any. */
static void image_in_pairs(const convolution *v, const real *image, real *words) {
    const int64_t next = v->s.sw * v->s.c;
    words_across(image, 2, image_size(v) - next, next, 0, words);
}

#endif
