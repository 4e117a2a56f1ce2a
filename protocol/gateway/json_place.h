/* Where in a JSON text a value is: jansson tells the place of syntax errors only, and a person who mends a
 * file of thousands of lines needs the line of every fault. The text must be JSON that a parser has accepted;
 * nothing is read beyond it in any case. A fault is rare, so the text is walked anew for each. Pure. */
#ifndef PENSTOCK_GATEWAY_JSON_PLACE_H
#define PENSTOCK_GATEWAY_JSON_PLACE_H

#include "server/base/slice.h"

struct json_place {
    unsigned line;   /* from 1 */
    unsigned column; /* from 1, in characters */
};

/* pointer: a JSON Pointer (RFC 6901), "" is the whole. Of a member that is its key, of an element its first
 * character. Where the pointer leads to nothing (a key that is missing), the deepest value on its way. */
struct json_place json_place_find(struct slice text, const char *pointer);

#endif
