/* A bounded list of faults that is being written: storage is the caller's, what does not fit is dropped (the
 * first CONFIG_FAULTS_MAX are enough to start repairing). NUL-terminated JSON Pointers (RFC 6901). Codes,
 * which programs may rely on: E_JSON        not JSON, too deep, not UTF-8          E_SITE, E_GATEWAY, E_TAG,
 * E_CLASS, E_GROUP, E_ALARM E_FIELD       no such field, or none of this kind                  names
 * something that is not there E_TYPE        another type is needed                 E_UNIT        does not
 * convert to the tag's unit E_MISSING     must be given                          E_LIMIT_ORDER limits of one
 * tag contradict each other E_NAME        no name, or not the right one          E_DEADBAND    the alarm
 * could not return properly E_RANGE       not finite, out of range               E_WINDOW      a window that
 * is not 0 < w <= 7 d E_PRIO        no priority                            E_LATCH_ACK   a latch that nobody
 * acknowledges E_CYCLE       depends on itself                      and those of rules (server/core/rule.h)
 */
#ifndef PENSTOCK_CONFIG_FAULTS_H
#define PENSTOCK_CONFIG_FAULTS_H

#include "server/config/config.h"

struct faults {
    struct config_fault *v; /* CONFIG_FAULTS_MAX of them */
    uint32_t n;
};

/* pointer: as it is; fmt: what is wrong and what would be right. */
void faults_add(struct faults *f, const char *code, const char *pointer, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Writes "/part" behind what is in pointer, '~' and '/' escaped, cut where there is no room. */
void faults_pointer_add(char pointer[sizeof(((struct config_fault *)0)->pointer)], struct slice part);

#endif
