/* A record from quarantine, read again with the dictionaries that are stored and the configuration in force:
 * what it says, as text for people as far as it can be read, and whether it could be used now. Pure but for
 * memory. The effect is that of a record that is taken when it comes, as far as it is not of the moment: DATA
 * goes to history, a DICT to the dictionaries, an EVENT to the audit and, if it tells what is lost, to the
 * ledger; CMD_RESULT and CFG_RESULT to the audit. */
#ifndef PENSTOCK_LINK_REPLAY_H
#define PENSTOCK_LINK_REPLAY_H

#include "server/link/link.h"
#include "server/link/told.h"

enum { REPLAY_LINES_MAX = 200 };

struct replay {
    uint8_t type;
    struct slice body; /* with its prefix */
    uint64_t epoch;
    const struct link_dict *dicts; /* of this epoch, in order of (dict, part) */
    uint32_t n_dicts;
    const struct model *model;
    uint32_t gateway;       /* index in the model; MODEL_NONE: it is not configured any more */
    struct sample *samples; /* room for LINK_SAMPLES_MAX */
};

struct replay_result {
    bool usable;
    struct error fault;      /* why not */
    uint32_t n_samples;      /* in replay.samples: those whose tags the configuration knows; values as sent */
    uint32_t unknown;        /* samples of other tags */
    struct told_record told; /* of a usable EVENT, CMD_RESULT or CFG_RESULT; else told.action is NULL */
};

/* text: lines, each with its end; at most REPLAY_LINES_MAX and a last one that says that there are more. */
void replay_read(const struct replay *in, struct buf *text, struct replay_result *ret);

#endif
