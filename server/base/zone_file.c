#include "server/base/zone_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILE_MAX = 1 << 20, NAME_MAX_SIZE = 100 };

static bool is_plain(const char *name) {
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_SIZE || name[0] == '/' || name[n - 1] == '/' || strstr(name, "..") != NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool word = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!word && strchr("/_-+", c) == NULL) {
            return false;
        }
    }
    return true;
}

enum status zone_load(const char *name, struct arena *arena, struct zone **ret, struct error *err) {
    if (!is_plain(name)) {
        return error_set(
            err, ERR_INVALID, "time zone",
            "this is no name of a time zone; a name such as Europe/Berlin or UTC would be right");
    }
    char path[160];
    (void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    struct stat about = {0};
    FILE *file = stat(path, &about) == 0 && S_ISREG(about.st_mode) ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        return error_set(
            err, ERR_NOT_FOUND, "time zone",
            "%s is not there; a name of the tz database (package tzdata) such as Europe/Berlin would be "
            "right",
            path);
    }
    enum status status = OK;
    char *room = malloc(FILE_MAX);
    if (room == NULL) {
        status = error_set(err, ERR_NOMEM, "time zone", "no memory to read %s", path);
        goto out;
    }
    size_t n = fread(room, 1, FILE_MAX, file);
    if (ferror(file) != 0) {
        status = error_set(err, ERR_IO, "time zone", "%s cannot be read", path);
        goto out;
    }
    status = zone_read(slice_of(room, n), arena, ret, err);
    if (status != OK) {
        (void)error_wrap(err, path);
    }
out:
    free(room);
    (void)fclose(file);
    return status;
}
