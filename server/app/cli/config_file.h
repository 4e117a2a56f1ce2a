/* An import document, or the database, as a config_set; and what differs between two. */
#ifndef PENSTOCK_APP_CLI_CONFIG_FILE_H
#define PENSTOCK_APP_CLI_CONFIG_FILE_H

#include "server/config/config.h"

#include <libpq-fe.h>

/* Reads the file ("-": stdin) into an empty set. Faults go to stderr, one a line; then ERR_INVALID, and err
 * counts them. */
MUSTCHECK enum status config_file_read(const char *file, struct config_set *into, struct error *err);
/* The configuration in force. */
MUSTCHECK enum status config_db_read(PGconn *db, struct config_set **ret, struct error *err);
/* Checks the whole; faults as above. ret: its model, NULL if that is not wanted. */
MUSTCHECK enum status config_whole_check(const struct config_set *set, struct model **ret, struct error *err);

/* Tells of each item that is in one set only or has another body; before or after is NULL if it is not there.
 */
typedef void (*config_on_difference)(void *ctx, const struct config_item *before,
                                     const struct config_item *after);
void config_difference(const struct config_set *before, const struct config_set *after,
                       config_on_difference on_difference, void *ctx);
/* For a person: "+ tag S1/L", "- …", "~ …" with each field that changed. */
void config_difference_print(const struct config_item *before, const struct config_item *after);

#endif
