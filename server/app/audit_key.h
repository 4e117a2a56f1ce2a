/* Files of the keys that sign checkpoints: FILE with the private key, readable by its owner alone, and
 * FILE.pub with the public one. */
#ifndef PENSTOCK_APP_AUDIT_KEY_H
#define PENSTOCK_APP_AUDIT_KEY_H

#include "server/chain/point.h"

/* ERR_EXISTS: one of the files is there; nothing is written over. */
MUSTCHECK enum status audit_key_make(const char *file, struct error *err);
/* ERR_DENIED: others than its owner and its group may read it. */
MUSTCHECK enum status audit_key_read(const char *file, struct point_key **ret, struct error *err);
/* One or several public keys. */
MUSTCHECK enum status audit_keys_read(const char *file, struct point_keys **ret, struct error *err);

#endif
