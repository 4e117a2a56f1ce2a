#include "server/config/faults.h"

#include "server/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

enum { POINTER_SIZE = sizeof(((struct config_fault *)0)->pointer) };

/* snprintf cuts at a byte; half a character would make the fault unusable in JSON. */
static void cut_at_character(char *text, size_t size) {
    text[utf8_valid_prefix(text, strnlen(text, size))] = '\0';
}

void faults_add(struct faults *f, const char *code, const char *pointer, const char *fmt, ...) {
    if (f->n == CONFIG_FAULTS_MAX) {
        return;
    }
    struct config_fault *fault = &f->v[f->n++];
    (void)snprintf(fault->code, sizeof fault->code, "%s", code);
    (void)snprintf(fault->pointer, sizeof fault->pointer, "%s", pointer);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(fault->text, sizeof fault->text, fmt, args);
    va_end(args);
    cut_at_character(fault->pointer, sizeof fault->pointer);
    cut_at_character(fault->text, sizeof fault->text);
}

void faults_pointer_add(char pointer[POINTER_SIZE], struct slice part) {
    size_t n = strlen(pointer);
    if (n + 1 < POINTER_SIZE) {
        pointer[n++] = '/';
    }
    for (size_t i = 0; i < part.n; i++) {
        char c = part.p[i];
        if (n + 2 >= POINTER_SIZE) {
            break;
        }
        if (c == '~' || c == '/') {
            pointer[n++] = '~';
            c = c == '~' ? '0' : '1';
        }
        pointer[n++] = c;
    }
    pointer[n] = '\0';
}
