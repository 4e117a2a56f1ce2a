/* The checks of a command that need no memory (protocol/README.md, "Commands"): value and range, the present
 * value that it expects, its age. Pure. */
#ifndef PENSTOCK_CLIENT_COMMAND_RULES_H
#define PENSTOCK_CLIENT_COMMAND_RULES_H

#include "protocol/client/commands.h"

/* Is this a value of the tag's type, and within its range? */
bool command_value_fits(const struct link_value *v, const struct dict_entry *e);
/* Is the present value good, and the expected one, give or take the tolerance? */
bool command_value_is_expected(const struct msg_command *m, const struct command_tag *tag);
/* What is left of the time to live: above 0, or why it may not begin. */
enum command_reason command_time_left(const struct msg_command *m, const struct command_clock *clock,
                                      int64_t *ret_left_us);
/* A fingerprint of a value; never 0 but for no value. */
uint32_t command_value_crc(const struct link_value *v);
/* The time in the id, in microseconds; false if it is no UUID of version 7. */
bool command_id_time(const struct command_id *id, int64_t *ret_us);

#endif
