/** Numbers, ages and times as they are shown. Pure: the language and the time are parameters. */

export type Lang = 'en' | 'zh';

export const NONE = '—';

/** Fixed decimals, so that digits stay in their columns; very large or tiny numbers are not cut to nonsense. */
export function formatNumber(value: number | null, decimals: number): string {
  if (value === null || !Number.isFinite(value)) return NONE;
  const text = Math.abs(value) >= 1e12 ? value.toExponential(3) : value.toFixed(Math.min(Math.max(decimals, 0), 10));
  return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text;
}

const UNITS = {
  en: { s: ' s', min: ' min', h: ' h', d: ' d' },
  zh: { s: ' 秒', min: ' 分', h: ' 小时', d: ' 天' },
} as const;

/** One unit, rounded down: "4 s", "12 min", "3 h", "2 d". A time ahead of ours is "0 s". */
export function formatAge(ms: number, lang: Lang): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}${UNITS[lang].s}`;
  if (s < 3600) return `${Math.floor(s / 60)}${UNITS[lang].min}`;
  if (s < 86_400) return `${Math.floor(s / 3600)}${UNITS[lang].h}`;
  return `${Math.floor(s / 86_400)}${UNITS[lang].d}`;
}

const pad = (n: number): string => String(n).padStart(2, '0');

/** "14:02:31", in the workstation's zone, which is the room's. */
export function formatClock(ms: number): string {
  const d = new Date(ms);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

export function formatDate(ms: number): string {
  const d = new Date(ms);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
}

export function formatDateTime(ms: number): string {
  return `${formatDate(ms)} ${formatClock(ms)}`;
}

/** The clock alone for today, month and day before it for other days. */
export function formatShort(ms: number, nowMs: number): string {
  return formatDate(ms) === formatDate(nowMs) ? formatClock(ms) : `${formatDate(ms).slice(5)} ${formatClock(ms)}`;
}

/** The same without seconds, for "CUT 14:02". */
export function formatSince(ms: number, nowMs: number): string {
  return formatShort(ms, nowMs).slice(0, -3);
}

/** "2026-11-24 14:05" in the workstation's zone, seconds if given; null if it is not a time. */
export function parseLocal(text: string): number | null {
  const match = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?$/.exec(text.trim());
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  const date = new Date(year, month - 1, day, hour, minute, second);
  const same =
    date.getMonth() === month - 1 && date.getDate() === day && date.getHours() === hour && date.getMinutes() === minute;
  return same ? date.getTime() : null;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let n = bytes;
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i += 1;
  }
  return `${i === 0 ? n : n.toFixed(1)} ${units[i] ?? ''}`;
}

export function formatCount(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

export function parseTime(text: string | null): number | null {
  if (text === null) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}
