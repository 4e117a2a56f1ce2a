/* A real PostgreSQL for a test program: a cluster of its own in a temporary directory (deploy/cluster), one
 * database for each test. A guardian process takes the cluster away when the program ends, however it ends.
 * Blocking; everything that goes wrong ends the program with a message. Header only; run from the checkout's
 * top. */
#ifndef PENSTOCK_TESTS_PGTEST_H
#define PENSTOCK_TESTS_PGTEST_H

#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Room for the clusters of all programs that run at the same time, with some to spare. */
#define PGTEST_ROOM (UINT64_C(8) << 30)

struct pgtest {
    char dir[64];
    char cluster[512];  /* conninfo of the cluster's first database */
    char conninfo[512]; /* of the present test's database, as its owner */
    char server[544];   /* … as the server's role, once the schema is there */
    uint32_t databases;
    int guardian_pipe; /* its end tells the guardian */
    pid_t guardian;
};

__attribute__((noreturn, format(printf, 1, 2))) static inline void pgtest_die(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    _exit(1);
}

/* Runs deploy/cluster; its output, without the newline, goes to text (may be NULL). Returns the exit status.
 */
static inline int pgtest_cluster(const char *command, const char *dir, const char *option, char *text,
                                 size_t size) {
    int out[2];
    if (pipe2(out, O_CLOEXEC) != 0) {
        pgtest_die("pipe failed");
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)execl("deploy/cluster", "deploy/cluster", command, dir, option, (char *)NULL);
        _exit(127);
    }
    (void)close(out[1]);
    size_t n = 0;
    char scrap[512];
    ssize_t got = 0;
    while ((got = read(out[0], scrap, sizeof scrap)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (text != NULL && n + 1 < size && scrap[i] != '\n') {
                text[n++] = scrap[i];
            }
        }
    }
    (void)close(out[0]);
    if (text != NULL) {
        text[n] = '\0';
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        pgtest_die("cannot run deploy/cluster");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static inline void pgtest_remove(const char *dir) {
    pid_t pid = fork();
    if (pid == 0) {
        (void)execlp("rm", "rm", "-rf", "--", dir, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(pid, NULL, 0);
}

static inline void pgtest_start(struct pgtest *t) {
    *t = (struct pgtest){.databases = 0};
    (void)snprintf(t->dir, sizeof t->dir, "%s/penstock-pg-XXXXXX", scratch_place(PGTEST_ROOM));
    /* The server may run as another user, who must get through. */
    if (mkdtemp(t->dir) == NULL || chmod(t->dir, 0755) != 0) {
        pgtest_die("cannot make %s", t->dir);
    }
    int alive[2];
    if (pipe2(alive, O_CLOEXEC) != 0) {
        pgtest_die("pipe failed");
    }
    char path[96];
    (void)snprintf(path, sizeof path, "%s/pg", t->dir);
    t->guardian = fork();
    if (t->guardian == 0) {
        char byte = 0;
        (void)setsid(); /* what ends the test's process group must not end who cleans up */
        (void)close(alive[1]);
        while (read(alive[0], &byte, 1) > 0) {
        }
        (void)pgtest_cluster("stop", path, "immediate", NULL, 0);
        pgtest_remove(t->dir);
        _exit(0);
    }
    (void)close(alive[0]);
    t->guardian_pipe = alive[1];
    if (pgtest_cluster("start", path, NULL, t->cluster, sizeof t->cluster) != 0) {
        pgtest_die("deploy/cluster start failed");
    }
    (void)snprintf(t->conninfo, sizeof t->conninfo, "%s", t->cluster);
}

static inline void pgtest_stop(struct pgtest *t) {
    (void)close(t->guardian_pipe);
    (void)waitpid(t->guardian, NULL, 0);
}

/* Stops and starts the server itself. mode: "fast" or "immediate". */
static inline void pgtest_server_stop(const struct pgtest *t, const char *mode) {
    char path[96];
    (void)snprintf(path, sizeof path, "%s/pg", t->dir);
    if (pgtest_cluster("stop", path, mode, NULL, 0) != 0) {
        pgtest_die("deploy/cluster stop failed");
    }
}

static inline void pgtest_server_start(const struct pgtest *t) {
    char path[96];
    (void)snprintf(path, sizeof path, "%s/pg", t->dir);
    if (pgtest_cluster("start", path, NULL, NULL, 0) != 0) {
        pgtest_die("deploy/cluster start failed");
    }
}

/* First field of the first row as text; "" if there is none. In conninfo's database. */
static inline void pgtest_text_at(const char *conninfo, const char *sql, char *ret, size_t size) {
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *r = PQexec(conn, sql);
    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK) {
        pgtest_die("%s: %s", sql, PQerrorMessage(conn));
    }
    (void)snprintf(ret, size, "%s", PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    PQfinish(conn);
}

__attribute__((format(printf, 2, 3))) static inline int64_t pgtest_number(const struct pgtest *t,
                                                                          const char *fmt, ...) {
    char sql[4096];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(sql, sizeof sql, fmt, args);
    va_end(args);
    char text[64];
    pgtest_text_at(t->conninfo, sql, text, sizeof text);
    return strtoll(text, NULL, 10);
}

__attribute__((format(printf, 2, 3))) static inline void pgtest_do(const struct pgtest *t, const char *fmt,
                                                                   ...) {
    char sql[4096];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(sql, sizeof sql, fmt, args);
    va_end(args);
    char text[64];
    pgtest_text_at(t->conninfo, sql, text, sizeof text);
}

/* A fresh, empty database for the present test. */
static inline void pgtest_fresh_database(struct pgtest *t) {
    char sql[128];
    char text[64];
    t->databases++;
    (void)snprintf(sql, sizeof sql, "create database test%u", t->databases);
    pgtest_text_at(t->cluster, sql, text, sizeof text);
    /* The last value of a keyword counts. */
    (void)snprintf(t->conninfo, sizeof t->conninfo, "%s dbname=test%u", t->cluster, t->databases);
    (void)snprintf(t->server, sizeof t->server, "%s user=penstock_app", t->conninfo);
}

/* The first COMMIT that inserts into this table comes with a warning, as when the wait for a standby is
 * cancelled: it is done, but its answer must be taken as unknown. */
static inline void pgtest_doubt_first_commit(const struct pgtest *t, const char *table) {
    pgtest_do(t, "create sequence doubt_%s", table);
    pgtest_do(
        t,
        "create function doubt_%s() returns trigger language plpgsql as $$ begin"
        " if nextval('doubt_%s') = 1 then raise warning 'canceling wait for synchronous replication'; end if;"
        " return null; end $$",
        table, table);
    pgtest_do(t,
              "create constraint trigger doubt after insert on %s initially deferred"
              " for each row execute function doubt_%s()",
              table, table);
}

#endif
