/* Sizes, offsets and values of the enums in plan.h as this compiler has them, for the test that compares them with
 * Python. */
#include "layout.h"

#include <stddef.h>

#include "kernels.h"

/* Text and numbers apart: a pointer for each name would take as much space as three names. */
#define FIELD(record, field) #record " " #field "\n"
#define END(record) #record "\n"
#define CODE(group, value) #group " " #value "\n"
const char fnn_layout_names[] =
#include "layout.def"
    ;
#undef FIELD
#undef END
#undef CODE

#define FIELD(record, field) {offsetof(record, field), sizeof(((record *)0)->field)},
#define END(record) {sizeof(record), 0},
#define CODE(group, value) {value, 0},
const fnn_layout fnn_layouts[] = {
#include "layout.def"
};
