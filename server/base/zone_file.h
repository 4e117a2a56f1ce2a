/* Reads a time zone of the system's database by its name ("Europe/Berlin"). Does I/O; for start-up and for
 * changes of the configuration only. */
#ifndef PENSTOCK_BASE_ZONE_FILE_H
#define PENSTOCK_BASE_ZONE_FILE_H

#include "server/base/zone.h"

/* ERR_INVALID for a name that could lead elsewhere or a file that is no TZif, ERR_NOT_FOUND if there is none.
 */
MUSTCHECK enum status zone_load(const char *name, struct arena *arena, struct zone **ret, struct error *err);

#endif
