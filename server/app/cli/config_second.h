/* The second person of `penstock config apply`: a change that touches highly managed alarms
 * (server/config/two_people.h) needs one, who types his password. The first one is whoever has this machine
 * and its database: his name is not proven here. */
#ifndef PENSTOCK_APP_CLI_CONFIG_SECOND_H
#define PENSTOCK_APP_CLI_CONFIG_SECOND_H

#include "server/app/cli/cli.h"
#include "server/config/two_people.h"

/* Asks for the password (terminal, or a line of stdin) of --second and tries it: an account that is not the
 * first one's and may change the configuration. ERR_DENIED, with an audit row. Outside of a transaction. */
MUSTCHECK enum status config_second_prove(struct cli *cli, const char *first, struct error *err);
/* The highly managed alarms that the change touches; model is that of `after`. Where the configuration in
 * force has faults, so that nobody can tell, the text says so and n is not 0. */
MUSTCHECK enum status config_second_touched(const struct config_set *before, const struct config_set *after,
                                            const struct model *model, struct config_touched_names *ret,
                                            struct error *err);

#endif
