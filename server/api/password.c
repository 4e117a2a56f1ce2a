#include "server/api/password.h"

#include "server/base/check.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum job_kind { JOB_VERIFY, JOB_HASH };

struct job {
    uv_work_t work;
    struct passwords *owner;
    struct job *next;
    enum job_kind kind;
    char password[PASSWORD_MAX + 1];
    char hash[PASSWORD_HASH_SIZE];
    unsigned long long passes;
    size_t memory;
    bool ok;
    password_done done;
    void *ctx;
};

struct passwords {
    uv_loop_t *loop;
    unsigned long long passes;
    size_t memory;
    uint32_t running;
    uint32_t waiting;
    struct job *first;
    struct job **last;
    bool stopping;
    void (*on_stopped)(void *ctx);
    void *stop_ctx;
};

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "libsodium's text fits");

enum { MEMORY_DEFAULT_MIB = 64, MEMORY_MIN_MIB = 8, MEMORY_MAX_MIB = 1024, PASSES = 2 };

enum status passwords_new(uv_loop_t *loop, uint32_t memory_mib, struct passwords **ret, struct error *err) {
    uint32_t mib = memory_mib == 0 ? MEMORY_DEFAULT_MIB : memory_mib;
    if (mib < MEMORY_MIN_MIB || mib > MEMORY_MAX_MIB) {
        return error_set(err, ERR_INVALID, "password memory", "%u MiB is not within %d to %d MiB", mib,
                         MEMORY_MIN_MIB, MEMORY_MAX_MIB);
    }
    if (sodium_init() < 0) {
        return error_set(err, ERR_IO, "libsodium", "it cannot be initialised");
    }
    struct passwords *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return error_set(err, ERR_NOMEM, "passwords", "out of memory");
    }
    p->loop = loop;
    p->passes = PASSES;
    p->memory = (size_t)mib * 1024 * 1024;
    p->last = &p->first;
    *ret = p;
    return OK;
}

/* In a thread of the pool: sees nothing but its job. */
static void on_work(uv_work_t *work) {
    struct job *j = work->data;
    if (j->kind == JOB_VERIFY && j->hash[0] != '\0') {
        j->ok = crypto_pwhash_str_verify(j->hash, j->password, strlen(j->password)) == 0;
        return;
    }
    bool hashed = crypto_pwhash_str(j->hash, j->password, strlen(j->password), j->passes, j->memory) == 0;
    j->ok = hashed && j->kind == JOB_HASH;
}

static void start(struct job *j);

static void finish(struct job *j, bool ok) {
    password_done done = j->done;
    void *ctx = j->ctx;
    char hash[PASSWORD_HASH_SIZE] = "";
    if (ok && j->kind == JOB_HASH) {
        memcpy(hash, j->hash, sizeof hash);
    }
    sodium_memzero(j, sizeof *j);
    free(j);
    done(ctx, ok, hash);
}

static void on_worked(uv_work_t *work, int rc) {
    struct job *j = work->data;
    struct passwords *p = j->owner;
    p->running--;
    finish(j, rc == 0 && j->ok);
    if (p->first != NULL && !p->stopping) {
        struct job *next = p->first;
        p->first = next->next;
        p->last = p->first == NULL ? &p->first : p->last;
        p->waiting--;
        start(next);
    }
    if (p->stopping && p->running == 0) {
        p->on_stopped(p->stop_ctx);
    }
}

static void start(struct job *j) {
    j->work.data = j;
    j->owner->running++;
    int rc = uv_queue_work(j->owner->loop, &j->work, on_work, on_worked);
    CHECK(rc == 0); /* it refuses only a missing callback */
}

static enum status submit(struct passwords *p, struct job job) {
    size_t n = strlen(job.password);
    struct job *j = NULL;
    if (!p->stopping && p->waiting < PASSWORD_WAITING_MAX) {
        j = malloc(sizeof *j);
    }
    if (j == NULL) {
        sodium_memzero(job.password, n);
        return ERR_FULL;
    }
    *j = job;
    sodium_memzero(job.password, n);
    if (p->running < PASSWORD_RUNNING_MAX) {
        start(j);
        return OK;
    }
    *p->last = j;
    p->last = &j->next;
    p->waiting++;
    return OK;
}

static struct job job_of(struct passwords *p, enum job_kind kind, const char *password, password_done done,
                         void *ctx) {
    struct job job = {
        .owner = p, .kind = kind, .passes = p->passes, .memory = p->memory, .done = done, .ctx = ctx};
    size_t n = strlen(password);
    CHECK(n <= PASSWORD_MAX);
    memcpy(job.password, password, n + 1);
    return job;
}

enum status passwords_verify(struct passwords *p, const char *password, const char *hash, password_done done,
                             void *ctx) {
    struct job job = job_of(p, JOB_VERIFY, password, done, ctx);
    size_t n = strlen(hash);
    CHECK(n < sizeof job.hash);
    memcpy(job.hash, hash, n + 1);
    return submit(p, job);
}

enum status passwords_hash(struct passwords *p, const char *password, password_done done, void *ctx) {
    return submit(p, job_of(p, JOB_HASH, password, done, ctx));
}

void passwords_stop(struct passwords *p, void (*on_stopped)(void *ctx), void *ctx) {
    CHECK(!p->stopping);
    p->stopping = true;
    p->on_stopped = on_stopped;
    p->stop_ctx = ctx;
    struct job *j = p->first;
    p->first = NULL;
    while (j != NULL) {
        struct job *next = j->next;
        finish(j, false);
        j = next;
    }
    if (p->running == 0) {
        on_stopped(ctx);
    }
}

void passwords_free(struct passwords **p) {
    free(*p);
    *p = NULL;
}
