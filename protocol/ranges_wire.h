/* Sets of committed sequence numbers as ACK and WELCOME carry them: varint n, then n times (varint gap to the
 * end of the range before, varint length). Ascending; gap 0 only in the first; length at least 1. */
#ifndef PENSTOCK_PROTOCOL_RANGES_WIRE_H
#define PENSTOCK_PROTOCOL_RANGES_WIRE_H

#include "protocol/msg.h"
#include "protocol/wire.h"

/* The count, at most LINK_ACK_RANGES_MAX. */
uint32_t ranges_read(struct reader *r, struct seq_range *v);
void ranges_write(struct buf *out, const struct seq_range *v, uint32_t n);
/* u8; a state that this version does not know is read as the most careful one, SERVER_NOT_STORING. */
enum server_state state_read(struct reader *r);

#endif
