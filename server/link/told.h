/* What a gateway tells of itself by EVENT, CMD_RESULT and CFG_RESULT, put into words for the audit and the
 * log: the same whether the record is taken when it comes or later, from quarantine. Pure. */
#ifndef PENSTOCK_LINK_TOLD_H
#define PENSTOCK_LINK_TOLD_H

#include "protocol/event_msg.h"

enum { TOLD_SIZE = 1024 };

struct told_record {
    const char *action; /* under which name it stands in the audit; a literal */
    char text[TOLD_SIZE];
    bool has_lost; /* an EVENT "samples lost" */
    struct event_lost lost;
    bool has_step; /* an EVENT "clock stepped": by step_us, at step_t_us after it */
    int64_t step_us;
    int64_t step_t_us;
};

/* rest: the body after the prefix. type: one of the three. text_max: bytes of an EVENT's text. A body that
 * cannot be used: ERR_TOO_BIG (a limit) or ERR_INVALID. */
MUSTCHECK enum status told_read(uint8_t type, struct slice rest, uint32_t text_max, struct told_record *ret,
                                struct error *err);

#endif
