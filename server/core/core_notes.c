#include "server/base/utf8.h"
#include "server/core/core_state.h"

#include <string.h>

void core_copy_text(char *ret, size_t size, const char *text) {
    const char *from = text == NULL ? "" : text;
    size_t n = utf8_valid_prefix(from, strnlen(from, size - 1));
    memcpy(ret, from, n);
    ret[n] = '\0';
}

uint16_t core_name(struct core *core, const char *text) {
    char name[ALARM_ACTOR_SIZE];
    core_copy_text(name, sizeof name, text);
    for (uint32_t i = 0; i < core->n_names; i++) {
        if (strcmp(core->names[i], name) == 0) {
            return (uint16_t)i; /* names_max fits */
        }
    }
    if (core->n_names == core->names_max) {
        return 0;
    }
    memcpy(core->names[core->n_names], name, sizeof name);
    return (uint16_t)core->n_names++;
}

uint32_t core_note_new(struct core *core, int64_t since_us, const char *by, const char *reason) {
    if (core->n_free_notes == 0) {
        return 0;
    }
    uint32_t note = core->free_notes[--core->n_free_notes];
    struct alarm_note *n = &core->notes[note];
    n->since_us = since_us;
    core_copy_text(n->by, sizeof n->by, by);
    core_copy_text(n->reason, sizeof n->reason, reason);
    return note;
}

void core_note_free(struct core *core, uint32_t *note) {
    if (*note != 0) {
        core->free_notes[core->n_free_notes++] = *note;
        *note = 0;
    }
}
