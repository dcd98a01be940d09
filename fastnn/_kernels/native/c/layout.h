/* The layouts in plan.h: structs, and behind them enums. */
#ifndef FNN_LAYOUT_H
#define FNN_LAYOUT_H

#include <stdint.h>

/* A field's place and size, a struct's size or an enum's value. */
typedef struct {
    int32_t value, size;
} fnn_layout;

/* A line for each of fnn_layouts: "STRUCT FIELD", "STRUCT" for its size, or "ENUM NAME". */
extern const char fnn_layout_names[];
extern const fnn_layout fnn_layouts[];

#endif
