/* Covers: tls.c: the second protocol of the port, penstock-enrol/1, as a client of another make sees it. */
#include "protocol/enrol.h"
#include "server/link/tls.h"
#include "tests/lib/unit.h"
#include "tests/unit/link/certs.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#define GATEWAY_SAN "URI:urn:penstock:gateway:gw-s1"

struct place {
    struct certs certs;
    struct cert ca;
    struct cert other_ca;
    struct issuer *issuer;
    struct tls_context *context;
};

static void gateway(struct place *p, const struct cert *ca, const char *file, const char *use,
                    long ended_days) {
    certs_issue(&p->certs, ca, file,
                &(struct cert_spec){.name = "gw",
                                    .san = GATEWAY_SAN,
                                    .use = use,
                                    .from_s = -100 * CERTS_DAY_S,
                                    .to_s = ended_days == 0 ? CERTS_DAY_S : -ended_days * CERTS_DAY_S});
}

static int set_up(void **state) {
    static struct place p;
    char ca[CERTS_PATH_SIZE];
    char key[CERTS_PATH_SIZE];
    char cert[CERTS_PATH_SIZE];
    char cert_key[CERTS_PATH_SIZE];
    p = (struct place){.issuer = NULL};
    certs_init(&p.certs);
    p.ca = cert_make(
        &p.certs, NULL,
        &(struct cert_spec){
            .name = "ca", .authority = true, .from_s = -200 * CERTS_DAY_S, .to_s = 9 * CERTS_DAY_S});
    p.other_ca = cert_make(
        &p.certs, NULL,
        &(struct cert_spec){
            .name = "ca", .authority = true, .from_s = -200 * CERTS_DAY_S, .to_s = 9 * CERTS_DAY_S});
    certs_write(&p.certs, "ca", &p.ca, 1);
    certs_issue(&p.certs, &p.ca, "server",
                &(struct cert_spec){.name = "server", .san = "DNS:room.example", .use = "serverAuth"});
    gateway(&p, &p.ca, "good", "clientAuth", 0);
    gateway(&p, &p.ca, "ended-29", "clientAuth", 29);
    gateway(&p, &p.ca, "ended-31", "clientAuth", 31);
    gateway(&p, &p.ca, "ended-server", "serverAuth", 3);
    gateway(&p, &p.other_ca, "stranger", "clientAuth", 0);
    gateway(&p, &p.other_ca, "ended-stranger", "clientAuth", 3);
    (void)certs_path(&p.certs, "ca.key", key);
    assert_int_equal(chmod(key, 0600), 0);
    assert_int_equal(issuer_new(certs_path(&p.certs, "ca.pem", ca), key, &p.issuer, NULL), OK);
    const struct tls_config cfg = {.role = TLS_SERVER,
                                   .ca_file = ca,
                                   .cert_file = certs_path(&p.certs, "server.pem", cert),
                                   .key_file = certs_path(&p.certs, "server.key", cert_key)};
    assert_int_equal(tls_context_new(&cfg, &p.context, NULL), OK);
    *state = &p;
    return 0;
}

static int tear_down(void **state) {
    struct place *p = *state;
    tls_context_free(&p->context);
    issuer_free(&p->issuer);
    cert_done(&p->ca);
    cert_done(&p->other_ca);
    certs_done(&p->certs);
    return 0;
}

/* A client by OpenSSL alone, joined to the server's end. */
struct joint {
    SSL_CTX *ctx;
    SSL *client;
    BIO *in;
    BIO *out;
    struct tls *server;
};

static void move(struct joint *j) {
    char bytes[16384];
    for (int round = 0; round < 10; round++) {
        (void)SSL_do_handshake(j->client);
        int n = BIO_read(j->out, bytes, sizeof bytes);
        if (n > 0) {
            assert_int_equal(tls_feed(j->server, bytes, (size_t)n), OK);
        }
        size_t back = tls_take_cipher(j->server, bytes, sizeof bytes);
        if (back > 0) {
            assert_int_equal(BIO_write(j->in, bytes, (int)back), (int)back);
        }
    }
    ERR_clear_error();
}

static void join(struct joint *j, struct place *p, const char *own, const char *alpn) {
    char name[64];
    char path[CERTS_PATH_SIZE];
    unsigned char wire[64];
    j->ctx = SSL_CTX_new(TLS_client_method());
    wire[0] = (unsigned char)strlen(alpn);
    memcpy(wire + 1, alpn, strlen(alpn));
    assert_int_equal(SSL_CTX_set_alpn_protos(j->ctx, wire, (unsigned)strlen(alpn) + 1), 0);
    if (own != NULL) {
        (void)snprintf(name, sizeof name, "%s.pem", own);
        assert_int_equal(SSL_CTX_use_certificate_chain_file(j->ctx, certs_path(&p->certs, name, path)), 1);
        (void)snprintf(name, sizeof name, "%s.key", own);
        assert_int_equal(
            SSL_CTX_use_PrivateKey_file(j->ctx, certs_path(&p->certs, name, path), SSL_FILETYPE_PEM), 1);
    }
    j->client = SSL_new(j->ctx);
    j->in = BIO_new(BIO_s_mem());
    j->out = BIO_new(BIO_s_mem());
    SSL_set_bio(j->client, j->in, j->out);
    SSL_set_connect_state(j->client);
    assert_int_equal(tls_new(p->context, NULL, &j->server, NULL), OK);
    move(j);
}

static void part(struct joint *j) {
    SSL_free(j->client);
    SSL_CTX_free(j->ctx);
    tls_free(&j->server);
}

static void who_enrols_may_show_no_certificate_and_sees_the_authoritys(void **state) {
    struct place *p = *state;
    struct joint j;
    tls_context_enrol(p->context, p->issuer);
    join(&j, p, NULL, LINK_ALPN_ENROL);
    assert_int_equal(tls_state(j.server), TLS_OPEN);
    assert_true(tls_enrols(j.server));
    assert_string_equal(tls_gateway(j.server), "");
    assert_int_equal(tls_certificate(j.server).not_after_us, 0);
    STACK_OF(X509) *shown = SSL_get_peer_cert_chain(j.client);
    assert_int_equal(sk_X509_num(shown), 2);
    assert_int_equal(X509_cmp(sk_X509_value(shown, 1), p->ca.x509), 0);
    part(&j);
}

static void the_link_itself_wants_one_all_the_same(void **state) {
    struct place *p = *state;
    struct joint j;
    tls_context_enrol(p->context, p->issuer);
    static const char *const wrong[] = {NULL, "ended-29", "ended-31", "stranger"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        join(&j, p, wrong[i], LINK_ALPN);
        assert_int_equal(tls_state(j.server), TLS_FAILED);
        part(&j);
    }
    join(&j, p, "good", LINK_ALPN);
    assert_int_equal(tls_state(j.server), TLS_OPEN);
    assert_false(tls_enrols(j.server));
    part(&j);
}

static void one_that_has_ended_may_be_shown_for_30_days_and_must_be_right_otherwise(void **state) {
    struct place *p = *state;
    tls_context_enrol(p->context, p->issuer);
    static const struct {
        const char *own;
        enum tls_state state;
        const char *says;
    } table[] = {
        {"good", TLS_OPEN, ""},           {"ended-29", TLS_OPEN, ""},   {"ended-31", TLS_FAILED, "expired"},
        {"ended-server", TLS_FAILED, ""}, {"stranger", TLS_FAILED, ""}, {"ended-stranger", TLS_FAILED, ""}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct joint j;
        join(&j, p, table[i].own, LINK_ALPN_ENROL);
        if (tls_state(j.server) != table[i].state || strstr(tls_reason(j.server), table[i].says) == NULL) {
            fail_msg("%s: %d %s", table[i].own, tls_state(j.server), tls_reason(j.server));
        }
        if (table[i].state == TLS_OPEN) {
            assert_string_equal(tls_gateway(j.server), "gw-s1");
            assert_true(tls_certificate(j.server).not_after_us > 0);
        }
        part(&j);
    }
}

static void without_an_authority_nobody_enrols(void **state) {
    struct place *p = *state;
    struct joint j;
    join(&j, p, NULL, LINK_ALPN_ENROL);
    assert_int_equal(tls_state(j.server), TLS_FAILED);
    part(&j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_enrols_may_show_no_certificate_and_sees_the_authoritys, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_link_itself_wants_one_all_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            one_that_has_ended_may_be_shown_for_30_days_and_must_be_right_otherwise, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_an_authority_nobody_enrols, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
