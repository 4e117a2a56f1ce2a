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

  /** unagreed: in words, why no second person agreed to what wants one; '' if one did. */
  ask(item, session, desk, unagreed = '') {
    const a = this.all.get(item.alarm);
    const judged = this.judge(a, item, session);
    const code = judged === 'OK' && unagreed !== '' ? 'E_SECOND' : judged;
    const reply = {
      alarm: item.alarm,
      result: code,
      text: code === 'E_SECOND' ? unagreed : TEXTS[code],
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
    const time = (key) => {
      const text = query.get(key) ?? '';
      return /^\d+$/.test(text) ? Number(text) / 1000 : Date.parse(text);
    };
    const from = time('from') || 0;
    const to = time('to') || Number.MAX_SAFE_INTEGER;
    const when = (r) => Date.parse(query.get('order') === 'src' ? r.src : r.at);
    const is = (key, value) => query.get(key) === null || query.get(key) === String(value);
    const records = this.records.filter((r) => {
      const a = this.all.get(r.alarm);
      return (
        r.seq < before &&
        when(r) >= from &&
        when(r) < to &&
        is('alarm', r.alarm) &&
        (query.get('kind') ?? r.kind).split(',').includes(r.kind) &&
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

  /** Figures by name, as the server gives them. */
  kpi(query) {
    const from = Date.parse(query.get('from'));
    const to = Date.parse(query.get('to'));
    const days = (to - from) / 86_400_000;
    const n = Math.round(168 * days);
    const figures = [];
    const say = (name, value, detail = null) =>
      figures.push({ name, value, detail, definition: `The definition of ${name}, in the server's words.` });
    const flood = (day, h, minutes, count, peak) => {
      const start = (from + day * 86_400_000 + h * 3_600_000) * 1000;
      return { flood: 1, from_us: start, to_us: start + minutes * 60_000_000, n: count, peak };
    };
    const held = (fact, now, times, h, longest) => {
      say(fact, now);
      say(`${fact}_n`, times);
      say(`${fact}_hours`, h);
      say(`${fact}_longest_h`, longest);
    };
    const floods = [flood(0.2, 3, 40, 71, 24), flood(0.5, 5, 20, 32, 17)];
    say('n', n);
    say('bins', Math.round(days * 144));
    say('mean10', n / (days * 144));
    say('mean_hour', n / (days * 24));
    say('mean_day', n / days);
    say('peak10', 24);
    say('pct_bins_gt10', 0.14);
    say('floods', floods.length);
    say('flood_pct', 0.12);
    say('flood_alarms', 103);
    say('top10_pct', 31);
    say('chattering', 3, ['S1/P_PU1.high', 'S2/PD.low', 'S4/L_T5.low']);
    say('fleeting', 1, ['S1/P_PU1.high']);
    say('stale', 2, ['S3/L_T4.low', 'S5/PD.low']);
    say('stale_worst', 6);
    say('standing', 7);
    say('standing_mean', 8.4);
    say('rtn_unacked_pct', 14.6);
    say('rubber_stamp_pct', 11);
    say('reannounced', 14);
    say('escalated', 3);
    say('prio_raised', 0);
    say('came_back', 9);
    const names = ['', '_critical', '_high', '_medium', '_low'];
    for (const [i, s] of [34, 12, 21, 30, 52].entries()) {
      say(`tta_n${names[i]}`, 100);
      say(`tta_p50${names[i]}`, s);
      say(`tta_p95${names[i]}`, s * 9);
    }
    for (const [i, s] of [1.2, 6.1, 17, 75.7].entries()) say(`prio${names[i + 1]}`, s);
    for (const [i, s] of [2.5, 7.5, 20, 70].entries()) say(`configured${names[i + 1]}`, s);
    say('configured', 40);
    say('rationalised_pct', 92.5);
    held('shelved', 1, 12, 30, 7.5);
    held('suppressed', 2, 44, 61, 12);
    held('oos', 1, 2, 160, 96);
    held('disabled', 0, 0, 0, 0);
    say('flood_list', floods.length, floods);
    const order = { fact: 'oos', name: 'S5/PD.low', now: true, total_us: 576e9, actor: 'engineer', reason: 'order 7' };
    say('held_list', 1, [order]);
    const at = (to - 3_600_000) * 1000;
    const limit = { name: 'S1/P_PU1.high', at_us: at, field: 'limit', before: 60, after: 64, actor: 'engineer' };
    say('change_list', 1, [{ ...limit, rationalised: false }]);
    return { from: iso(from), to: iso(to), position: query.get('position'), figures };
  }

  badActors(query) {
    const actor = (name, n, chatters, psi, fleeting, active) => ({
      name,
      value: n,
      detail: {
        n,
        chatters,
        psi,
        fleeting,
        mean_active_s: active,
        returned: n - 1,
        returned_unacked: Math.round(n * 0.3),
        returned_unacked_pct: 30,
        standing: false,
        stale: false,
      },
      definition: 'One row for each alarm.',
    });
    return {
      from: query.get('from'),
      to: query.get('to'),
      position: query.get('position'),
      figures: [
        actor('S1/P_PU1.high', 412, 120, 0.081, 40, 14),
        actor('S2/PD.low', 301, 31, 0.044, 12, 48),
        actor('S4/L_T5.low', 144, 0, 0.004, 0, 1220),
        actor('S5/PD.low', 98, 4, 0.012, 3, 61),
        actor('S3/L_T4.low', 41, 0, 0.001, 0, 4100),
      ],
    };
  }

  /** What a review would ask about: of every alarm that has no action. */
  checks(settings) {
    const findings = settings
      .filter((s) => s.action === undefined)
      .map((s) => ({ code: 'no_action', alarm: s.name, other: null, text: 'says nothing of what to do' }));
    const text = 'too many alarms of one priority';
    return {
      at: iso(Date.now()),
      history: true,
      findings: [...findings, { code: 'distribution', alarm: null, other: null, text }],
    };
  }

  /** The fake keeps no past but the present. */
  stateAt(query) {
    const normal = query.get('state') === 'all';
    const alarms = [...this.all.values()].filter((a) => normal || a.letter !== 'A');
    return { at: query.get('t'), alarms: alarms.map((a, i) => ({ ...a, seq: i + 1 })), next: null };
  }

  // --- Trials of changes

  startTest(body, user) {
    const id = this.tests.size + 1;
    this.tests.set(id, { id, by: user, body, startedAt: Date.now(), state: 'running' });
    return id;
  }

  /** How long one takes. */
  testMs = 1500;

  test(id, whole = false) {
    const test = this.tests.get(id);
    if (test === undefined) return undefined;
    const progress = Math.min(1, (Date.now() - test.startedAt) / this.testMs);
    if (test.state === 'running' && progress === 1) test.state = 'done';
    const { body, by, state, startedAt } = test;
    return {
      id,
      state,
      progress,
      created: iso(startedAt),
      finished: state === 'running' ? null : iso(Date.now()),
      from: body.from,
      to: body.to,
      by,
      items: body.items.length,
      name: body.items[0]?.name ?? null,
      suggest: body.suggest ?? null,
      error: null,
      ...(whole ? { report: state === 'done' ? this.reportOf(body) : null } : {}),
    };
  }

  cancelTest(id) {
    const test = this.tests.get(id);
    if (test?.state === 'running') test.state = 'cancelled';
  }

  reportOf({ from, to, items, suggest }) {
    const start = Date.parse(from);
    const days = Array.from({ length: 30 }, (_, i) => Math.round(12 + 8 * Math.sin(i / 3) + (i === 11 ? 40 : 0)));
    const fewer = days.map((n) => Math.round(n * 0.55));
    const outcome = (per_day, n) => {
      const sum = per_day.reduce((a, b) => a + b, 0);
      const floodAt = start + 11.2 * 86_400_000;
      return {
        n: sum,
        per_day,
        longest_flood: { from: iso(floodAt), to: iso(floodAt + n * 60_000), n, peak: 17, position: 'main' },
        worst_position: { position: 'main', n: Math.round(sum * 0.7), peak: 17 },
      };
    };
    const alarm = items[0]?.name ?? suggest;
    const occurrence = (i) => {
      const src = start + i * 31_000_000;
      return { alarm, src: iso(src), at: iso(src + 800), until: iso(src + 95_000), covered: i % 2 === 0 };
    };
    const row = (on_delay_s, off_delay_s, deadband, n, missed, latest_s) => ({
      on_delay_s,
      off_delay_s,
      deadband,
      n,
      missed,
      latest_s,
    });
    const removed = [1, 2, 3, 5, 8, 13, 21].map(occurrence);
    return {
      from,
      to,
      scope: 'touched',
      tags: 1,
      samples: 86_400,
      alarms_judged: 3,
      alarms_not_judged: 1,
      truncated: true,
      assumptions: ['samples of the past count as received at their source time'],
      compared_until: to,
      now: outcome(days, 40),
      then: outcome(fewer, 20),
      n_added: 1,
      n_removed: removed.length,
      missed: 5,
      changed: 4,
      latest_s: 12,
      earliest_s: 0,
      added: [occurrence(7)],
      removed,
      per_alarm: [
        { alarm, now: 412, then: 190, added: 1, removed: 7, missed: 5, changed: 4, latest_s: 12, earliest_s: 0 },
      ],
      suggestion:
        suggest === undefined
          ? null
          : {
              alarm,
              text: 'off-delay 20 s would have cut 412 to 9, latest alarm 0 s later',
              best: 1,
              rows: [
                row(0, 0, 0.5, 412, 0, 0),
                row(0, 20, 0.5, 9, 0, 0),
                row(0, 5, 0.5, 160, 0, 0),
                row(15, 0, 0.5, 44, 2, 15),
                row(0, 0, 1.5, 61, 0, 0),
              ],
            },
    };
  }
}
