#include "server/link/tls.h"
#include "tests/lib/unit.h"
#include "tests/unit/link/certs.h"

#include <openssl/ssl.h>

/* --- certificates, one set for all tests --- */

struct pki {
    struct certs certs;
    struct cert ca;
    struct cert other_ca;
};

#define GATEWAY_SAN "URI:urn:penstock:gateway:gw-s1"

static int set_up(void **state) {
    static struct pki pki;
    certs_init(&pki.certs);
    struct certs *c = &pki.certs;
    pki.ca = cert_make(c, NULL, &(struct cert_spec){.name = "ca", .authority = true});
    pki.other_ca = cert_make(c, NULL, &(struct cert_spec){.name = "ca", .authority = true});
    certs_write(c, "ca", &pki.ca, 1);
    certs_write(c, "other-ca", &pki.other_ca, 1);
    certs_issue(
        c, &pki.ca, "server",
        &(struct cert_spec){.name = "server", .san = "DNS:room.example,IP:127.0.0.1", .use = "serverAuth"});
    certs_issue(c, &pki.ca, "good",
                &(struct cert_spec){.name = "gw", .san = GATEWAY_SAN, .use = "clientAuth"});
    *state = &pki;
    return 0;
}

static int tear_down(void **state) {
    struct pki *pki = *state;
    cert_done(&pki->ca);
    cert_done(&pki->other_ca);
    certs_done(&pki->certs);
    return 0;
}

/* --- two ends, joined --- */

struct pair {
    struct tls_context *server_context;
    struct tls_context *client_context;
    struct tls *server;
    struct tls *client;
};

static struct tls_context *context(const struct pki *pki, enum tls_role role, const char *ca, const char *own,
                                   const char *crl) {
    char ca_path[CERTS_PATH_SIZE];
    char cert_path[CERTS_PATH_SIZE];
    char key_path[CERTS_PATH_SIZE];
    char crl_path[CERTS_PATH_SIZE];
    char name[64];
    struct tls_config cfg = {.role = role, .ca_file = certs_path(&pki->certs, ca, ca_path)};
    if (own != NULL) {
        (void)snprintf(name, sizeof name, "%s.pem", own);
        cfg.cert_file = certs_path(&pki->certs, name, cert_path);
        (void)snprintf(name, sizeof name, "%s.key", own);
        cfg.key_file = certs_path(&pki->certs, name, key_path);
    }
    if (crl != NULL) {
        cfg.crl_file = certs_path(&pki->certs, crl, crl_path);
    }
    struct tls_context *made = NULL;
    struct error err = {0};
    if (tls_context_new(&cfg, &made, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return made;
}

static void pair_open(struct pair *p, const struct pki *pki, const char *own, const char *crl,
                      const char *host) {
    p->server_context = context(pki, TLS_SERVER, "ca.pem", "server", crl);
    p->client_context = context(pki, TLS_CLIENT, "ca.pem", own, NULL);
    assert_int_equal(tls_new(p->server_context, NULL, &p->server, NULL), OK);
    assert_int_equal(tls_new(p->client_context, host, &p->client, NULL), OK);
}

static void pair_close(struct pair *p) {
    tls_free(&p->server);
    tls_free(&p->client);
    tls_context_free(&p->server_context);
    tls_context_free(&p->client_context);
}

/* Carries cipher bytes from one to the other, step at a time. Returns how many. */
static size_t carry(struct tls *from, struct tls *to, size_t step) {
    uint8_t bytes[4096];
    size_t sum = 0;
    size_t n = 0;
    while ((n = tls_take_cipher(from, bytes, step < sizeof bytes ? step : sizeof bytes)) > 0) {
        assert_int_equal(tls_feed(to, bytes, n), OK);
        sum += n;
    }
    return sum;
}

static void run(struct pair *p, size_t step) {
    assert_int_equal(tls_feed(p->client, NULL, 0), OK); /* begins */
    uint8_t byte = 0;
    while (carry(p->client, p->server, step) + carry(p->server, p->client, step) > 0) {
        /* Nothing is expected to arrive; reading is what notices an alert after the handshake. */
        assert_int_equal(tls_read(p->client, &byte, 1), 0);
    }
}

/* --- the good case --- */

static void two_ends_agree_and_carry_bytes_both_ways(void **state) {
    static const size_t steps[] = {1, 7, 4096};
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct pair p;
        pair_open(&p, *state, "good", NULL, "room.example");
        assert_int_equal(tls_write(p.client, "early", 5), ERR_WRONG_STATE);
        run(&p, steps[i]);
        assert_int_equal(tls_state(p.server), TLS_OPEN);
        assert_int_equal(tls_state(p.client), TLS_OPEN);
        assert_string_equal(tls_gateway(p.server), "gw-s1");
        assert_string_equal(tls_subject(p.server), "/CN=gw");
        assert_string_equal(tls_reason(p.server), "");

        static char text[100000];
        memset(text, 'x', sizeof text);
        assert_int_equal(tls_write(p.client, text, sizeof text), OK);
        assert_int_equal(tls_write(p.server, "answer", 6), OK);
        (void)carry(p.client, p.server, steps[i]);
        (void)carry(p.server, p.client, steps[i]);
        size_t got = 0;
        char part[5000];
        size_t n = 0;
        while ((n = tls_read(p.server, part, sizeof part)) > 0) {
            assert_memory_equal(part, text, n);
            got += n;
        }
        assert_int_equal(got, sizeof text);
        assert_int_equal(tls_read(p.client, part, sizeof part), 6);
        assert_memory_equal(part, "answer", 6);
        pair_close(&p);
    }
}

static void the_address_of_the_server_counts_as_its_name(void **state) {
    struct pair p;
    pair_open(&p, *state, "good", NULL, "127.0.0.1");
    run(&p, 4096);
    assert_int_equal(tls_state(p.client), TLS_OPEN);
    pair_close(&p);
}

static void a_goodbye_is_told_from_an_open_line(void **state) {
    struct pair p;
    pair_open(&p, *state, "good", NULL, "room.example");
    run(&p, 4096);
    assert_int_equal(tls_write(p.client, "last", 4), OK);
    tls_close(p.client);
    (void)carry(p.client, p.server, 4096);
    char part[16];
    assert_int_equal(tls_read(p.server, part, sizeof part), 4);
    assert_int_equal(tls_state(p.server), TLS_OPEN);
    assert_int_equal(tls_read(p.server, part, sizeof part), 0);
    assert_int_equal(tls_state(p.server), TLS_CLOSED);
    pair_close(&p);
}

static void the_server_gives_no_tickets(void **state) {
    struct pair p;
    pair_open(&p, *state, "good", NULL, "room.example");
    assert_int_equal(tls_feed(p.client, NULL, 0), OK);
    uint8_t byte = 0;
    /* Until both are open; a ticket would be what the server says after that, unasked. */
    while (tls_state(p.server) != TLS_OPEN) {
        assert_true(carry(p.client, p.server, 4096) + carry(p.server, p.client, 4096) > 0);
    }
    assert_int_equal(tls_take_cipher(p.server, &byte, 1), 0);
    pair_close(&p);
}

/* --- each way of being wrong --- */

struct wrong {
    const char *what;
    struct cert_spec spec;
    enum { BY_CA, BY_OTHER_CA, BY_ITSELF, BY_CHAIN_OF_5, BY_CHAIN_OF_2, SHOWN_NOT } signer;
    const char *reason; /* part of what the server says; NULL: it is accepted */
};

static const struct wrong wrongs[] = {
    {"good", {.name = "gw", .san = GATEWAY_SAN, .use = "clientAuth"}, BY_CA, NULL},
    {"two intermediates", {.name = "gw", .san = GATEWAY_SAN, .use = "clientAuth"}, BY_CHAIN_OF_2, NULL},
    {"no certificate", {.name = "gw"}, SHOWN_NOT, "no certificate was shown"},
    {"another authority of the same name",
     {.name = "gw", .san = GATEWAY_SAN, .use = "clientAuth"},
     BY_OTHER_CA,
     "certificate"},
    {"signed by itself", {.name = "gw", .san = GATEWAY_SAN, .use = "clientAuth"}, BY_ITSELF, "self-signed"},
    {"expired",
     {.name = "gw",
      .san = GATEWAY_SAN,
      .use = "clientAuth",
      .from_s = -2 * CERTS_DAY_S,
      .to_s = -CERTS_DAY_S},
     BY_CA,
     "certificate has expired"},
    {"of tomorrow",
     {.name = "gw", .san = GATEWAY_SAN, .use = "clientAuth", .from_s = CERTS_DAY_S, .to_s = 2 * CERTS_DAY_S},
     BY_CA,
     "certificate is not yet valid"},
    {"for servers", {.name = "gw", .san = GATEWAY_SAN, .use = "serverAuth"}, BY_CA, "certificate purpose"},
    {"for anything", {.name = "gw", .san = GATEWAY_SAN}, BY_CA, "clientAuth"},
    {"an authority's", {.name = "gw", .san = GATEWAY_SAN, .use = "clientAuth", .authority = true}, BY_CA, ""},
    {"no name", {.name = "gw", .use = "clientAuth"}, BY_CA, "no SAN URI"},
    {"a host's name", {.name = "gw", .san = "DNS:gw-s1", .use = "clientAuth"}, BY_CA, "no SAN URI"},
    {"two gateways",
     {.name = "gw", .san = GATEWAY_SAN ",URI:urn:penstock:gateway:gw-s2", .use = "clientAuth"},
     BY_CA,
     "more than one SAN URI"},
    {"another URI beside",
     {.name = "gw", .san = "URI:https://example.org/," GATEWAY_SAN, .use = "clientAuth"},
     BY_CA,
     "more than one SAN URI"},
    {"another URI",
     {.name = "gw", .san = "URI:urn:penstock:user:gw-s1", .use = "clientAuth"},
     BY_CA,
     "is not urn:penstock:gateway:NAME"},
    {"an empty gateway",
     {.name = "gw", .san = "URI:urn:penstock:gateway:", .use = "clientAuth"},
     BY_CA,
     "is not urn:penstock:gateway:NAME"},
    {"a path for a gateway",
     {.name = "gw", .san = "URI:urn:penstock:gateway:../x", .use = "clientAuth"},
     BY_CA,
     "is not urn:penstock:gateway:NAME"},
    {"not as the standard asks",
     {.name = "gw", .san = GATEWAY_SAN, .use = "clientAuth", .loose = true},
     BY_CA,
     "Missing Authority Key Identifier"},
    {"a chain too long", {.name = "gw", .san = GATEWAY_SAN, .use = "clientAuth"}, BY_CHAIN_OF_5, "chain"},
};

/* Writes the certificate, with its intermediates, as "wrong". */
static void make_wrong(struct pki *pki, const struct wrong *w) {
    enum { CHAIN_MAX = 6 };
    struct certs *c = &pki->certs;
    struct cert chain[CHAIN_MAX] = {0}; /* the end's own first, the authority's nearest last */
    size_t n = w->signer == BY_CHAIN_OF_5 ? 5 : w->signer == BY_CHAIN_OF_2 ? 2 : 0;
    const struct cert *signer = w->signer == BY_OTHER_CA ? &pki->other_ca : &pki->ca;
    for (size_t i = n; i > 0; i--) {
        char name[16];
        (void)snprintf(name, sizeof name, "middle %zu", i);
        chain[i] = cert_make(c, signer, &(struct cert_spec){.name = name, .authority = true});
        signer = &chain[i];
    }
    chain[0] = cert_make(c, w->signer == BY_ITSELF ? NULL : signer, &w->spec);
    certs_write(c, "wrong", chain, n + 1);
    for (size_t i = 0; i <= n; i++) {
        cert_done(&chain[i]);
    }
}

static void the_server_refuses_each_wrong_certificate_and_says_why(void **state) {
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        const struct wrong *w = &wrongs[i];
        make_wrong(*state, w);
        struct pair p;
        pair_open(&p, *state, w->signer == SHOWN_NOT ? NULL : "wrong", NULL, "room.example");
        run(&p, 4096);
        bool open = tls_state(p.server) == TLS_OPEN;
        if (open != (w->reason == NULL) ||
            (w->reason != NULL && strstr(tls_reason(p.server), w->reason) == NULL)) {
            fail_msg("%s: state %d, reason \"%s\"", w->what, tls_state(p.server), tls_reason(p.server));
        }
        /* The other side learns it by an alert. */
        assert_int_equal(tls_state(p.client), open ? TLS_OPEN : TLS_FAILED);
        assert_true(open || tls_gateway(p.server)[0] == '\0' || tls_state(p.server) == TLS_FAILED);
        pair_close(&p);
    }
}

static void a_certificate_of_enormous_size_is_refused_before_it_is_read(void **state) {
    struct pki *pki = *state;
    struct buf san;
    buf_init(&san, 100000); /* OpenSSL alone would take 100 KB */
    buf_text(&san, GATEWAY_SAN);
    while (san.n < 2 * (size_t)TLS_CERTIFICATES_MAX) {
        buf_text(&san, ",DNS:a-name-that-nobody-asked-for.example");
    }
    buf_byte(&san, 0);
    certs_issue(&pki->certs, &pki->ca, "huge",
                &(struct cert_spec){.name = "gw", .san = (const char *)san.p, .use = "clientAuth"});
    buf_done(&san);
    struct pair p;
    pair_open(&p, pki, "huge", NULL, "room.example");
    run(&p, 4096);
    assert_int_equal(tls_state(p.server), TLS_FAILED);
    assert_string_equal(tls_reason(p.server), "the certificates that were shown are longer than 16 KiB");
    pair_close(&p);
}

static void a_server_of_another_name_is_refused_by_the_client(void **state) {
    static const char *const hosts[] = {"other.example", "127.0.0.2"};
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct pair p;
        pair_open(&p, *state, "good", NULL, hosts[i]);
        run(&p, 4096);
        assert_int_equal(tls_state(p.client), TLS_FAILED);
        assert_int_equal(tls_state(p.server), TLS_FAILED);
        assert_non_null(strstr(tls_reason(p.client), "mismatch"));
        pair_close(&p);
    }
}

static void a_gateway_cannot_pass_for_the_server(void **state) {
    struct pair p;
    pair_open(&p, *state, "good", NULL, "room.example");
    tls_free(&p.server);
    tls_context_free(&p.server_context);
    p.server_context = context(*state, TLS_SERVER, "ca.pem", "good", NULL);
    assert_int_equal(tls_new(p.server_context, NULL, &p.server, NULL), OK);
    run(&p, 4096);
    assert_int_equal(tls_state(p.client), TLS_FAILED);
    pair_close(&p);
}

/* --- lists of revoked certificates --- */

static void a_revoked_certificate_is_refused_and_an_outdated_list_refuses_all(void **state) {
    struct pki *pki = *state;
    struct cert revoked = cert_make(
        &pki->certs, &pki->ca, &(struct cert_spec){.name = "gw", .san = GATEWAY_SAN, .use = "clientAuth"});
    certs_write(&pki->certs, "revoked", &revoked, 1);
    certs_write_crl(&pki->certs, "crl.pem", &pki->ca, revoked.x509, CERTS_DAY_S);
    certs_write_crl(&pki->certs, "old-crl.pem", &pki->ca, NULL, -3600);
    cert_done(&revoked);
    static const struct {
        const char *crl;
        const char *own;
        const char *reason;
    } cases[] = {
        {NULL, "revoked", ""},
        {"crl.pem", "good", ""},
        {"crl.pem", "revoked", "certificate revoked"},
        {"old-crl.pem", "good", "CRL has expired"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair p;
        pair_open(&p, pki, cases[i].own, cases[i].crl, "room.example");
        run(&p, 4096);
        assert_string_equal(tls_reason(p.server), cases[i].reason);
        assert_int_equal(tls_state(p.server), cases[i].reason[0] == '\0' ? TLS_OPEN : TLS_FAILED);
        pair_close(&p);
    }
}

/* --- other clients --- */

/* A client of plain OpenSSL, which does what ours never would. Returns the server's reason. */
static void foreign_client(const struct pki *pki, const unsigned char *alpn, unsigned int alpn_len,
                           int version, char ret_reason[TLS_REASON_SIZE]) {
    struct pair p = {0};
    p.server_context = context(pki, TLS_SERVER, "ca.pem", "server", NULL);
    assert_int_equal(tls_new(p.server_context, NULL, &p.server, NULL), OK);
    char path[CERTS_PATH_SIZE];
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, certs_path(&pki->certs, "good.pem", path)), 1);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(ctx, certs_path(&pki->certs, "good.key", path), SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
    assert_int_equal(alpn_len > 0 ? SSL_CTX_set_alpn_protos(ctx, alpn, alpn_len) : 0, 0);
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    uint8_t bytes[16384];
    for (int round = 0; round < 4; round++) {
        (void)SSL_do_handshake(ssl);
        int n = BIO_read(out, bytes, sizeof bytes);
        assert_int_equal(tls_feed(p.server, bytes, n > 0 ? (size_t)n : 0), OK);
        size_t back = tls_take_cipher(p.server, bytes, sizeof bytes);
        (void)BIO_write(in, bytes, (int)back);
    }
    (void)snprintf(ret_reason, TLS_REASON_SIZE, "%s", tls_reason(p.server));
    assert_int_equal(tls_state(p.server), ret_reason[0] == '\0' ? TLS_OPEN : TLS_FAILED);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    tls_free(&p.server);
    tls_context_free(&p.server_context);
}

static void only_tls_1_3_and_our_protocol_are_spoken(void **state) {
    static const unsigned char ours[] = "\x08http/1.1\x0fpenstock-link/1";
    static const unsigned char http[] = "\x08http/1.1\x02h2";
    static const struct {
        const unsigned char *alpn;
        unsigned int alpn_len;
        int version;
        const char *reason;
    } cases[] = {
        {ours, sizeof ours - 1, TLS1_3_VERSION, ""},
        {ours, sizeof ours - 1, TLS1_2_VERSION, "the other side does not speak TLS 1.3"},
        {http, sizeof http - 1, TLS1_3_VERSION, "the other side does not speak penstock-link/1 (ALPN)"},
        {NULL, 0, TLS1_3_VERSION, "the other side does not say what it speaks (no ALPN)"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char reason[TLS_REASON_SIZE];
        foreign_client(*state, cases[i].alpn, cases[i].alpn_len, cases[i].version, reason);
        assert_string_equal(reason, cases[i].reason);
    }
}

static void bytes_that_are_no_tls_fail_with_a_reason(void **state) {
    static const char *const texts[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
                                        "\x16\x03\x01\xff\xff\x01\xff\xff\xff",
                                        "\xb7\x01\x00\x00\x00\x00\x00\x00"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct pair p = {0};
        p.server_context = context(*state, TLS_SERVER, "ca.pem", "server", NULL);
        assert_int_equal(tls_new(p.server_context, NULL, &p.server, NULL), OK);
        char bytes[64] = {0};
        memcpy(bytes, texts[i], strlen(texts[i]));
        assert_int_equal(tls_feed(p.server, bytes, sizeof bytes), OK);
        assert_int_equal(tls_state(p.server), TLS_FAILED);
        assert_true(tls_reason(p.server)[0] != '\0');
        assert_int_equal(tls_feed(p.server, bytes, sizeof bytes), OK);
        assert_int_equal(tls_read(p.server, bytes, sizeof bytes), 0);
        tls_close(p.server);
        pair_close(&p);
    }
}

/* --- files --- */

static void a_file_that_cannot_be_used_is_named(void **state) {
    struct pki *pki = *state;
    char ca[CERTS_PATH_SIZE];
    char cert[CERTS_PATH_SIZE];
    char key[CERTS_PATH_SIZE];
    char none[CERTS_PATH_SIZE];
    (void)certs_path(&pki->certs, "ca.pem", ca);
    (void)certs_path(&pki->certs, "server.pem", cert);
    (void)certs_path(&pki->certs, "server.key", key);
    (void)certs_path(&pki->certs, "none.pem", none);
    char good_key[CERTS_PATH_SIZE];
    (void)certs_path(&pki->certs, "good.key", good_key);
    const struct {
        struct tls_config cfg;
        const char *where;
    } cases[] = {
        {{TLS_SERVER, none, cert, key, NULL}, none}, {{TLS_SERVER, ca, none, key, NULL}, none},
        {{TLS_SERVER, ca, cert, none, NULL}, none},  {{TLS_SERVER, ca, cert, good_key, NULL}, good_key},
        {{TLS_SERVER, ca, cert, key, none}, none},   {{TLS_SERVER, ca, cert, key, cert}, cert},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_context *c = NULL;
        struct error err = {0};
        assert_int_equal(tls_context_new(&cases[i].cfg, &c, &err), ERR_INVALID);
        assert_string_equal(err.where, cases[i].where);
        assert_null(c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_ends_agree_and_carry_bytes_both_ways),
        cmocka_unit_test(the_address_of_the_server_counts_as_its_name),
        cmocka_unit_test(a_goodbye_is_told_from_an_open_line),
        cmocka_unit_test(the_server_gives_no_tickets),
        cmocka_unit_test(the_server_refuses_each_wrong_certificate_and_says_why),
        cmocka_unit_test(a_certificate_of_enormous_size_is_refused_before_it_is_read),
        cmocka_unit_test(a_server_of_another_name_is_refused_by_the_client),
        cmocka_unit_test(a_gateway_cannot_pass_for_the_server),
        cmocka_unit_test(a_revoked_certificate_is_refused_and_an_outdated_list_refuses_all),
        cmocka_unit_test(only_tls_1_3_and_our_protocol_are_spoken),
        cmocka_unit_test(bytes_that_are_no_tls_fail_with_a_reason),
        cmocka_unit_test(a_file_that_cannot_be_used_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
