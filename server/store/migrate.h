/* Migrations: migrations/NNNN_words.sql, forward only, each in one transaction, recorded in schema_migration
 * with the file's SHA-256. Blocking; for the command line and for tests, never on the loop. */
#ifndef PENSTOCK_STORE_MIGRATE_H
#define PENSTOCK_STORE_MIGRATE_H

#include "server/base/status.h"

#include <stdint.h>

enum { MIGRATIONS_MAX = 1000 };

struct migration {
    uint32_t version; /* NNNN */
    char name[100];   /* file name */
    char sha256[65];  /* hex */
};

/* Reads the directory's list; ERR_INVALID names a file that does not fit (gap, two of one number, bad name).
 */
MUSTCHECK enum status migrate_list(const char *dir, struct migration *ret, uint32_t max, uint32_t *ret_n,
                                   struct error *err);
/* Applies what is missing, under an advisory lock. Refuses a schema that is newer than the files, and one in
 * which a recorded file has another checksum, naming the file. on_applied is told of each. */
MUSTCHECK enum status migrate_run(const char *conninfo, const char *dir,
                                  void (*on_applied)(void *ctx, const struct migration *m), void *ctx,
                                  struct error *err);

#endif
