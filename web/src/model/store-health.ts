/** How the store is, as the server tells it, and what of it is well, to be watched, or bad. Pure: the time is a parameter. */

/** Times in microseconds; null where it is not known. */
export interface StoreHealth {
  readonly state: 'ok' | 'slow' | 'away';
  /** Why it is away. */
  readonly text: string;
  /** Age of the oldest thing that waits for its commit. */
  readonly lag_us: number;
  readonly pending: { readonly records: number; readonly bytes: number };
  readonly packer: PackerHealth | null;
  readonly disk: DiskHealth | null;
  readonly tables: readonly TableSize[];
  readonly history: HistorySize | null;
  readonly retention: readonly Retention[] | null;
  readonly audit: AuditHealth | null;
  /** null: there is none. */
  readonly spool: SpoolHealth | null;
}

/** What is packed. */
export interface HistorySize {
  readonly from_us: number | null;
  readonly chunks: number;
  readonly samples: number;
  readonly bytes: number;
}

export interface PackerHealth {
  readonly lag_us: number;
  readonly hot_rows: number;
  readonly hot_samples: number;
  readonly last_us: number | null;
  readonly error: string | null;
}

export interface DiskHealth {
  /** Empty: a limit that is configured stands for the disk. */
  readonly path: string;
  readonly bytes: number;
  readonly free: number;
  readonly grow_bytes_day: number | null;
  /** null: not in sight. */
  readonly full_at_us: number | null;
}

export interface TableSize {
  readonly name: string;
  readonly bytes: number;
  readonly rows: number;
}

export interface Retention {
  readonly class: number;
  readonly name: string;
  /** null: for ever. */
  readonly keep_days: number | null;
  readonly from_us: number | null;
  readonly bytes: number;
  /** Samples before this were dropped; null: none were. */
  readonly dropped_before_us: number | null;
  /** Samples that came later than they are kept, in all time. */
  readonly expired_samples: number;
}

export interface AuditHealth {
  readonly sealed: number;
  readonly behind: number;
  readonly checkpoint_us: number | null;
  /** When the server last saw that it had lost its end or was written anew. */
  readonly broken_us: number | null;
}

/** What keeps operators' actions while the database is away. */
export interface SpoolHealth {
  /** Files of it that somebody has to look at. */
  readonly aside: number;
  /** Bytes that are kept for it on its disk. */
  readonly room: number;
}

export type Level = 'well' | 'watch' | 'bad' | 'unknown';

export type About = 'store' | 'packer' | 'disk' | 'forecast' | 'audit' | 'spool';

/** One sentence: what it is about, how it is, and which words say so. */
export interface Verdict {
  readonly about: About;
  readonly level: Level;
  readonly words:
    | 'storeOk'
    | 'storeSlow'
    | 'storeAway'
    | 'packerOk'
    | 'packerLate'
    | 'packerError'
    | 'packerUnknown'
    | 'diskOk'
    | 'diskLow'
    | 'diskUnknown'
    | 'forecastOk'
    | 'forecastSoon'
    | 'forecastUnknown'
    | 'auditOk'
    | 'auditBehind'
    | 'auditOld'
    | 'auditUnsigned'
    | 'auditBroken'
    | 'auditUnknown'
    | 'spoolOk'
    | 'spoolAside'
    | 'spoolNoRoom'
    | 'spoolNone';
}

const SECOND_US = 1e6;
const DAY_US = 86_400 * SECOND_US;

/** More than the packer's usual turn. */
const PACKER_LATE_US = 30 * 60 * SECOND_US;
const FREE_WATCH = 0.15;
const FREE_BAD = 0.05;
const FULL_WATCH_US = 90 * DAY_US;
const FULL_BAD_US = 14 * DAY_US;
/** Rows that a burst of requests may leave for the next seal. */
const AUDIT_BEHIND = 1000;
const CHECKPOINT_OLD_US = 2 * DAY_US;

function storeVerdict({ state }: StoreHealth): Verdict {
  switch (state) {
    case 'ok':
      return { about: 'store', level: 'well', words: 'storeOk' };
    case 'slow':
      return { about: 'store', level: 'watch', words: 'storeSlow' };
    case 'away':
      return { about: 'store', level: 'bad', words: 'storeAway' };
  }
}

function packerVerdict(packer: PackerHealth | null): Verdict {
  if (packer === null) return { about: 'packer', level: 'unknown', words: 'packerUnknown' };
  if (packer.error !== null) return { about: 'packer', level: 'bad', words: 'packerError' };
  if (packer.lag_us > PACKER_LATE_US) return { about: 'packer', level: 'watch', words: 'packerLate' };
  return { about: 'packer', level: 'well', words: 'packerOk' };
}

function diskVerdicts(disk: DiskHealth | null, nowUs: number): readonly Verdict[] {
  if (disk === null) return [{ about: 'disk', level: 'unknown', words: 'diskUnknown' }];
  const share = disk.bytes > 0 ? disk.free / disk.bytes : 0;
  const low: Verdict = { about: 'disk', level: share < FREE_BAD ? 'bad' : 'watch', words: 'diskLow' };
  return [share < FREE_WATCH ? low : { about: 'disk', level: 'well', words: 'diskOk' }, forecastVerdict(disk, nowUs)];
}

function forecastVerdict({ grow_bytes_day, full_at_us }: DiskHealth, nowUs: number): Verdict {
  if (grow_bytes_day === null) return { about: 'forecast', level: 'unknown', words: 'forecastUnknown' };
  const left = full_at_us === null ? Number.POSITIVE_INFINITY : full_at_us - nowUs;
  if (left > FULL_WATCH_US) return { about: 'forecast', level: 'well', words: 'forecastOk' };
  return { about: 'forecast', level: left < FULL_BAD_US ? 'bad' : 'watch', words: 'forecastSoon' };
}

function auditVerdict(audit: AuditHealth | null, nowUs: number): Verdict {
  if (audit === null) return { about: 'audit', level: 'unknown', words: 'auditUnknown' };
  if (audit.broken_us !== null) return { about: 'audit', level: 'bad', words: 'auditBroken' };
  if (audit.behind > AUDIT_BEHIND) return { about: 'audit', level: 'watch', words: 'auditBehind' };
  if (audit.checkpoint_us === null) return { about: 'audit', level: 'watch', words: 'auditUnsigned' };
  return nowUs - audit.checkpoint_us > CHECKPOINT_OLD_US
    ? { about: 'audit', level: 'watch', words: 'auditOld' }
    : { about: 'audit', level: 'well', words: 'auditOk' };
}

function spoolVerdict(spool: SpoolHealth | null): Verdict {
  if (spool === null) return { about: 'spool', level: 'watch', words: 'spoolNone' };
  if (spool.aside > 0) return { about: 'spool', level: 'bad', words: 'spoolAside' };
  return spool.room > 0
    ? { about: 'spool', level: 'well', words: 'spoolOk' }
    : { about: 'spool', level: 'watch', words: 'spoolNoRoom' };
}

export function verdictsOf(health: StoreHealth, nowUs: number): readonly Verdict[] {
  return [
    storeVerdict(health),
    packerVerdict(health.packer),
    ...diskVerdicts(health.disk, nowUs),
    auditVerdict(health.audit, nowUs),
    spoolVerdict(health.spool),
  ];
}

/** All that samples take, with their indexes; null as long as there are none. */
export function bytesPerSample({ history }: StoreHealth): number | null {
  return history !== null && history.samples > 0 ? history.bytes / history.samples : null;
}

const TABLES_MAX = 12;

/** A period is kept and dropped as a whole, so it may begin before the first sample that is in it. */
export function oldestOf(row: Retention, history: HistorySize | null): number | null {
  if (row.from_us === null) return null;
  return Math.max(row.from_us, history?.from_us ?? row.from_us);
}

export function totalOf(tables: readonly TableSize[]): number {
  return tables.reduce((sum, table) => sum + table.bytes, 0);
}

/** The largest first; many small ones as one without a name. */
export function bySize(tables: readonly TableSize[]): readonly TableSize[] {
  const sorted = [...tables].sort((a, b) => b.bytes - a.bytes || a.name.localeCompare(b.name, 'en'));
  if (sorted.length <= TABLES_MAX) return sorted;
  const rest = sorted.slice(TABLES_MAX - 1);
  const sum = (of: (table: TableSize) => number): number => rest.reduce((all, table) => all + of(table), 0);
  return [...sorted.slice(0, TABLES_MAX - 1), { name: '', bytes: sum((t) => t.bytes), rows: sum((t) => t.rows) }];
}
