// What must hold in the database whatever was killed, read by SQL: the books balance.
import { readFileSync, existsSync } from 'node:fs';

/** 64-bit unsigned as the bit pattern that PostgreSQL's bigint keeps. */
export const asBigint = (text) => BigInt.asIntN(64, BigInt(text));

/** The breaches that these queries find: whatever row one of them gives. */
async function breachesOf(p, checks) {
  const breaches = [];
  for (const [what, sql] of Object.entries(checks)) {
    const rows = await p.sql(sql);
    if (rows.length > 0) breaches.push(`${what}: ${rows.length} breaches, the first ${JSON.stringify(rows[0], (k, v) => (typeof v === 'bigint' ? String(v) : v))}`);
  }
  return breaches;
}

/** The configuration: what was changed by one person might have been. Returns breaches. */
export function configBreaches(p) {
  return breachesOf(p, {
    'nobody agrees to what he has made himself': `select revision, actor from config_revision where second_actor = actor`,
    'who agrees is known and may change the configuration':
      `select r.revision, r.second_actor from config_revision r left join app_user u on u.name = r.second_actor
        where r.second_actor <> '' and coalesce(u.role, '') not in ('engineer', 'admin')`,
    'an alarm whose class is highly managed is changed by two people, but in the first configuration':
      `with item as (select k.kind, k.name, i.revision, i.body, lag(i.body) over (partition by i.key order by i.revision) as before
                       from config_item i join config_key k using (key))
       select a.revision, a.name from item a join config_revision r using (revision)
        where a.kind = 'alarm' and r.second_actor = '' and r.revision > (select min(revision) from config_revision)
          and exists (select from unnest(array[a.body ->> 'class', a.before ->> 'class']) as c(name)
                       where (select (i.body ->> 'highly_managed')::boolean from item i
                               where i.kind = 'class' and i.name = c.name and i.revision <= a.revision order by i.revision desc limit 1))`,
  });
}

/** The alarm journal: gapless, each transition once, each from where the last one ended. Returns breaches. */
export function alarmJournalBreaches(p) {
  return breachesOf(p, {
    'seq is gapless from 1': 'select 1 from alarm_journal having count(*) <> coalesce(max(seq), 0) or coalesce(min(seq), 1) <> 1',
    'each alarm\'s n is gapless from 1': 'select alarm_key from alarm_journal group by alarm_key having count(*) <> max(n) or min(n) <> 1',
    'each transition starts where the last one ended':
      `select alarm_key, n, from_letter, before from (select alarm_key, n, from_letter, lag(to_letter, 1, 'A') over w as before
         from alarm_journal window w as (partition by alarm_key order by n)) t where from_letter <> before`,
    'n follows seq': 'select alarm_key from (select alarm_key, seq, lag(seq) over (partition by alarm_key order by n) as before from alarm_journal) t where seq <= before',
    'an occurrence is made by a raise, a call by a raise or by what announces anew':
      `select alarm_key, n from (select alarm_key, n, kind, occ, call, lag(occ, 1, 0::bigint) over w as occ0, lag(call, 1, 0::bigint) over w as call0
         from alarm_journal window w as (partition by alarm_key order by n)) t
       where case when kind in ('raise', 'reraise') then occ <> occ0 + 1 or call <= call0
         when kind in ('reannounce', 'escalate', 'prio', 'unshelve', 'unsuppress', 'oos_off') then occ <> occ0 or call < call0
         else occ <> occ0 or call <> call0 end`,
    'the state at the end is what the newest records say':
      `select alarm_key from alarm_now n full join alarm_state_at(9223372036854775807) s using (alarm_key)
        where (s.letter, s.n) is distinct from (n.to_letter, n.n)`,
    'facts go with the letters': `select alarm_key, n, facts, base_letter, to_letter from alarm_journal where facts is not null and (
        to_letter <> case when facts & 512 <> 0 then '-' when facts & 1 = 0 then 'Z' when facts & 32 <> 0 then 'I' when facts & 256 <> 0 then 'H'
          when facts & 64 <> 0 then 'G' else base_letter end
        or base_letter <> case when facts & 512 <> 0 then '-' when facts & 1 = 0 then 'Z' when facts & 2 <> 0 then case when facts & 4 <> 0 then 'C' else 'B' end
          when facts & 8 <> 0 then case when facts & 4 <> 0 then 'F' else 'E' end when facts & 4 <> 0 then 'A' else 'D' end
        or (flags & 1 <> 0) <> (to_letter in ('G', 'H', 'I', 'Z')) or (facts & 64 <> 0) <> (until_us <> 0) or (facts & 128 <> 0 and facts & 64 = 0))`,
    'only what is active, unacknowledged and shown rings': `select alarm_key, n, kind from alarm_journal where flags & 128 <> 0 and to_letter <> 'B'`,
    'the past changes nothing': `select alarm_key, n from alarm_journal where kind in ('hist_raise', 'hist_rtn', 'hist_skipped', 'quality', 'comment', 'zero')
        and (from_letter <> to_letter or flags & 128 <> 0)`,
    'what a person does names him': `select alarm_key, n, kind from alarm_journal where cause = 'operator' and (actor = '' or actor_key = 0)`,
    'server time never falls': 'select seq from (select seq, at_us, lag(at_us) over (order by seq) as before from alarm_journal) t where at_us < before',
  });
}

/** The chain over the operations journal: whatever happened, it holds. Returns breaches. */
export function chainBreaches(p) {
  try {
    p.penstock('audit', 'verify');
    return [];
  } catch (e) {
    return [`the chain: ${e.stderr || e.message}`];
  }
}

/** History in chunks: those of a tag do not overlap, and no row was put aside as unreadable. Returns breaches. */
export function historyBreaches(p) {
  return breachesOf(p, {
    'chunks of a tag do not overlap':
      `select tag_key, from_us from (select tag_key, from_us, lag(to_us) over (partition by tag_key order by from_us) as before from sample_chunk) c where from_us <= before`,
    'nothing was put aside': 'select * from sample_damaged',
  });
}

/** What an alarm's list entry and the journal's state of a moment must have in common; `then` has no value for what the room alone knows. */
const durable = (a) => ({
  letter: a.letter, base: a.base, occ: a.occ, call: a.call, since_ack: a.since_ack, priority: a.priority, raised: a.raised, changed: a.changed, acked_by: a.acked_by,
  acked_at: a.acked_at, latched: a.latched, confirm_due: a.confirm_due, shelved: a.shelved, out_of_service: a.out_of_service, suppressed_by: [...a.suppressed_by].sort(),
});

/** Alarms that a list shows otherwise than the journal's state of a moment does. An alarm that has no record was never anything but normal. */
export function stateDifferences(alarms, states) {
  const then = new Map(states.map((s) => [s.name, s]));
  const different = [];
  for (const a of alarms) {
    const s = then.get(a.name);
    then.delete(a.name);
    const [now, told] = [durable(a), s ? durable(s) : { ...durable(a), letter: 'A', base: 'A', occ: 0, call: 0 }].map((v) => JSON.stringify(v));
    if (now !== told) different.push(`${a.name}: shown ${now}, in the journal ${told}`);
  }
  for (const s of then.values()) if (s.letter !== '-') different.push(`${s.name} is in the journal alone: ${JSON.stringify(durable(s))}`);
  return different;
}

/** The no-loss ledger balances: what was counted, what is committed, and the records themselves. Returns breaches. */
export async function ledgerBreaches(p) {
  return (await p.sql('select * from ledger_check(true)')).map((r) => `ledger: gateway ${r.gateway_key}, epoch ${r.epoch}: ${r.what}: counted ${r.counted}, found ${r.found}`);
}

/** Reads a gateway's ledger: what it produced, one line a sample: `epoch seq name t_us value quality`. */
export function readLedger(file) {
  const records = new Map(); // "epoch seq" -> samples
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  for (const line of lines.slice(0, -1)) { // a last line without its end was cut by a kill
    const [epoch, seq, name, t, value, quality] = line.split(' ');
    const key = `${asBigint(epoch)} ${seq}`;
    if (!records.has(key)) records.set(key, []);
    records.get(key).push({ name, t: BigInt(t), value: Number(value), quality: Number(quality) });
  }
  return records;
}

/**
 * Every sample that a gateway produced is stored exactly once, and nothing else is. `ledger` may hold, for each epoch, one record more than
 * the journal, or in the last record a last part more: the gateway was killed between writing the two.
 */
export async function sampleBreaches(p, site, gateway, ledgerFile) {
  const [{ key }] = await p.sql(`select key from config_key where kind = 'gateway' and name = $1`, [gateway]);
  const tags = new Map((await p.sql(`select name, key from config_key where kind = 'tag' and name like $1`, [`${site}/%`])).map((r) => [r.name.slice(site.length + 1), r.key]));
  const ledger = readLedger(ledgerFile);
  const stored = new Set((await p.sql('select epoch, seq from ingest_batch where gateway_key = $1 and type = 17', [key])).map((r) => `${r.epoch} ${r.seq}`));
  // What a gateway filed anew after a fork is stored under another number; it told so, with no samples lost.
  const moved = await p.sql('select epoch, first_seq, end_seq from gateway_dropped where gateway_key = $1 and samples = 0 and first_seq < end_seq', [key]);
  const wasMoved = (epoch, seq) => moved.some((m) => m.epoch === BigInt(epoch) && m.first_seq <= BigInt(seq) && BigInt(seq) < m.end_seq);
  const rows = await p.sql('select tag_key, t_us, value, quality from sample where tag_key = any($1)', [[...tags.values()]]);
  const samples = new Map(rows.map((r) => [`${r.tag_key} ${r.t_us}`, r]));
  const breaches = [];
  const last = new Map();
  for (const record of ledger.keys()) {
    const [epoch, seq] = record.split(' ');
    if (BigInt(seq) > (last.get(epoch) ?? -1n)) last.set(epoch, BigInt(seq));
  }
  let lost = 0, wrong = 0, expected = 0;
  for (const [record, produced] of ledger) {
    const [epoch, seq] = record.split(' ');
    if (!stored.has(record) && !wasMoved(epoch, seq)) {
      if (BigInt(seq) !== last.get(epoch)) breaches.push(`${gateway}: record (${record}) was produced and is not stored`);
      continue;
    }
    const isStored = (s) => samples.has(`${tags.get(s.name)} ${s.t}`);
    const whole = BigInt(seq) === last.get(epoch) ? produced.findLastIndex((s) => tags.has(s.name) && isStored(s)) + 1 : produced.length;
    for (const s of produced.slice(0, whole)) {
      if (!tags.has(s.name)) continue; // the gateway's own health, where it is not configured
      expected++;
      const row = samples.get(`${tags.get(s.name)} ${s.t}`);
      if (!row) lost++;
      else if ((row.quality & 0xc0) === 0 && Math.abs(row.value - s.value) > 1e-9) wrong++;
    }
  }
  if (lost) breaches.push(`${gateway}: ${lost} samples of stored records are missing`);
  if (wrong) breaches.push(`${gateway}: ${wrong} samples differ from what was produced`);
  if (samples.size !== expected) breaches.push(`${gateway}: ${samples.size} samples are stored, ${expected} were produced`);
  const ranges = await p.sql(
    `select epoch, ranges::text, (select count(*) from ingest_batch b where b.gateway_key = g.gateway_key and b.epoch = g.epoch) as rows,
            (select sum(upper(r) - lower(r)) from unnest(ranges) r) as covered from gateway_epoch g where gateway_key = $1`, [key]);
  for (const r of ranges) {
    if (BigInt(r.rows) !== BigInt(r.covered)) breaches.push(`${gateway}: epoch ${r.epoch} has ${r.rows} records but its ranges ${r.ranges} cover ${r.covered}`);
    if (!/^\{\[0,\d+\)\}$/.test(r.ranges)) breaches.push(`${gateway}: epoch ${r.epoch} has a hole: ${r.ranges}`);
  }
  return breaches.length > 12 ? [...breaches.slice(0, 12), `… and ${breaches.length - 12} more`] : breaches;
}
