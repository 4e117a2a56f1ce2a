/* The main() of a fuzz target without the fuzzer: gives it every file of the folders that are named. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum { INPUT_MAX = 1 << 20 };

/* False if it cannot be read. */
static bool replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    uint8_t *room = malloc(INPUT_MAX);
    if (file == NULL || room == NULL) {
        (void)fprintf(stderr, "%s cannot be read\n", path);
        free(room);
        if (file != NULL) {
            (void)fclose(file);
        }
        return false;
    }
    size_t n = fread(room, 1, INPUT_MAX, file);
    (void)fclose(file);
    /* In memory of just its size, so that the sanitizer sees a read of one byte too many. */
    uint8_t *exact = malloc(n > 0 ? n : 1);
    CHECK(exact != NULL);
    memcpy(exact, room, n);
    free(room);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return true;
}

static bool replay_folder(const char *path, unsigned *count) {
    DIR *folder = opendir(path);
    if (folder == NULL) {
        (void)fprintf(stderr, "%s is no folder that can be read\n", path);
        return false;
    }
    bool good = true;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char name[1024];
        if (entry->d_name[0] != '.') {
            (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
            good = replay_file(name) && good;
            (*count)++;
        }
    }
    (void)closedir(folder);
    return good;
}

int main(int argc, char **argv) {
    bool good = true;
    unsigned count = 0;
    for (int i = 1; i < argc; i++) {
        good = replay_folder(argv[i], &count) && good;
    }
    (void)printf("%u inputs replayed\n", count);
    const char *missed = fuzz_not_reached == NULL ? NULL : fuzz_not_reached();
    if (missed != NULL) {
        (void)fprintf(stderr, "no input reaches: %s\n", missed);
        return EXIT_FAILURE;
    }
    return good && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
