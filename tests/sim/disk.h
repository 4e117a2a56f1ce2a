/* A disk in memory that can lose what was not synced: it takes the place of the calls that the gateway's
 * journal makes (the linker's --wrap, see CMakeLists.txt), so that the journal runs as it is.
 *
 * As Linux promises no more: fdatasync makes a file's bytes durable, fsync of the directory its names. A
 * power loss keeps of all else what it likes: a name may be the old or the new one, a file's tail is there,
 * or short, or zeros. A sync that fails forgets what it should have written, and the next one succeeds.
 *
 * One directory, named DISK_DIR, with files of some kilobytes. One thread. */
#ifndef PENSTOCK_TESTS_SIM_DISK_H
#define PENSTOCK_TESTS_SIM_DISK_H

#include "server/base/rand.h"

#include <stdbool.h>
#include <stdint.h>

#define DISK_DIR "/disk-in-memory"

/* Forgets all files. */
void disk_format(void);
/* From now on nothing is written or synced any more, though every call says that it was: the process that
 * would call is dead, and only its memory is still to be freed. */
void disk_freeze(void);
void disk_thaw(void);
/* The power goes after so many more changes: all calls that would change something fail from then on. Until
 * disk_lose_power. */
void disk_cut_power(uint32_t changes);
/* To be called when no file is open. */
void disk_lose_power(struct rand *r);
/* An image of what is durable, one at a time; to be put back when no file is open. False if there is none. */
void disk_save_image(void);
bool disk_restore_image(void);

enum disk_fault {
    DISK_SOUND,
    DISK_SYNC_FAILS,  /* EIO, once */
    DISK_WRITE_FAILS, /* ENOSPC, until it is sound again */
    DISK_SYNC_LIES,   /* says that it is durable, and it is not: what the model must notice */
};
void disk_set_fault(enum disk_fault fault);
/* Open files; each test ends with none. */
unsigned disk_open_files(void);

#endif
