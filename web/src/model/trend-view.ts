/** Which stretch of time a trend shows, and how it moves. Milliseconds. */

export const SPANS = ['10m', '1h', '4h', '8h', '24h', '3d', '7d', '30d', '90d', '1y'] as const;
export type Span = (typeof SPANS)[number];

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const SPAN_MS: Readonly<Record<Span, number>> = {
  '10m': 10 * MINUTE,
  '1h': HOUR,
  '4h': 4 * HOUR,
  '8h': 8 * HOUR,
  '24h': DAY,
  '3d': 3 * DAY,
  '7d': 7 * DAY,
  '30d': 30 * DAY,
  '90d': 90 * DAY,
  '1y': 365 * DAY,
};

/** Of spans that somebody writes into an address. */
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: MINUTE, h: HOUR, d: DAY };

export const spanMs = (span: Span): number => SPAN_MS[span];

export const SPAN_MIN_MS = 10_000;
export const SPAN_MAX_MS = 366 * DAY;

export interface View {
  readonly spanMs: number;
  /** Right edge; null follows the present. */
  readonly until: number | null;
}

/** Whole seconds: finer ones are nobody's wish, and make long addresses. */
export function boundSpan(ms: number): number {
  return Math.min(SPAN_MAX_MS, Math.max(SPAN_MIN_MS, Math.round(ms / 1000) * 1000));
}

/** "8h", or "5400s" where it is none of the usual. */
export function formatSpan(ms: number): string {
  return SPANS.find((span) => SPAN_MS[span] === ms) ?? `${Math.round(ms / 1000)}s`;
}

/** null: it is no span. */
export function parseSpan(text: string | null): number | null {
  const usual = SPANS.find((span) => span === text);
  if (usual !== undefined) return SPAN_MS[usual];
  const free = /^(\d{1,9})([smhd])$/.exec(text ?? '');
  return free === null ? null : boundSpan(Number(free[1]) * (UNIT_MS[free[2] ?? ''] ?? 0));
}

/** What lies ahead of the present is nothing yet: there a view follows the present instead. */
function upTo(spanMs: number, until: number, now: number): View {
  return { spanMs, until: until >= now ? null : Math.round(until) };
}

/** By parts of the span; below 0 is earlier. */
export function pan(view: View, parts: number, now: number): View {
  return upTo(view.spanMs, (view.until ?? now) + parts * view.spanMs, now);
}

/** `factor` below 1 shows less; what is at `anchor` (0 left, 1 right) stays where it is. */
export function zoom(view: View, factor: number, anchor: number, now: number): View {
  const spanMs = boundSpan(view.spanMs * factor);
  const until = (view.until ?? now) + (1 - anchor) * (spanMs - view.spanMs);
  return upTo(spanMs, until, now);
}

/** From one time to another, in whichever order. */
export function viewOf(a: number, b: number, now: number): View {
  return upTo(boundSpan(Math.abs(b - a)), Math.max(a, b), now);
}

export const OVERLAYS = ['day', 'week'] as const;
export type Overlay = (typeof OVERLAYS)[number];

/** How far back the same time of the clock was, which is 23 or 25 h where the clock was changed. */
export function overlayShift(overlay: Overlay, at: number): number {
  const date = new Date(at);
  date.setDate(date.getDate() - (overlay === 'day' ? 1 : 7));
  return at - date.getTime();
}
