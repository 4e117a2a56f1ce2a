/* What the server makes of a sample as it stands in a record. A bool, an enum and whole numbers become a
 * double: those beyond 2^53 that none has exactly are the nearest one, and uncertain/range says so. A text,
 * or raw bytes, goes to history as it is; to the live picture it is a tag without a value. Pure. */
#ifndef PENSTOCK_LINK_SAMPLE_IN_H
#define PENSTOCK_LINK_SAMPLE_IN_H

#include "protocol/dict.h"
#include "protocol/msg.h"
#include "server/core/core.h"

/* e: of its alias. The text points into the record. */
struct sample sample_in(const struct link_sample *in, const struct dict_entry *e, uint32_t tag);

#endif
