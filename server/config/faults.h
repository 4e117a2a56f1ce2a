/* A bounded list of faults that is being written: storage is the caller's, what does not fit is dropped (the
 * first CONFIG_FAULTS_MAX are enough to start repairing). NUL-terminated JSON Pointers (RFC 6901). */
#ifndef PENSTOCK_CONFIG_FAULTS_H
#define PENSTOCK_CONFIG_FAULTS_H

#include "server/config/config.h"

struct faults {
    struct config_fault *v; /* CONFIG_FAULTS_MAX of them */
    uint32_t n;
};

/* pointer: as it is; fmt: what is wrong and what would be right. */
void faults_add(struct faults *f, const char *pointer, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Writes "/part" behind what is in pointer, '~' and '/' escaped, cut where there is no room. */
void faults_pointer_add(char pointer[sizeof(((struct config_fault *)0)->pointer)], struct slice part);

#endif
