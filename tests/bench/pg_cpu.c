#include "tests/bench/pg_cpu.h"

#include "tests/bench/bench.h"

#include <dirent.h>
#include <string.h>

/* Fields of /proc/PID/stat, counted from 1 (proc(5)). */
enum { FIELD_STATE = 3, FIELD_PARENT = 4, FIELD_UTIME = 14, FIELD_STIME, FIELD_CUTIME, FIELD_CSTIME, FIELDS };

static int read_stat(const char *pid, uint64_t ret[FIELDS]) {
    char name[64];
    char text[1024];
    (void)snprintf(name, sizeof name, "/proc/%.32s/stat", pid);
    FILE *f = fopen(name, "re");
    size_t n = f == NULL ? 0 : fread(text, 1, sizeof text - 1, f);
    if (f != NULL) {
        (void)fclose(f);
    }
    text[n] = '\0';
    /* The second field is the program's name in parentheses, and may have anything in it. */
    char *at = strrchr(text, ')');
    if (at == NULL || strlen(at) < 4) {
        return 0;
    }
    at += 4; /* behind ") S" */
    for (int field = FIELD_PARENT; field < FIELDS; field++) {
        ret[field] = strtoull(at, &at, 10);
    }
    return 1;
}

double pg_cpu_s(uint64_t postmaster) {
    DIR *proc = opendir("/proc");
    bench_need(proc != NULL, "/proc");
    uint64_t ticks = 0;
    int found = 0;
    const struct dirent *entry = NULL;
    while ((entry = readdir(proc)) != NULL) {
        uint64_t stat[FIELDS] = {0};
        uint64_t pid = strtoull(entry->d_name, NULL, 10);
        if (pid == 0 || !read_stat(entry->d_name, stat)) {
            continue;
        }
        if (pid == postmaster) {
            found = 1;
            ticks += stat[FIELD_UTIME] + stat[FIELD_STIME] + stat[FIELD_CUTIME] + stat[FIELD_CSTIME];
        } else if (stat[FIELD_PARENT] == postmaster) {
            ticks += stat[FIELD_UTIME] + stat[FIELD_STIME];
        }
    }
    (void)closedir(proc);
    bench_need(found, "postmaster");
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}
