/* The one error vocabulary. A function that can fail returns enum status (OK is 0) and is MUSTCHECK; the
 * detail for a person goes to a caller's struct error: where it is, what was wrong, what would be right. A
 * NULL error is allowed everywhere and means that the caller wants only the code. Nothing here allocates. */
#ifndef PENSTOCK_BASE_STATUS_H
#define PENSTOCK_BASE_STATUS_H

#define MUSTCHECK               __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

enum status {
    OK = 0,
    ERR_INVALID, /* what was given breaks a rule */
    ERR_TOO_BIG, /* over a limit; the text names the limit */
    ERR_FULL,    /* a bounded queue, table or buffer has no room now */
    ERR_NOT_FOUND,
    ERR_EXISTS,
    ERR_CONFLICT,    /* somebody changed it meanwhile */
    ERR_WRONG_STATE, /* not in this state */
    ERR_DENIED,      /* known who, not allowed */
    ERR_UNSUPPORTED, /* from a newer version, or switched off */
    ERR_NOMEM,
    ERR_IO,
    ERR_UNAVAILABLE, /* the other side (database, gateway) is away */
    ERR_TIMEOUT,
    ERR_INTERNAL,
    ERR_NO_SPACE, /* a disk is full: the same may succeed when somebody has made room */
};

struct error {
    enum status code;
    char where[160]; /* file:line, JSON Pointer, field, frame offset */
    char text[480];  /* what was wrong and what would be right; UTF-8, cut at a character's border */
};

/* Fills err (if not NULL) and returns code, so that a failing branch is one statement. */
enum status error_set(struct error *err, enum status code, const char *where, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

#ifdef __clang_analyzer__
/* The analyzer does not look into other files: this tells it that the code comes back, which is never OK. */
#define error_set(err, code, ...) ((void)(error_set)((err), (code), __VA_ARGS__), (code))
#endif

/* Puts "context: " before err's text; for a caller who knows more about what it was doing. Returns err's
 * code. */
enum status error_wrap(struct error *err, const char *context);

/* The stable name of a code ("not_found"), for logs and the REST interface. */
const char *status_name(enum status code);

#endif
