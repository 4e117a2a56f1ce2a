#include "server/export/syslog_text.h"

#include "server/base/tm.h"
#include "server/base/utf8.h"

#include <string.h>

enum { HEAD_MAX = 1024 };

static bool is_printable(const char *text) {
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '!' || *p > '~') {
            return false;
        }
    }
    return text[0] != '\0' && strlen(text) <= SYSLOG_HOST_MAX;
}

static bool is_ascii(struct slice v) {
    for (size_t i = 0; i < v.n; i++) {
        if ((unsigned char)v.p[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static void put_head(struct buf *head, const struct syslog_text *m, bool cut, bool ascii) {
    char at[TM_TEXT_SIZE];
    buf_printf(head, "<109>1 %s %s penstock %d %s [penstock@32473 pos=\"%lld\" id=\"%lld\" hash=\"",
               tm_format(m->at_us, at) == OK ? at : "-", is_printable(m->host) ? m->host : "-", m->pid, m->id,
               (long long)m->pos, (long long)m->row_id);
    chain_hex(head, m->hash, CHAIN_HASH_SIZE);
    /* A text that is UTF-8 begins with its mark (RFC 5424 6.4). */
    buf_printf(head, "\"%s] %s", cut ? " cut=\"1\"" : "", ascii ? "" : "\xef\xbb\xbf");
}

void syslog_text(struct buf *out, const struct syslog_text *m) {
    struct buf head;
    buf_init(&head, HEAD_MAX);
    bool ascii = is_ascii(m->json);
    put_head(&head, m, false, ascii);
    struct slice text = m->json;
    if (head.n + text.n > SYSLOG_TEXT_MAX) {
        buf_clear(&head);
        put_head(&head, m, true, ascii);
        text.n = utf8_valid_prefix(text.p, SYSLOG_TEXT_MAX - head.n);
    }
    buf_printf(out, "%zu ", head.n + text.n);
    buf_append(out, head.p, head.n);
    buf_append(out, text.p, text.n);
    out->failed = out->failed || head.failed;
    buf_done(&head);
}
