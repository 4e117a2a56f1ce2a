/* What of records is told: to the gateway by a non-fatal ERROR, to people by the audit and the status. */
#include "server/base/utf8.h"
#include "server/link/session_internal.h"

#include <stdio.h>

static void report(struct session *s, const struct shelf_dict *d, const char *action, const char *text,
                   struct link_now now) {
    struct slice said = slice_of(text, utf8_valid_prefix(text, strlen(text)));
    (void)snprintf(s->status.fault, sizeof s->status.fault, "%.*s", SLICE_ARG(said));
    session_incident(s, action, now, "%.*s", SLICE_ARG(said));
    session_complain(
        s, &(struct msg_error){.code = LINK_UNSUPPORTED, .ref_type = MSG_DICT, .ep = d->ep, .text = said});
}

void session_report_left_out(struct session *s, const struct shelf_dict *d, const struct shelf_left_out *out,
                             struct link_now now) {
    char text[SESSION_REASON_SIZE];
    if (out->misfit != NULL) {
        (void)snprintf(text, sizeof text,
                       "dictionary %llu: \"%.*s\" is sent as %s, which does not fit its type in the "
                       "configuration; it is left out (%u such)",
                       (unsigned long long)d->id, SLICE_ARG(out->misfit->name),
                       value_type_name(out->misfit->type), out->misfits);
        report(s, d, "link.type_mismatch", text, now);
    }
    if (out->misnamed != NULL) {
        (void)snprintf(text, sizeof text,
                       "dictionary %llu: %u names cannot be tags here, which have A-Z a-z 0-9 . _ - "
                       "(levels: a.b); they are left out, the first is \"%.*s\"",
                       (unsigned long long)d->id, out->misnameds, SLICE_ARG(out->misnamed->name));
        report(s, d, "link.name_mismatch", text, now);
    }
}

/* A record that cannot be used is stored all the same; the gateway and the audit are told. */
void session_report_fault(struct session *s, const struct frame *f, const struct msg_prefix *prefix,
                          uint16_t fault, const struct error *why, struct link_now now) {
    s->status.quarantined++;
    char text[SESSION_REASON_SIZE];
    (void)snprintf(text, sizeof text, "%s %llu/%llu: %s: %s", msg_type_name(f->type),
                   (unsigned long long)s->epochs[prefix->ep].epoch, (unsigned long long)prefix->seq,
                   why->where, why->text);
    text[utf8_valid_prefix(text, strlen(text))] = '\0';
    (void)snprintf(s->status.fault, sizeof s->status.fault, "%s", text);
    session_incident(s, "link.quarantined", now, "%s: %s", link_code_name(fault), text);
    session_complain(s, &(struct msg_error){.code = fault,
                                            .ref_type = f->type,
                                            .ep = prefix->ep,
                                            .seq = prefix->seq,
                                            .text = slice_str(text)});
}

/* The rest of such a dictionary is good; which of its tags will not be read, the gateway learns at once and
 * not by the first sample that ends in quarantine. */
void session_report_unknown_types(struct session *s, const struct msg_prefix *prefix,
                                  const struct shelf_unknown *unknown, struct link_now now) {
    char text[LINK_TEXT_MAX];
    size_t n = (size_t)snprintf(text, sizeof text,
                                "dictionary %llu: this server does not know the value type of alias",
                                (unsigned long long)prefix->dict);
    uint32_t named = unknown->n < SHELF_UNKNOWN_MAX ? unknown->n : SHELF_UNKNOWN_MAX;
    for (uint32_t i = 0; i < named; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s %u (type %u)", i == 0 ? "" : ",",
                              unknown->first[i].alias, unknown->first[i].type);
    }
    if (unknown->n > named) {
        n += (size_t)snprintf(text + n, sizeof text - n, " and of %u more", unknown->n - named);
    }
    (void)snprintf(text + n, sizeof text - n, "; records with them go to quarantine");
    (void)snprintf(s->status.fault, sizeof s->status.fault, "%s", text);
    session_incident(s, "link.unknown_value_type", now, "%s", text);
    session_complain(s, &(struct msg_error){.code = LINK_UNSUPPORTED,
                                            .ref_type = MSG_DICT,
                                            .ep = prefix->ep,
                                            .seq = prefix->seq,
                                            .text = slice_str(text)});
}

_Static_assert(80 + SHELF_UNKNOWN_MAX * (sizeof ", 1048576 (type 255)" - 1) + 80 < LINK_TEXT_MAX,
               "every text about unknown value types fits");
