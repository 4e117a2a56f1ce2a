/* `penstock-gateway enrol` and `renew`: a gateway gets its certificate. */
#ifndef PENSTOCK_GATEWAY_ENROL_CMD_H
#define PENSTOCK_GATEWAY_ENROL_CMD_H

#include "protocol/gateway/config.h"

/* The words after "enrol". Returns the exit status: 0 done, 1 failed, 2 wrong usage. */
int enrol_cmd(int argc, char *const *argv);
/* The certificate of this configuration has expired, and somebody opened a window for its renewal. */
int renew_cmd(const struct gateway_config *cfg);

#endif
