#include "server/chain/point.h"

#include "server/base/tm.h"

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = POINT_KEYS_MAX * POINT_PEM_MAX };

struct one {
    EVP_PKEY *key;
    uint8_t id[CHAIN_HASH_SIZE];
};

struct point_key {
    struct one one;
};

struct point_keys {
    uint32_t n;
    struct one v[POINT_KEYS_MAX];
};

/* --- keys --- */

/* Takes the key; false if it is no Ed25519 key. */
static bool take_key(EVP_PKEY *key, struct one *ret) {
    unsigned char *der = NULL;
    int n = key != NULL && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 ? i2d_PUBKEY(key, &der) : -1;
    if (n <= 0) {
        EVP_PKEY_free(key);
        ERR_clear_error();
        return false;
    }
    SHA256(der, (size_t)n, ret->id);
    OPENSSL_free(der);
    ret->key = key;
    return true;
}

static BIO *open_text(struct slice pem) {
    return pem.n > 0 && pem.n <= TEXT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

static void copy_text(BIO *from, struct buf *to) {
    char *p = NULL;
    long n = BIO_get_mem_data(from, &p);
    buf_append(to, p, n > 0 ? (size_t)n : 0);
}

enum status point_key_make(struct buf *ret_private, struct buf *ret_public, struct error *err) {
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *secret = BIO_new(BIO_s_secmem());
    BIO *open = BIO_new(BIO_s_mem());
    bool done = key != NULL && secret != NULL && open != NULL &&
                PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1 &&
                PEM_write_bio_PUBKEY(open, key) == 1;
    if (done) {
        copy_text(secret, ret_private);
        copy_text(open, ret_public);
    }
    BIO_free(secret);
    BIO_free(open);
    EVP_PKEY_free(key);
    ERR_clear_error();
    done = done && !ret_private->failed && !ret_public->failed;
    return done ? OK : error_set(err, ERR_NOMEM, "key", "no key could be made");
}

enum status point_key_read(struct slice pem, struct point_key **ret, struct error *err) {
    struct point_key *k = calloc(1, sizeof *k);
    BIO *in = open_text(pem);
    char none[] = ""; /* the password of an encrypted key: nobody is there to be asked */
    EVP_PKEY *key = in == NULL ? NULL : PEM_read_bio_PrivateKey(in, NULL, NULL, none);
    BIO_free(in);
    if (k == NULL || !take_key(key, &k->one)) {
        free(k);
        ERR_clear_error();
        return error_set(err, ERR_INVALID, "key",
                         "wants an Ed25519 private key in PEM, as \"penstock audit key FILE\" makes it");
    }
    *ret = k;
    return OK;
}

void point_key_free(struct point_key **key) {
    if (*key != NULL) {
        EVP_PKEY_free((*key)->one.key);
        free(*key);
        *key = NULL;
    }
}

enum status point_keys_read(struct slice pem, struct point_keys **ret, struct error *err) {
    struct point_keys *k = calloc(1, sizeof *k);
    BIO *in = open_text(pem);
    EVP_PKEY *key = NULL;
    bool good = k != NULL && in != NULL;
    while (good && (key = PEM_read_bio_PUBKEY(in, NULL, NULL, NULL)) != NULL) {
        if (k->n == POINT_KEYS_MAX) {
            EVP_PKEY_free(key);
            good = false;
        } else {
            good = take_key(key, &k->v[k->n]);
            k->n += good ? 1 : 0;
        }
    }
    BIO_free(in);
    ERR_clear_error();
    if (!good || k->n == 0) {
        point_keys_free(&k);
        return error_set(err, ERR_INVALID, "key", "wants 1 to %d Ed25519 public keys in PEM", POINT_KEYS_MAX);
    }
    *ret = k;
    return OK;
}

void point_keys_free(struct point_keys **keys) {
    if (*keys == NULL) {
        return;
    }
    for (uint32_t i = 0; i < (*keys)->n; i++) {
        EVP_PKEY_free((*keys)->v[i].key);
    }
    free(*keys);
    *keys = NULL;
}

/* --- signatures --- */

static void signed_text(const struct point *p, struct buf *out) {
    buf_printf(out, "penstock checkpoint 1\n%lld\n", (long long)p->pos);
    chain_hex(out, p->hash, CHAIN_HASH_SIZE);
    buf_printf(out, "\n%lld\n", (long long)p->at_us);
}

enum status point_sign(const struct point_key *key, struct point *p, struct error *err) {
    struct buf text;
    buf_init(&text, POINT_LINE_MAX);
    signed_text(p, &text);
    size_t n = POINT_SIGNATURE_SIZE;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = !text.failed && ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->one.key) == 1 &&
                EVP_DigestSign(ctx, p->signature, &n, text.p, text.n) == 1 && n == POINT_SIGNATURE_SIZE;
    memcpy(p->key_id, key->one.id, CHAIN_HASH_SIZE);
    EVP_MD_CTX_free(ctx);
    buf_done(&text);
    ERR_clear_error();
    return done ? OK : error_set(err, ERR_NOMEM, "key", "the checkpoint could not be signed");
}

static bool signature_is_right(const struct one *one, const struct point *p) {
    struct buf text;
    buf_init(&text, POINT_LINE_MAX);
    signed_text(p, &text);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool right = !text.failed && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, one->key) == 1 &&
                 EVP_DigestVerify(ctx, p->signature, POINT_SIGNATURE_SIZE, text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    buf_done(&text);
    ERR_clear_error();
    return right;
}

enum status point_check(const struct point_keys *keys, const struct point *p, struct error *err) {
    for (uint32_t i = 0; i < keys->n; i++) {
        if (memcmp(keys->v[i].id, p->key_id, CHAIN_HASH_SIZE) == 0) {
            return signature_is_right(&keys->v[i], p)
                       ? OK
                       : error_set(err, ERR_INVALID, "checkpoint", "the signature at position %lld is wrong",
                                   (long long)p->pos);
        }
    }
    return error_set(err, ERR_NOT_FOUND, "checkpoint",
                     "position %lld is signed with a key that was not given", (long long)p->pos);
}

/* --- text --- */

void point_json(struct buf *out, const struct point *p) {
    char at[TM_TEXT_SIZE] = "";
    if (tm_format(p->at_us, at) != OK) {
        at[0] = '\0';
    }
    buf_printf(out, "{\"checkpoint\":%lld,\"hash\":\"", (long long)p->pos);
    chain_hex(out, p->hash, CHAIN_HASH_SIZE);
    buf_printf(out, "\",\"at\":\"%s\",\"at_us\":%lld,\"key\":\"", at, (long long)p->at_us);
    chain_hex(out, p->key_id, CHAIN_HASH_SIZE);
    buf_text(out, "\",\"signature\":\"");
    chain_hex(out, p->signature, POINT_SIGNATURE_SIZE);
    buf_text(out, "\"}");
}

static bool take_hex(const json_t *object, const char *name, uint8_t *ret, size_t n) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && chain_unhex(text, ret, n);
}

enum status point_parse(struct slice line, struct point *ret, struct error *err) {
    static const char begin[] = "{\"checkpoint\":";
    size_t n = sizeof begin - 1;
    if (line.n < n || memcmp(line.p, begin, n) != 0) {
        return error_set(err, ERR_NOT_FOUND, "checkpoint", "is something else");
    }
    json_t *root = line.n > POINT_LINE_MAX ? NULL : json_loadb(line.p, line.n, 0, NULL);
    struct point p = {.pos = json_integer_value(json_object_get(root, "checkpoint")),
                      .at_us = json_integer_value(json_object_get(root, "at_us"))};
    bool good = p.pos >= 1 && take_hex(root, "hash", p.hash, CHAIN_HASH_SIZE) &&
                take_hex(root, "key", p.key_id, CHAIN_HASH_SIZE) &&
                take_hex(root, "signature", p.signature, POINT_SIGNATURE_SIZE);
    json_decref(root);
    if (!good) {
        return error_set(err, ERR_INVALID, "checkpoint", "the line is no whole checkpoint");
    }
    *ret = p;
    return OK;
}
