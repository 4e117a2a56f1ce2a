/* A file to which lines are appended: what file_sink_write says is written is on the disk. It may be renamed
 * or removed at any time (log rotation): the next write makes a new one under the name. What a crash or a
 * full disk left of a line is taken away before the next one is written (in a file that allows appending only
 * it is ended instead). Blocking; one thread. */
#ifndef PENSTOCK_EXPORT_FILE_SINK_H
#define PENSTOCK_EXPORT_FILE_SINK_H

#include "server/base/slice.h"
#include "server/base/status.h"

enum { FILE_SINK_PATH_MAX = 1023 };

struct file_sink;

/* Writes nothing yet. ERR_TOO_BIG: the path. ERR_NOMEM. */
MUSTCHECK enum status file_sink_new(const char *path, struct file_sink **ret, struct error *err);
/* Whole lines, each ended. ERR_IO: nothing of them counts; try again later. */
MUSTCHECK enum status file_sink_write(struct file_sink *f, struct slice lines, struct error *err);
void file_sink_free(struct file_sink **f);

#endif
