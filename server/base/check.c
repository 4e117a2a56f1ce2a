#include "server/base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *condition) {
    (void)fprintf(stderr, "check.failed at=%s:%d condition=\"%s\"\n", file, line, condition);
    abort();
}
