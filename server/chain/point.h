/* Checkpoints of the chain: "at this place the chain had this hash", signed with an Ed25519 key that the
 * database does not have. They stand in the database and in every export; one that was exported is the anchor
 * against a chain that was written anew or lost its tail. Keys are texts (PEM) here; files are the caller's.
 * Pure. */
#ifndef PENSTOCK_CHAIN_POINT_H
#define PENSTOCK_CHAIN_POINT_H

#include "server/chain/chain.h"

enum { POINT_SIGNATURE_SIZE = 64, POINT_KEYS_MAX = 16, POINT_LINE_MAX = 512, POINT_PEM_MAX = 4096 };

struct point {
    int64_t pos;
    uint8_t hash[CHAIN_HASH_SIZE];
    int64_t at_us;
    uint8_t key_id[CHAIN_HASH_SIZE]; /* SHA-256 of the public key's DER */
    uint8_t signature[POINT_SIGNATURE_SIZE];
};

struct point_key;  /* private */
struct point_keys; /* public ones: up to POINT_KEYS_MAX, for keys are changed now and then */

/* A new key: its private PEM text and its public one. */
MUSTCHECK enum status point_key_make(struct buf *ret_private, struct buf *ret_public, struct error *err);
/* ERR_INVALID: no Ed25519 key in it. */
MUSTCHECK enum status point_key_read(struct slice pem, struct point_key **ret, struct error *err);
void point_key_free(struct point_key **key);
/* Fills key_id and signature. */
MUSTCHECK enum status point_sign(const struct point_key *key, struct point *p, struct error *err);

MUSTCHECK enum status point_keys_read(struct slice pem, struct point_keys **ret, struct error *err);
void point_keys_free(struct point_keys **keys);
/* OK: signed by one of them. ERR_NOT_FOUND: by none of these keys. ERR_INVALID: the signature is wrong. */
MUSTCHECK enum status point_check(const struct point_keys *keys, const struct point *p, struct error *err);

/* Appends it as a JSON object on one line, without a line feed: {"checkpoint": pos, "hash": hex, "at": time,
 * "at_us": …, "key": hex, "signature": hex}. */
void point_json(struct buf *out, const struct point *p);
/* ERR_NOT_FOUND: the line is something else. ERR_INVALID: it is a broken checkpoint. */
MUSTCHECK enum status point_parse(struct slice line, struct point *ret, struct error *err);

#endif
