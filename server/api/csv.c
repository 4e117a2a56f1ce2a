#include "server/api/csv.h"

#include "server/base/tm.h"

#include <math.h>
#include <string.h>

void csv_text(struct buf *out, struct slice text) {
    buf_byte(out, '"');
    if (text.n > 0 && text.p[0] != '\0' && strchr("=+-@\t\r", text.p[0]) != NULL) {
        buf_byte(out, '\'');
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"') {
            buf_byte(out, '"');
        }
        buf_byte(out, (uint8_t)text.p[i]);
    }
    buf_byte(out, '"');
}

void csv_time(struct buf *out, int64_t t_us) {
    char text[TM_TEXT_SIZE];
    int64_t into_us = (t_us % TM_SECOND_US + TM_SECOND_US) % TM_SECOND_US;
    if (tm_format(t_us - into_us, text) != OK) {
        return; /* no sample is of such a year */
    }
    buf_append(out, text, strlen(text) - 1);
    buf_printf(out, ".%06dZ", (int)into_us);
}

void csv_number(struct buf *out, double number) {
    if (isfinite(number)) {
        buf_json_number(out, number);
    }
}
