/* Where tests keep their files: in memory where there is room for them, since what is synced thousands of
 * times would wait for the disk of a busy machine. */
#ifndef PENSTOCK_TESTS_SCRATCH_H
#define PENSTOCK_TESTS_SCRATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* An existing directory with room for so many bytes, or /tmp. */
static inline const char *scratch_place(uint64_t bytes) {
    static const char memory[] = "/dev/shm";
    struct statvfs fs;
    bool fits = access(memory, W_OK | X_OK) == 0 && statvfs(memory, &fs) == 0 &&
                (uint64_t)fs.f_bavail * fs.f_frsize >= bytes;
    return fits ? memory : "/tmp";
}

#endif
