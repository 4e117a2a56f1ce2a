/* What every cmocka test includes: cmocka and what it wants before it, in that order. */
#ifndef PENSTOCK_TESTS_UNIT_H
#define PENSTOCK_TESTS_UNIT_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
