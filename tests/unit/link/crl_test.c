/* Covers: crl.c */
#include "server/base/clock.h"
#include "server/base/tm.h"
#include "server/link/crl.h"
#include "tests/unit/link/certs.h"
#include "tests/unit/link/rig.h"

struct world {
    struct certs certs;
    struct cert ca;
    struct cert other;
    struct cert on_it;
    struct cert good;
    X509_STORE *store; /* knows ca, and not the other */
};

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    certs_init(&w->certs);
    const struct cert_spec ca = {.name = "ca", .authority = true};
    const struct cert_spec other = {.name = "other", .authority = true};
    const struct cert_spec gw = {.name = "gw", .san = "URI:urn:penstock:gateway:gw", .use = "clientAuth"};
    w->ca = cert_make(&w->certs, NULL, &ca);
    w->other = cert_make(&w->certs, NULL, &other);
    w->on_it = cert_make(&w->certs, &w->ca, &gw);
    w->good = cert_make(&w->certs, &w->ca, &gw);
    w->store = X509_STORE_new();
    assert_int_equal(X509_STORE_add_cert(w->store, w->ca.x509), 1);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    struct world *w = *state;
    X509_STORE_free(w->store);
    cert_done(&w->ca);
    cert_done(&w->other);
    cert_done(&w->on_it);
    cert_done(&w->good);
    certs_done(&w->certs);
    free(w);
    return 0;
}

static struct crl *read_list(struct world *w, const char *name) {
    char path[CERTS_PATH_SIZE];
    struct crl *c = NULL;
    struct error err = {0};
    if (crl_read(certs_path(&w->certs, name, path), w->store, &c, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return c;
}

static void a_list_has_those_that_are_on_it(void **state) {
    struct world *w = *state;
    certs_write_crl(&w->certs, "crl.pem", &w->ca, w->on_it.x509, CERTS_DAY_S);
    struct crl *c = read_list(w, "crl.pem");
    assert_true(crl_has(c, w->on_it.x509));
    assert_false(crl_has(c, w->good.x509));
    crl_free(&c);
}

/* Serial numbers are an authority's own. */
static void a_list_says_nothing_of_another_authoritys_certificates(void **state) {
    struct world *w = *state;
    certs_write_crl(&w->certs, "crl.pem", &w->other, w->on_it.x509, CERTS_DAY_S);
    struct crl *c = read_list(w, "crl.pem");
    assert_false(crl_has(c, w->on_it.x509));
    crl_free(&c);
}

static void it_is_told_when_it_ends_and_in_time_before(void **state) {
    struct world *w = *state;
    static const struct {
        long to_s;
        int64_t before_us; /* two hours old already: a quarter of its life, at most three days */
    } cases[] = {
        {6L * 3600, 2 * TM_HOUR_US},
        {365L * CERTS_DAY_S, 3 * TM_DAY_US},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        certs_write_crl(&w->certs, "crl.pem", &w->ca, NULL, cases[i].to_s);
        struct crl *c = read_list(w, "crl.pem");
        int64_t left_us = crl_ends_us(c) - clock_wall_us();
        assert_true(left_us <= cases[i].to_s * TM_SECOND_US);
        assert_true(left_us > cases[i].to_s * TM_SECOND_US - TM_HOUR_US);
        assert_int_equal(crl_ends_us(c) - crl_warn_us(c), cases[i].before_us);
        crl_free(&c);
    }
}

static void what_is_no_list_is_refused_with_its_file_and_the_reason(void **state) {
    struct world *w = *state;
    struct cert forger = w->other;
    certs_write(&w->certs, "no-list", &w->good, 1);
    certs_write_crl(&w->certs, "cut.pem", &w->ca, NULL, CERTS_DAY_S);
    char path[CERTS_PATH_SIZE];
    assert_int_equal(truncate(certs_path(&w->certs, "cut.pem", path), 200), 0);
    forger.x509 = w->ca.x509; /* says that it is the authority, and signs with another key */
    certs_write_crl(&w->certs, "forged.pem", &forger, NULL, CERTS_DAY_S);
    static const struct {
        const char *file;
        const char *text;
    } cases[] = {
        {"missing.pem", "cannot open the list of revoked certificates"},
        {"no-list.pem", "cannot read the list of revoked certificates (PEM, X509 CRL)"},
        {"cut.pem", "cannot read the list of revoked certificates (PEM, X509 CRL)"},
        {"forged.pem", "the list of revoked certificates is not signed by the authority that it names"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct crl *c = NULL;
        struct error err = {0};
        assert_int_equal(crl_read(certs_path(&w->certs, cases[i].file, path), w->store, &c, &err),
                         ERR_INVALID);
        assert_string_equal(err.where, path);
        assert_string_equal(err.text, cases[i].text);
        assert_null(c);
    }
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_list_has_those_that_are_on_it),
        IN_WORLD(a_list_says_nothing_of_another_authoritys_certificates),
        IN_WORLD(it_is_told_when_it_ends_and_in_time_before),
        IN_WORLD(what_is_no_list_is_refused_with_its_file_and_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
