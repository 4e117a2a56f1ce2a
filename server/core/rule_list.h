/* A growing array for the rule compiler. RULE_LIST(name, type) defines struct name {type *p; uint32_t n;
 * uint32_t cap;} and name_add(). All zero is the empty list; its owner frees p. Header only. */
#ifndef PENSTOCK_CORE_RULE_LIST_H
#define PENSTOCK_CORE_RULE_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { RULE_LIST_MIN = 16, RULE_LIST_MAX = 1 << 28 };

/* The array with more room; NULL, and nothing changed, when memory is out. */
static inline void *rule_list_grow(void *p, uint32_t *cap, size_t size) {
    uint32_t more = *cap == 0 ? RULE_LIST_MIN : *cap * 2;
    void *grown = more <= RULE_LIST_MAX ? realloc(p, more * size) : NULL;
    *cap = grown != NULL ? more : *cap;
    return grown;
}

/* name_add: false, and nothing changed, when memory is out. */
#define RULE_LIST(name, type)                                                                                \
    struct name {                                                                                            \
        type *p;                                                                                             \
        uint32_t n;                                                                                          \
        uint32_t cap;                                                                                        \
    };                                                                                                       \
    static inline bool name##_add(struct name *list, type item) {                                            \
        if (list->n == list->cap) {                                                                          \
            void *grown = rule_list_grow(list->p, &list->cap, sizeof item);                                  \
            if (grown == NULL) {                                                                             \
                return false;                                                                                \
            }                                                                                                \
            list->p = grown;                                                                                 \
        }                                                                                                    \
        list->p[list->n++] = item;                                                                           \
        return true;                                                                                         \
    }

#endif
