/* What somebody without a certificate can send. The first byte says what the rest is: 0 the body of ENROL, 1
 * a token's text, else a certification request, which is issued for if it is good. What is taken comes back
 * from its own encoding. */
#include "protocol/enrol.h"
#include "server/base/check.h"
#include "server/link/issue.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/link/certs.h"

#include <sys/stat.h>

static void enrol(struct slice body) {
    struct msg_enrol m = {{0}, {0}, {0}};
    struct msg_enrol again = {{0}, {0}, {0}};
    struct buf out;
    if (enrol_decode(body, &m, NULL) != OK) {
        return;
    }
    buf_init(&out, LINK_BODY_MAX_HELLO);
    enrol_encode(&out, &m);
    CHECK(enrol_decode(buf_slice(&out), &again, NULL) == OK);
    CHECK(slice_eq(m.name, again.name));
    CHECK(slice_eq(m.secret, again.secret));
    CHECK(slice_eq(m.request, again.request));
    buf_done(&out);
}

static void token(struct slice text) {
    struct enrol_token t;
    struct enrol_token again;
    char written[ENROL_TOKEN_TEXT_SIZE];
    if (enrol_token_parse(text, &t, NULL) != OK) {
        return;
    }
    enrol_token_format(&t, written);
    CHECK(enrol_token_parse(slice_str(written), &again, NULL) == OK);
    CHECK(memcmp(&t, &again, sizeof t) == 0);
}

static struct issuer *make_issuer(void) {
    struct certs certs;
    struct issuer *issuer = NULL;
    char ca_file[CERTS_PATH_SIZE];
    char key_file[CERTS_PATH_SIZE];
    certs_init(&certs);
    struct cert ca = cert_make(
        &certs, NULL, &(struct cert_spec){.name = "ca", .authority = true, .to_s = 200 * CERTS_DAY_S});
    certs_write(&certs, "ca", &ca, 1);
    CHECK(chmod(certs_path(&certs, "ca.key", key_file), 0600) == 0);
    CHECK(issuer_new(certs_path(&certs, "ca.pem", ca_file), key_file, &issuer, NULL) == OK);
    cert_done(&ca);
    certs_done(&certs);
    return issuer;
}

static void request(struct slice der) {
    static struct issuer *issuer; /* lives as long as the program */
    struct issued made;
    issuer = issuer == NULL ? make_issuer() : issuer;
    if (issue(issuer, der, "gw", INT64_C(1790000000000000), &made, NULL) == OK) {
        CHECK(made.pem_n > 0);
        CHECK(made.certificate.key_n > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct slice rest = slice_of(data + 1, size - 1);
    if (data[0] == 0) {
        enrol(rest);
    } else if (data[0] == 1) {
        token(rest);
    } else {
        request(rest);
    }
    return 0;
}
