/* Raw rows of a table as numbers for a network. */
#ifndef TABLE_H
#define TABLE_H
#include <math.h>
#include <stdint.h>
#include <string.h>

/* A number, 0 for a gap; with gaps a second one says whether it is one. Gives the place behind what is written. */
static float *put_number(double value, double mean, double scale, int gaps, float *x) {
    const int is_gap = value != value;
    *x++ = is_gap ? 0.0f : (float)((value - mean) * scale);
    if (gaps) *x++ = is_gap ? 1.0f : 0.0f;
    return x;
}

/* A number clipped smoothly, and how far it has come in each of n pieces between borders; all 0 for a gap. */
static float *put_pieces(double value, double center, double scale, const double *borders, int n, int gaps, float *x) {
    const int is_gap = value != value;
    double far = (value - center) * scale;
    far = far > 1e100 ? 1e100 : far < -1e100 ? -1e100 : far;
    const double third = far / 3.0;
    *x++ = is_gap ? 0.0f : (float)(far / sqrt(1.0 + third * third));
    for (int i = 0; i < n; ++i) {
        const double t = (value - borders[i]) / (borders[i + 1] - borders[i]);
        *x++ = is_gap ? 0.0f : (float)((t > 1.0 ? 1.0 : t < 0.0 ? 0.0 : t) - 0.5);
    }
    if (gaps) *x++ = is_gap ? 1.0f : 0.0f;
    return x;
}

/* One of n categories as zeros and a one: behind them a place for gaps, and one for what training had not. */
static float *put_category(int id, int n, int gaps, int bucket, float *x) {
    const int unseen = bucket ? n + gaps : -1;
    const int at = id >= 0 && id < n ? id : id == -1 && gaps ? n : unseen;
    for (int i = 0; i < n + gaps + bucket; ++i) *x++ = i == at ? 1.0f : 0.0f;
    return x;
}

/* The place of a text among n: -1 for none (a null pointer), -2 for another one. */
static int find_text(const char *const *texts, int n, const char *text) {
    if (!text) return -1;
    for (int i = 0; i < n; ++i)
        if (!strcmp(texts[i], text)) return i;
    return -2;
}

/* The first of the largest of n numbers. */
static int largest_at(const float *y, int n) {
    int at = 0;
    for (int i = 1; i < n; ++i)
        if (y[i] > y[at]) at = i;
    return at;
}

/* Microseconds since 1970 in whole units of so many, rounded down. */
static int64_t whole_units(int64_t time, int64_t unit) { return (time - (time % unit + unit) % unit) / unit; }

/* Where in a cycle of so many microseconds a time lies, 0 to 1; offset is where the cycle stood when 1970 began. */
static double phase_of_cycle(int64_t time, int64_t cycle, int64_t offset) {
    return (double)(((time + offset) % cycle + cycle) % cycle) / (double)cycle;
}

/* The day since 1970 on which a month begins, counted from 0 in the year 0 (of the calendar that is used today). */
static int64_t day_of_month(int64_t month) {
    const int64_t from_march = month - 2; /* years that begin in March end with the leap day */
    const int64_t year = (from_march - (from_march % 12 + 12) % 12) / 12, at = from_march - 12 * year;
    const int64_t era = (year - (year % 400 + 400) % 400) / 400, of_era = year - 400 * era;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * at + 2) / 5 - 719468;
}

/* The month of a day, counted likewise. */
static int64_t month_of_day(int64_t day) {
    int64_t month = whole_units(4800 * (day + 719468), 146097);
    while (day_of_month(month + 1) <= day) ++month;
    while (day_of_month(month) > day) --month;
    return month;
}

/* Where in its month a time lies, or with months = 12 in its year. */
static double phase_of_months(int64_t time, int months) {
    const int64_t day = 86400000000, month = month_of_day(whole_units(time, day));
    const int64_t first = month - (month % months + months) % months;
    const int64_t begin = day_of_month(first) * day, end = day_of_month(first + months) * day;
    return (double)(time - begin) / (double)(end - begin);
}

/* Which month of its year it is, as a part of that. */
static double phase_of_month(int64_t time) {
    const int64_t month = month_of_day(whole_units(time, 86400000000));
    return (double)((month % 12 + 12) % 12) / 12.0;
}

/* A phase as a place on a circle. */
static float *put_phase(double phase, float *x) {
    *x++ = (float)sin(6.283185307179586 * phase);
    *x++ = (float)cos(6.283185307179586 * phase);
    return x;
}

#endif
