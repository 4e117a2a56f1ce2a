/* A growing array for the rule compiler. RULE_LIST(name, type) defines struct name {type *p; uint32_t n;
 * uint32_t cap;} and name_add(). All zero is the empty list; its owner frees p. Header only. */
#ifndef PENSTOCK_CORE_RULE_LIST_H
#define PENSTOCK_CORE_RULE_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { RULE_LIST_MIN = 16, RULE_LIST_MAX = 1 << 28 };

/* name_add: false, and nothing changed, when memory is out. */
#define RULE_LIST(name, type)                                                                                \
    struct name {                                                                                            \
        type *p;                                                                                             \
        uint32_t n;                                                                                          \
        uint32_t cap;                                                                                        \
    };                                                                                                       \
    static inline bool name##_add(struct name *list, type item) {                                            \
        if (list->n == list->cap) {                                                                          \
            uint32_t cap = list->cap == 0 ? RULE_LIST_MIN : list->cap * 2;                                   \
            type *p = cap <= RULE_LIST_MAX ? realloc(list->p, cap * sizeof *p) : NULL;                       \
            if (p == NULL) {                                                                                 \
                return false;                                                                                \
            }                                                                                                \
            list->p = p;                                                                                     \
            list->cap = cap;                                                                                 \
        }                                                                                                    \
        list->p[list->n++] = item;                                                                           \
        return true;                                                                                         \
    }

#endif
