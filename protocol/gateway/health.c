#include "protocol/gateway/health.h"

#include "server/base/check.h"
#include "server/base/log.h"

#include <inttypes.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

enum own { LINK, RECORDS, BYTES, OLDEST, LOST, OFFSET, CERTIFICATE, N_OWN };

static const struct {
    const char *name;
    enum value_type type;
    const char *unit;
    const char *description;
} owns[N_OWN] = {
    [LINK] = {"_gateway.link", VALUE_BOOL, "", "The session with the server is up"},
    [RECORDS] = {"_gateway.buffer_records", VALUE_UINT, "", "Records that wait in the journal"},
    [BYTES] = {"_gateway.buffer_bytes", VALUE_UINT, "B", "Bytes that wait in the journal"},
    [OLDEST] = {"_gateway.oldest_s", VALUE_UINT, "s", "Age of the oldest sample that waits"},
    [LOST] = {"_gateway.lost", VALUE_UINT, "", "Samples lost to a full journal or a failing disk"},
    [OFFSET] = {"_gateway.clock_offset_ms", VALUE_INT, "ms", "The server's clock minus the gateway's"},
    [CERTIFICATE] = {"_gateway.certificate_days", VALUE_INT, "d", "Until the gateway's certificate expires"},
};

struct device {
    char name[LINK_NAME_MAX];
    uint32_t tag;
    bool known;
    bool up;
};

struct health {
    struct client *client;
    const char *cert_file;
    uint32_t tags[N_OWN];
    struct device *devices;
    uint32_t n_devices;
};

static enum status define(struct client *c, const char *name, enum value_type type, const char *unit,
                          const char *description, uint32_t *ret_tag, struct error *err) {
    const struct tag_def def = {.name = slice_str(name),
                                .unit = slice_str(unit),
                                .description = slice_str(description),
                                .type = type,
                                .flags = DICT_HISTORISE};
    return client_define(c, &def, ret_tag, err);
}

enum status health_new(struct client *client, const char *cert_file, struct health **ret, struct error *err) {
    struct health *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return error_set(err, ERR_NOMEM, "health", "no memory");
    }
    h->client = client;
    h->cert_file = cert_file;
    for (int i = 0; i < N_OWN; i++) {
        enum status st =
            define(client, owns[i].name, owns[i].type, owns[i].unit, owns[i].description, &h->tags[i], err);
        if (st != OK) {
            health_free(&h);
            return st;
        }
    }
    *ret = h;
    return OK;
}

void health_free(struct health **ref) {
    if (*ref != NULL) {
        free((*ref)->devices);
        free(*ref);
        *ref = NULL;
    }
}

enum status health_define_device(struct health *h, const char *name, uint32_t *ret_device,
                                 struct error *err) {
    struct device *devices = realloc(h->devices, (h->n_devices + 1) * sizeof *devices);
    if (devices == NULL) {
        return error_set(err, ERR_NOMEM, "health", "no memory");
    }
    h->devices = devices;
    struct device *d = &devices[h->n_devices];
    *d = (struct device){0};
    (void)snprintf(d->name, sizeof d->name, "%s", name);
    char tag[LINK_NAME_MAX];
    (void)snprintf(tag, sizeof tag, "_gateway.%s.up", name);
    enum status st = define(h->client, tag, VALUE_BOOL, "", "The device answers", &d->tag, err);
    if (st == OK) {
        *ret_device = h->n_devices++;
    }
    return st;
}

const char *health_device_name(const struct health *h, uint32_t device) {
    CHECK(device < h->n_devices);
    return h->devices[device].name;
}

static void put(struct health *h, uint32_t tag, int64_t wall_us, int64_t value) {
    struct error err = {0};
    if (client_put_integer(h->client, tag, wall_us, value, 0, &err) != OK) {
        log_event(LOG_ERROR, "sample.refused", "tag=%s text=%s", LOG_Q(client_tag(h->client, tag)->name),
                  LOG_Q(slice_str(err.text)));
    }
}

void health_device(struct health *h, uint32_t device, bool up, int64_t wall_us) {
    CHECK(device < h->n_devices);
    struct device *d = &h->devices[device];
    d->known = true;
    d->up = up;
    put(h, d->tag, wall_us, up);
}

void health_link(struct health *h, bool up, int64_t wall_us) {
    put(h, h->tags[LINK], wall_us, up);
}

/* The whole days from now to the end of the file's first certificate. False if it cannot be read. */
static bool days_left(const char *file, int64_t wall_us, int64_t *ret_days) {
    FILE *in = fopen(file, "re");
    X509 *cert = in != NULL ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;
    if (in != NULL) {
        (void)fclose(in);
    }
    time_t now = (time_t)(wall_us / 1000000);
    ASN1_TIME *at = ASN1_TIME_set(NULL, now);
    int days = 0;
    int seconds = 0;
    bool known =
        cert != NULL && at != NULL && ASN1_TIME_diff(&days, &seconds, at, X509_get0_notAfter(cert)) == 1;
    /* Both have the same sign; an hour after the end is the day -1. */
    *ret_days = seconds < 0 ? (int64_t)days - 1 : days;
    ASN1_TIME_free(at);
    X509_free(cert);
    return known;
}

void health_report(struct health *h, int64_t wall_us) {
    struct client_status s;
    client_get_status(h->client, &s);
    put(h, h->tags[LINK], wall_us, s.up);
    put(h, h->tags[RECORDS], wall_us, (int64_t)s.journal.waiting);
    put(h, h->tags[BYTES], wall_us, (int64_t)s.journal.waiting_bytes);
    int64_t oldest_us = s.journal.oldest_sample_us;
    int64_t age_us = oldest_us == 0 || oldest_us > wall_us ? 0 : wall_us - oldest_us;
    put(h, h->tags[OLDEST], wall_us, age_us / 1000000);
    put(h, h->tags[LOST], wall_us, (int64_t)(s.journal.dropped_total + s.lost));
    if (s.link.has_offset) {
        put(h, h->tags[OFFSET], wall_us, s.link.clock_offset_us / 1000);
    }
    int64_t days = 0;
    if (days_left(h->cert_file, wall_us, &days)) {
        put(h, h->tags[CERTIFICATE], wall_us, days);
    }
    for (uint32_t i = 0; i < h->n_devices; i++) {
        if (h->devices[i].known) {
            put(h, h->devices[i].tag, wall_us, h->devices[i].up);
        }
    }
}
