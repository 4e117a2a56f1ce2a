// The alarms of the fake server: what can be asked of them, and what is told of them. It keeps to the replies and letters of the
// contract, so that every screen has something to show; it is no alarm core.
import * as plant from './fake-plant.mjs';

export const iso = (ms) => new Date(ms).toISOString().replace('Z', '000Z');

const TEXTS = {
  OK: 'done',
  ALREADY: 'is so already',
  STALE_CALL: 'it has rung again since; look at it, then acknowledge',
  E_UNKNOWN: 'there is no such alarm',
  E_CALL: 'there is no such call',
  E_COMMENT: 'this alarm is acknowledged with a comment only; write one',
  E_REASON: 'say why',
  E_NOT_ACKED: 'acknowledge it first',
  E_NOT_CONFIRMED: 'confirm it first',
  E_NOT_CONFIRMABLE: 'there is nothing to confirm',
  E_NOT_LATCHED: 'it is not latched',
  E_ACTIVE: 'it is active; reset it after it has returned',
  E_SHELVE_TIME: 'the time must be more than 0 and at most what the alarm allows',
  E_NOT_SHELVABLE: 'this alarm may not be shelved',
  E_NOT_SHELVED: 'it is not shelved',
  E_NOT_SUPPRESSED: 'this source does not suppress it',
  E_OOS: 'it is out of service',
  E_NOT_OOS: 'it is in service',
  E_DISABLED: 'it is disabled',
  E_FORBIDDEN: 'your role may not do this',
};

const ENGINEERS = new Set(['suppress', 'unsuppress', 'oos', 'in_service', 'zero', 'disable', 'enable']);
const RANKS = { viewer: 0, operator: 1, engineer: 2, admin: 3 };

const unackedBase = (base) => 'BDE'.includes(base);
const activeBase = (base) => 'BC'.includes(base);

/** What is wrong with a request; nothing: it is done. */
const JUDGES = {
  ack(a, { call }, commented) {
    if (call > a.call) return 'E_CALL';
    if (call < a.call && !a.chatter) return 'STALE_CALL';
    if (!unackedBase(a.base)) return 'ALREADY';
    return a.comment_required && !commented ? 'E_COMMENT' : undefined;
  },
  confirm(a) {
    if (!a.confirm_due) return 'E_NOT_CONFIRMABLE';
    return unackedBase(a.base) ? 'E_NOT_ACKED' : undefined;
  },
  reset(a) {
    if (!a.latched) return 'E_NOT_LATCHED';
    if (activeBase(a.base)) return 'E_ACTIVE';
    if (unackedBase(a.base)) return 'E_NOT_ACKED';
    return a.confirm_due ? 'E_NOT_CONFIRMED' : undefined;
  },
  shelve(a, { duration_s }, reasoned) {
    if (!a.shelvable) return 'E_NOT_SHELVABLE';
    if (a.out_of_service !== null) return 'E_OOS';
    if (!reasoned) return 'E_REASON';
    return duration_s > 0 && duration_s <= a.max_shelve_s ? undefined : 'E_SHELVE_TIME';
  },
  unshelve: (a) => (a.shelved === null ? 'E_NOT_SHELVED' : undefined),
  suppress: (a, { source }) => (a.suppressed_by.includes(source) ? 'ALREADY' : undefined),
  unsuppress: (a, { source }) => (a.suppressed_by.includes(source) ? undefined : 'E_NOT_SUPPRESSED'),
  oos(a, _item, reasoned) {
    if (a.out_of_service !== null) return 'ALREADY';
    return reasoned ? undefined : 'E_REASON';
  },
  in_service: (a) => (a.out_of_service === null ? 'E_NOT_OOS' : undefined),
  enable: (a) => (a.letter === 'Z' ? undefined : 'ALREADY'),
};

export class FakeAlarms {
  constructor(tell) {
    this.tell = tell;
    this.seq = 100;
    this.records = [];
    this.all = new Map();
    /** Where the store stands; null: it keeps up. */
    this.stored = null;
    this.tests = new Map();
    this.flooded = false;
  }

  add(s) {
    const t = s.tag === undefined ? undefined : plant.tagByName.get(s.tag);
    const site = plant.sites.find((x) => x.name === s.name.split('/')[0]);
    this.all.set(s.name, {
      name: s.name,
      site: site.name,
      area: site.area,
      position: site.position,
      tag: s.tag ?? null,
      gateway: s.gateway ?? t?.gateway ?? null,
      kind: s.kind,
      class: s.class ?? 'process',
      priority: s.priority,
      letter: 'A',
      base: 'A',
      occ: 0,
      call: 0,
      since_ack: 0,
      raised: null,
      changed: null,
      value: null,
      limit: s.limit ?? null,
      unit: t?.unit ?? '',
      message: s.message,
      acked_by: null,
      acked_at: null,
      untrusted: false,
      untrusted_since: null,
      ring: false,
      confirm_due: false,
      latched: false,
      first: false,
      chatter: false,
      retain: false,
      pending: false,
      suspect: false,
      shelved: null,
      out_of_service: null,
      suppressed_by: [],
      accumulated: null,
      shelvable: s.shelvable ?? true,
      max_shelve_s: s.max_shelve_s ?? 28_800,
      comment_required: s.comment ?? false,
    });
    this.latching ??= new Set();
    this.confirming ??= new Set();
    if (s.latch) this.latching.add(s.name);
    if (s.confirm) this.confirming.add(s.name);
  }

  get(name) {
    return this.all.get(name);
  }

  shown(a) {
    if (a.letter === 'Z') return 'Z';
    if (a.out_of_service !== null) return 'I';
    if (a.suppressed_by.length > 0) return 'H';
    return a.shelved !== null ? 'G' : a.base;
  }

  /** One record; the letter follows from the facts. */
  record(name, kind, change, more = {}) {
    const a = this.all.get(name);
    const from = a.letter;
    Object.assign(a, change, { changed: iso(Date.now()) });
    a.letter = change.letter ?? this.shown(a);
    a.retain = a.base !== 'A' || a.confirm_due;
    a.ring = a.letter === 'B' && (change.ring ?? a.ring);
    this.seq += 1;
    const r = {
      seq: this.seq,
      n: a.occ,
      alarm: name,
      kind,
      from,
      to: a.letter,
      base: a.base,
      occ: a.occ,
      call: a.call,
      priority: a.priority,
      ring: change.ring === true,
      chatter: a.chatter,
      first: a.first,
      auto: false,
      suspect: a.suspect,
      hidden: a.letter >= 'G',
      cause: 'sample',
      reason: '',
      src: iso(Date.now()),
      at: iso(Date.now()),
      until: a.shelved?.until ?? null,
      value: a.value,
      limit: a.limit,
      unit: a.unit,
      quality: 0,
      actor: null,
      desk: '',
      source: '',
      comment: '',
      ...more,
    };
    this.records.unshift(r);
    this.tell({ op: 'alarm', n: this.seq, a: { ...a }, r });
  }

  raise(name, value = null, ago = 0, change = {}) {
    const a = this.all.get(name);
    const src = iso(Date.now() - ago);
    this.record(
      name,
      a.base === 'A' ? 'raise' : 'reraise',
      {
        base: 'B',
        occ: a.occ + 1,
        call: a.call + 1,
        since_ack: a.since_ack + 1,
        raised: src,
        value,
        acked_by: null,
        acked_at: null,
        latched: this.latching.has(name),
        confirm_due: this.confirming.has(name),
        ring: true,
        ...change,
      },
      { src },
    );
  }

  normal(name) {
    const a = this.all.get(name);
    const waits = unackedBase(a.base);
    this.record(name, 'rtn', { base: a.latched ? (waits ? 'E' : 'F') : waits ? 'D' : 'A', ring: false });
  }

  distrust(name, since = Date.now()) {
    this.record(name, 'quality', { untrusted: true, untrusted_since: iso(since) }, { cause: 'link' });
  }

  counts() {
    const list = [...this.all.values()];
    const n = (test) => list.filter(test).length;
    const waits = (a) => 'BDE'.includes(a.letter);
    const recent = this.records.filter(
      (r) => (r.kind === 'raise' || r.kind === 'reraise') && Date.parse(r.at) > Date.now() - 600_000,
    ).length;
    this.flooded = this.flooded ? recent >= 5 : recent > this.floodOn;
    return {
      op: 'counts',
      unacked: [n(waits), ...[1, 2, 3, 4].map((p) => n((a) => waits(a) && a.priority === p))],
      active: n((a) => activeBase(a.letter)),
      shelved: n((a) => a.letter === 'G'),
      suppressed: n((a) => a.letter === 'H'),
      oos: n((a) => a.letter === 'I'),
      disabled: n((a) => a.letter === 'Z'),
      untrusted: n((a) => a.untrusted),
      flood: recent,
      flooded: this.flooded,
    };
  }

  /** Walks of the screens raise more than an operator should see in ten minutes; one of them wants the banner. */
  floodOn = 1000;

  list(query) {
    const list = [...this.all.values()];
    switch (query.get('state')) {
      case null:
        return list.filter((a) => a.retain);
      case 'shelved':
        return list.filter((a) => a.letter === 'G');
      case 'suppressed':
        return list.filter((a) => a.letter === 'H');
      case 'oos':
        return list.filter((a) => a.letter === 'I');
      case 'disabled':
        return list.filter((a) => a.letter === 'Z');
      case 'untrusted':
        return list.filter((a) => a.untrusted);
      default:
        return list;
    }
  }

  silence(position) {
    for (const a of this.all.values()) if (position === null || a.position === position) a.ring = false;
    this.tell({ op: 'silence', position });
  }

  // --- Requests

  ask(item, session, desk) {
    const a = this.all.get(item.alarm);
    const code = this.judge(a, item, session);
    const reply = {
      alarm: item.alarm,
      result: code,
      text: TEXTS[code],
      call: a?.call ?? 0,
      letter: a?.letter ?? '-',
      acked_by: a?.acked_by ?? null,
      acked_at: a?.acked_at ?? null,
    };
    if (code !== 'OK') return reply;
    this.perform(a, item, {
      actor: session.user,
      desk,
      cause: 'operator',
      comment: item.comment ?? item.reason ?? '',
    });
    return { ...reply, call: a.call, letter: a.letter, acked_by: a.acked_by, acked_at: a.acked_at };
  }

  judge(a, item, session) {
    if (RANKS[session.role] < RANKS[ENGINEERS.has(item.do) ? 'engineer' : 'operator']) return 'E_FORBIDDEN';
    if (a === undefined) return 'E_UNKNOWN';
    if (a.letter === 'Z' && item.do !== 'enable' && item.do !== 'comment') return 'E_DISABLED';
    return JUDGES[item.do]?.(a, item, (item.reason ?? item.comment ?? '') !== '') ?? 'OK';
  }

  /** What leaves the last reason to be hidden rings again if it is active. */
  leave(a) {
    if (a.shelved !== null || a.suppressed_by.length > 0 || a.out_of_service !== null) return {};
    if (activeBase(a.base)) return { base: 'B', call: a.call + 1, ring: true };
    return a.latched ? {} : { base: 'A' };
  }

  perform(a, item, who) {
    const by = { since: iso(Date.now()), by: who.actor, reason: who.comment };
    switch (item.do) {
      case 'ack':
        this.record(
          a.name,
          'ack',
          {
            base: { B: 'C', D: 'A', E: 'F' }[a.base],
            acked_by: who.actor,
            acked_at: iso(Date.now()),
            since_ack: 0,
            ring: false,
          },
          who,
        );
        break;
      case 'confirm':
        this.record(a.name, 'confirm', { confirm_due: false }, who);
        break;
      case 'reset':
        this.record(a.name, 'reset', { latched: false, base: 'A' }, who);
        break;
      case 'shelve': {
        const until = iso(Date.now() + item.duration_s * 1000);
        const shelved = { until, one_shot: item.one_shot === true, ...by };
        this.record(a.name, 'shelve', { shelved, ring: false }, who);
        break;
      }
      case 'unshelve':
        a.shelved = null;
        this.record(a.name, 'unshelve', this.leave(a), { ...who, reason: 'operator' });
        break;
      case 'suppress':
        this.record(
          a.name,
          'suppress',
          { suppressed_by: [...a.suppressed_by, item.source], ring: false },
          { ...who, source: item.source },
        );
        break;
      case 'unsuppress':
        a.suppressed_by = a.suppressed_by.filter((s) => s !== item.source);
        this.record(a.name, 'unsuppress', this.leave(a), { ...who, source: item.source });
        break;
      case 'oos':
        this.record(a.name, 'oos_on', { out_of_service: by, ring: false }, who);
        break;
      case 'in_service':
        a.out_of_service = null;
        this.record(a.name, 'oos_off', this.leave(a), who);
        break;
      case 'disable':
        this.record(
          a.name,
          'disable',
          { letter: 'Z', base: 'A', shelved: null, suppressed_by: [], latched: false, ring: false },
          who,
        );
        break;
      case 'enable':
        a.letter = 'A';
        this.record(a.name, 'enable', {}, who);
        break;
      default:
        this.record(a.name, item.do, {}, who);
    }
  }

  /** By a rule or a group of the plant, not by a person. */
  suppressBy(name, source) {
    this.perform(this.all.get(name), { do: 'suppress', source }, { actor: null, cause: 'sample', comment: '' });
  }

  // --- What is told

  history(query) {
    const before = Number(query.get('before') ?? Number.MAX_SAFE_INTEGER);
    const from = Date.parse(query.get('from') ?? '') || 0;
    const to = Date.parse(query.get('to') ?? '') || Number.MAX_SAFE_INTEGER;
    const is = (key, value) => query.get(key) === null || query.get(key) === String(value);
    const records = this.records.filter((r) => {
      const a = this.all.get(r.alarm);
      return (
        r.seq < before &&
        Date.parse(r.at) >= from &&
        Date.parse(r.at) < to &&
        is('alarm', r.alarm) &&
        is('kind', r.kind) &&
        is('priority', r.priority) &&
        is('site', r.alarm.split('/')[0]) &&
        is('area', a?.area) &&
        is('position', a?.position)
      );
    });
    if (query.get('order') === 'src') records.sort((x, y) => Date.parse(y.src) - Date.parse(x.src) || y.seq - x.seq);
    return { records: records.slice(0, Number(query.get('limit') ?? 200)), next: null };
  }

  detail(a, setting) {
    return {
      ...a,
      config: { ...setting, revision: undefined },
      journal: this.records.filter((r) => r.alarm === a.name).slice(0, 20),
      cost: 3,
    };
  }

  why(a, setting, live) {
    const part = (depth, text, type, value, unit = '') => ({
      pos: depth * 10 + text.length,
      len: text.length,
      depth,
      text,
      type,
      value,
      known: value !== null,
      uncertain: false,
      unit,
    });
    const { letter } = a;
    if (setting.tag === undefined) {
      const source = setting.expr ?? `link of ${setting.gateway} down for 30 s`;
      return { source, parts: [part(0, source, 'bool', false)], letter, condition: false };
    }
    const value = live.quality >= 0x80 ? null : live.value;
    const sign = setting.kind === 'low' ? '<' : '>';
    const source = `${setting.tag} ${sign} ${setting.limit} ${a.unit}`;
    const on = value === null ? null : setting.kind === 'low' ? value < setting.limit : value > setting.limit;
    return {
      source,
      parts: [
        part(0, source, 'bool', on),
        part(1, setting.tag, 'number', value, a.unit),
        part(1, `${setting.limit} ${a.unit}`, 'number', setting.limit, a.unit),
      ],
      letter,
      condition: on,
    };
  }

  kpi(query) {
    const from = Date.parse(query.get('from'));
    const to = Date.parse(query.get('to'));
    const days = (to - from) / 86_400_000;
    const n = Math.round(168 * days);
    const share = [1, 0.012, 0.061, 0.17, 0.757].map((s) => Math.round(n * s));
    const held = (now, times, h, longest) => ({ now, n: times, total_s: h * 3600, longest_s: longest * 3600 });
    const flood = (day, h, minutes, count, peak) => ({
      from: iso(from + day * 86_400_000 + h * 3_600_000),
      to: iso(from + day * 86_400_000 + h * 3_600_000 + minutes * 60_000),
      n: count,
      peak,
    });
    const floods = [flood(0.2, 3, 40, 71, 24), flood(0.5, 5, 20, 32, 17)];
    return {
      from: iso(from),
      to: iso(to),
      position: query.get('position'),
      definition: {
        en: 'RAISE and RERAISE that were shown; no notifications, no history, no tests; by server time.',
        zh: '统计已显示的发生与再次发生；不含仅通知、历史和测试；按服务器时间。',
      },
      definitions: {
        peak: { en: 'Largest of the 10-min bins from the beginning', zh: '自起点起各 10 分钟时段的最大值' },
      },
      n,
      n_priority: share,
      configured_priority: [40, 1, 3, 8, 28],
      mean_10min: n / (days * 144),
      mean_hour: n / (days * 24),
      mean_day: n / days,
      peak: 24,
      bins: Math.round(days * 144),
      bins_over: 6,
      floods,
      flood_s: 3600,
      n_top: Math.round(n * 0.31),
      chattering: 3,
      fleeting: 1,
      stale: 2,
      stale_worst: 6,
      standing: 7,
      standing_mean: 8.4,
      ack_time: [34, 12, 21, 30, 52].map((s) => ({ n: 100, p50_s: s, p95_s: s * 9 })),
      returned: 900,
      returned_unacked: 131,
      acks: 880,
      stamps: 97,
      held: {
        shelved: held(1, 12, 30, 7.5),
        suppressed: held(2, 44, 61, 12),
        out_of_service: held(1, 2, 160, 96),
        disabled: held(0, 0, 0, 0),
      },
      reannounced: 14,
      escalated: 3,
      priority_raised: 0,
      came_back: 9,
      changes_unreasoned: 0,
      blind_pct: 0.42,
      rationalised: 37,
      n_alarms: 40,
    };
  }

  badActors() {
    const actor = (alarm, n, chatters, psi, fleeting, active) => ({
      alarm,
      n,
      chatters,
      psi,
      fleeting,
      mean_active_s: active,
      returned: n - 1,
      returned_unacked: Math.round(n * 0.3),
      standing: false,
      stale: false,
    });
    return {
      n: 5040,
      alarms: [
        actor('S1/P_PU1.high', 412, 120, 0.081, 40, 14),
        actor('S2/PD.low', 301, 31, 0.044, 12, 48),
        actor('S4/L_T5.low', 144, 0, 0.004, 0, 1220),
        actor('S5/PD.low', 98, 4, 0.012, 3, 61),
        actor('S3/L_T4.low', 41, 0, 0.001, 0, 4100),
      ],
    };
  }

  // --- Trials of changes

  startTest(body, user) {
    const id = String(this.tests.size + 1);
    this.tests.set(id, { id, by: user, body, startedAt: Date.now(), state: 'running' });
    return id;
  }

  /** How long one takes. */
  testMs = 1500;

  test(id) {
    const test = this.tests.get(id);
    if (test === undefined) return undefined;
    const progress = Math.min(1, (Date.now() - test.startedAt) / this.testMs);
    if (test.state === 'running' && progress === 1) test.state = 'done';
    const { body, by, state } = test;
    const report = state === 'done' ? this.reportOf(body) : undefined;
    return { id, by, state, progress, from: body.from, to: body.to, items: body.items, report };
  }

  cancelTest(id) {
    const test = this.tests.get(id);
    if (test?.state === 'running') test.state = 'cancelled';
  }

  reportOf({ from, items, suggest }) {
    const start = Date.parse(from);
    const days = Array.from({ length: 30 }, (_, i) => Math.round(12 + 8 * Math.sin(i / 3) + (i === 11 ? 40 : 0)));
    const fewer = days.map((n) => Math.round(n * 0.55));
    const outcome = (per_day, n) => ({
      n: per_day.reduce((a, b) => a + b, 0),
      per_day,
      longest_flood: { from: iso(start + 11.2 * 86_400_000), to: iso(start + 11.2 * 86_400_000 + n * 60_000), n },
      worst_position: { position: 'main', n: Math.round(per_day.reduce((a, b) => a + b, 0) * 0.7) },
    });
    const alarm = items[0]?.name ?? suggest;
    const occurrence = (i) => ({ alarm, src: iso(start + i * 31_000_000), at: iso(start + i * 31_000_000 + 800) });
    const report = {
      now: outcome(days, 40),
      then: outcome(fewer, 20),
      added: [occurrence(7)],
      removed: [1, 2, 3, 5, 8, 13, 21].map(occurrence),
      changed: 4,
      per_alarm: [{ alarm, now: 412, then: 190 }],
      truncated: true,
    };
    if (suggest === undefined) return report;
    const candidate = (field, value, then, later_s, missed = 0) => ({ field, value, then, later_s, missed });
    report.suggestion = {
      alarm,
      now: 412,
      candidates: [
        candidate('off_delay_s', 20, 9, 0),
        candidate('off_delay_s', 5, 160, 0),
        candidate('on_delay_s', 15, 44, 15, 2),
        candidate('deadband', 1.5, 61, 0),
      ],
    };
    return report;
  }
}
