/* server/api/openapi.json as it was when this was built: the contract of the REST interface. */
#ifndef PENSTOCK_API_OPENAPI_JSON_H
#define PENSTOCK_API_OPENAPI_JSON_H

#include <stddef.h>

extern const unsigned char openapi_json[];
extern const size_t openapi_json_size;

#endif
