/* Tables of the layouts in plan.h; a group is a struct or an enum, an empty name holds the struct's size. */
#ifndef FNN_LAYOUT_H
#define FNN_LAYOUT_H

#include <stdint.h>

typedef struct {
    const char *group, *name;
    int64_t value, size;
} fnn_layout_entry;

/* Both end with an entry without a group. */
extern const fnn_layout_entry fnn_layouts[], fnn_codes[];

#endif
