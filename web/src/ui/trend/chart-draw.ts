/** What stands on a chart beside its axes: lines, the hatch where nothing is known, limits with the band beyond them, alarms. */
import type uPlot from 'uplot';
import { formatClock, formatDate, formatNumber } from '../../model/format.ts';
import { clustersOf, type Mark, type Standing } from '../../model/marks.ts';
import { type Limit, labelPlaces } from '../../model/scale.ts';
import type { Box } from '../../model/station.ts';
import { type Hole, type Pen, type Stroke, strokesOf } from '../../model/trend.ts';
import type { Priority } from '../../model/types.ts';

export interface Palette {
  readonly text: string;
  readonly grid: string;
  readonly hatch: string;
  readonly pens: readonly string[];
  readonly priorities: readonly string[];
  readonly numbers: readonly string[];
  readonly outline: string;
  readonly paper: string;
  readonly font: string;
}

export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const of4 = (name: (p: number) => string): string[] => [1, 2, 3, 4].map((p) => color(name(p)));
  return {
    text: color('--text-2'),
    grid: color('--chart-grid'),
    hatch: color('--hatch'),
    pens: [1, 2, 3, 4, 5, 6, 7, 8].map((i) => color(`--pen-${i}`)),
    priorities: of4((p) => `--p${p}`),
    numbers: of4((p) => `--p${p}-number`),
    outline: color('--p-outline'),
    paper: color('--panel'),
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
  };
}

/** Dashes tell pens apart where colour alone does not. */
export const DASHES: readonly (readonly number[])[] = [[], [], [], [], [8, 4], [8, 4], [2, 3], [2, 3]];
/** Of any pen: what was uncertain. */
const UNCERTAIN_DASH: readonly number[] = [1, 4];

/** Labels of the time axis: the date at the first one and at midnight, seconds only where they differ. */
export function timeLabels(splits: readonly number[], increment: number): string[] {
  let day = '';
  return splits.map((s) => {
    const ms = s * 1000;
    const date = formatDate(ms);
    const clock = increment < 60 ? formatClock(ms) : formatClock(ms).slice(0, 5);
    const label = date === day ? clock : increment >= 86_400 ? dayLabel(date, day) : `${clock}\n${date.slice(5)}`;
    day = date;
    return label;
  });
}

/** The year where it begins to be another. */
const dayLabel = (date: string, before: string): string =>
  date.slice(0, 4) === before.slice(0, 4) ? date.slice(5) : `${date.slice(5)}\n${date.slice(0, 4)}`;

/** Everything below is drawn within the plot, never over its axes. */
function within(u: uPlot, draw: (ctx: CanvasRenderingContext2D) => void): void {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  draw(ctx);
  ctx.restore();
}

function hatch(ctx: CanvasRenderingContext2D, { x, y, w, h }: Box, color: string, step_px: number): void {
  const step = step_px * devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, w, h);
  ctx.clip();
  ctx.strokeStyle = color;
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  for (let at = Math.floor((x - h) / step) * step; at < x + w; at += step) {
    ctx.moveTo(at, y + h);
    ctx.lineTo(at + h, y);
  }
  ctx.stroke();
  ctx.restore();
}

const STRIP_PX = 7;
const STRIP_LEAST_PX = 3;
/** Of the plot's height, for all strips together: where a pane is low, they are. */
const STRIPS = 0.3;
const HATCH_PX = 7;
const HATCH_WIDE_PX = 18;

/** One pen: the whole height. Several: a strip for each at the foot, in its colour. */
export function drawHoles(u: uPlot, holes: readonly (readonly Hole[])[], palette: Palette): void {
  const { left, top, width, height } = u.bbox;
  const strip = Math.round(
    Math.max(
      STRIP_LEAST_PX * devicePixelRatio,
      Math.min(STRIP_PX * devicePixelRatio, (height * STRIPS) / holes.length),
    ),
  );
  holes.forEach((list, pen) => {
    const y = holes.length === 1 ? top : top + height - (pen + 1) * strip;
    const h = holes.length === 1 ? height : strip - Math.min(2, strip / 3 / devicePixelRatio) * devicePixelRatio;
    const color = holes.length === 1 ? palette.hatch : (palette.pens[pen] ?? palette.hatch);
    for (const hole of list) {
      const from = Math.max(left, u.valToPos(hole.from, 'x', true));
      const to = Math.min(left + width, u.valToPos(hole.to, 'x', true));
      const box = { x: from, y, w: Math.max(to - from, 2), h };
      if (to > from) hatch(u.ctx, box, color, hole.why === 'uncertain' ? HATCH_WIDE_PX : HATCH_PX);
    }
  });
}

export interface LineStyle {
  readonly color: string;
  /** Its place in the pane, from 0. */
  readonly place: number;
  readonly scale: string;
  readonly step: boolean;
  readonly strong: boolean;
  /** Of another time: behind the present one. */
  readonly pale: boolean;
}

const WIDTH_PX = 1.75;
const WIDTH_STRONG_PX = 2.75;
const WIDTH_PALE_PX = 1.25;
const PALE = 0.5;

export function drawPen(u: uPlot, pen: Pen, style: LineStyle): void {
  const width = style.pale ? WIDTH_PALE_PX : style.strong ? WIDTH_STRONG_PX : WIDTH_PX;
  within(u, (ctx) => {
    ctx.strokeStyle = style.color;
    ctx.fillStyle = style.color;
    ctx.globalAlpha = style.pale ? PALE : 1;
    ctx.lineWidth = width * devicePixelRatio;
    ctx.lineJoin = 'round';
    for (const stroke of strokesOf(pen, style.step)) drawStroke(u, stroke, style);
  });
}

const DOT_PX = 2;

/** What is too short to be seen as a line is a dot. */
function drawStroke(u: uPlot, { xs, ys, uncertain }: Stroke, { scale, place }: LineStyle): void {
  const { ctx } = u;
  const px = devicePixelRatio;
  const points = xs.map((x, i) => [u.valToPos(x, 'x', true), u.valToPos(ys[i] ?? 0, scale, true)] as const);
  const [first, last] = [points[0] ?? [0, 0], points.at(-1) ?? [0, 0]];
  ctx.beginPath();
  if (last[0] - first[0] < DOT_PX * px && points.every(([, y]) => Math.abs(y - first[1]) < DOT_PX * px)) {
    ctx.arc(first[0], first[1], DOT_PX * px, 0, 2 * Math.PI);
    ctx.fill();
    return;
  }
  ctx.setLineDash((uncertain ? UNCERTAIN_DASH : (DASHES[place] ?? [])).map((n) => n * px));
  for (const [x, y] of points) ctx.lineTo(x, y);
  ctx.stroke();
}

/** Beyond a limit. */
const BAND = 0.1;

/** The band beyond each limit, pale; beneath the lines. */
export function drawBands(u: uPlot, limits: readonly Limit[], scale: string, palette: Palette): void {
  const { left, top, width, height } = u.bbox;
  within(u, (ctx) => {
    ctx.globalAlpha = BAND;
    for (const limit of limits) {
      const y = u.valToPos(limit.value, scale, true);
      ctx.fillStyle = colorOf(palette, limit.priority);
      if (limit.kind === 'high') ctx.fillRect(left, top, width, y - top);
      else ctx.fillRect(left, y, width, top + height - y);
    }
  });
}

const colorOf = (palette: Palette, priority: Priority | undefined): string =>
  (priority === undefined ? undefined : palette.priorities[priority - 1]) ?? palette.text;

const LABEL_PX = 16;
const LABEL_WIDE_PX = 64;

/** Limits of a pen: a line, and at its end what it means. */
export function drawLimits(
  u: uPlot,
  limits: readonly Limit[],
  scale: string,
  decimals: number,
  palette: Palette,
): void {
  const { left, top, width, height } = u.bbox;
  const { ctx } = u;
  const px = devicePixelRatio;
  ctx.save();
  ctx.font = fontOf(palette, 12);
  ctx.textAlign = 'right';
  const seen = limits
    .map((limit) => ({ limit, y: u.valToPos(limit.value, scale, true), above: limit.kind === 'high' }))
    .filter(({ y }) => y >= top && y <= top + height);
  // Beyond the limit, or within it where there is no room.
  const places = labelPlaces(seen, top, top + height, LABEL_PX * px);
  seen.forEach(({ limit, y }, i) => {
    ctx.strokeStyle = palette.outline;
    ctx.lineWidth = px;
    ctx.setLineDash([6 * px, 4 * px]);
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(left + width, y);
    ctx.stroke();
    ctx.setLineDash([]);
    const label = `${limit.priority ?? ''} ${limit.kind === 'low' ? '<' : '>'} ${formatNumber(limit.value, decimals)}`;
    const { above, column } = places[i] ?? { above: false, column: 0 };
    const right = left + width - (8 + column * LABEL_WIDE_PX) * px;
    ctx.textBaseline = above ? 'bottom' : 'top';
    const at = above ? y - 2 * px : y + 4 * px;
    ctx.strokeStyle = palette.paper;
    ctx.lineWidth = 3 * px;
    ctx.strokeText(label, right, at);
    ctx.fillStyle = palette.text;
    ctx.fillText(label, right, at);
    ctx.fillStyle = colorOf(palette, limit.priority);
    ctx.fillRect(left + width - 4 * px, y - 3 * px, 4 * px, 6 * px);
  });
  ctx.restore();
}

function fontOf(palette: Palette, size_px: number, weight = ''): string {
  return `${weight} ${size_px * devicePixelRatio}px ${palette.font.slice(palette.font.indexOf(' ') + 1)}`;
}

/** Room above the plot for what alarms did. */
export const MARKS_PX = 22;
const MARK_PX = 14;
const BAR_PX = 4;
/** Room for the number of marks that stand for one another. */
const COUNT_PX = 24;

/** Square, triangle up, triangle down, circle, as everywhere. */
function shapeOf(ctx: CanvasRenderingContext2D, priority: Priority, x: number, y: number, r: number): void {
  ctx.beginPath();
  if (priority === 4) {
    ctx.arc(x, y, r, 0, 2 * Math.PI);
  } else if (priority === 1) {
    ctx.rect(x - r, y - r, 2 * r, 2 * r);
  } else {
    const up = priority === 2 ? -1 : 1;
    ctx.moveTo(x - r * 1.1, y - up * r);
    ctx.lineTo(x + r * 1.1, y - up * r);
    ctx.lineTo(x, y + up * r);
    ctx.closePath();
  }
}

/** Raised: filled, with its number, and a line through the plot. Returned: hollow. Acknowledged: a tick. */
function drawMark(u: uPlot, { kind, priority }: Mark, n: number, at: number, palette: Palette): void {
  const { ctx } = u;
  const { top, height } = u.bbox;
  const px = devicePixelRatio;
  const x = Math.round(at);
  const y = top - (MARK_PX / 2 + BAR_PX) * px;
  const r = (MARK_PX / 2 - 1) * px;
  ctx.lineWidth = 1.5 * px;
  ctx.strokeStyle = palette.outline;
  if (kind === 'raise') {
    ctx.setLineDash([2 * px, 3 * px]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    ctx.setLineDash([]);
  }
  if (kind === 'ack') {
    ctx.beginPath();
    ctx.moveTo(x - r * 0.7, y);
    ctx.lineTo(x - r * 0.1, y + r * 0.7);
    ctx.lineTo(x + r * 0.8, y - r * 0.8);
    ctx.stroke();
  } else {
    shapeOf(ctx, priority, x, y, r);
    ctx.fillStyle = kind === 'raise' ? colorOf(palette, priority) : palette.paper;
    ctx.fill();
    ctx.stroke();
  }
  ctx.textBaseline = 'middle';
  if (kind === 'raise') {
    ctx.font = fontOf(palette, 9, 'bold');
    ctx.textAlign = 'center';
    ctx.fillStyle = palette.numbers[priority - 1] ?? palette.text;
    ctx.fillText(String(priority), x, y + (priority === 2 ? 2 : priority === 3 ? -1 : 0.5) * px);
  }
  if (n === 1) return;
  ctx.font = fontOf(palette, 10);
  const right = x + r + COUNT_PX * px < ctx.canvas.width;
  ctx.textAlign = right ? 'left' : 'right';
  ctx.fillStyle = palette.text;
  ctx.fillText(`×${n}`, right ? x + r + 2 * px : x - r - 2 * px, y);
}

const APART_PX = 30;

/** What alarms did, above the plot: a bar while one was on, and a mark for each thing that happened. */
export function drawAlarms(
  u: uPlot,
  marks: readonly Mark[],
  standings: readonly Standing[],
  now_s: number,
  palette: Palette,
): void {
  const { left, top, width } = u.bbox;
  const { ctx } = u;
  const px = devicePixelRatio;
  const at = (s: number): number => u.valToPos(s, 'x', true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(left - MARK_PX * px, 0, width + 2 * MARK_PX * px, u.bbox.top + u.bbox.height);
  ctx.clip();
  for (const { priority, from, to } of standings) {
    const x = Math.max(left, from === null ? left : at(from));
    const end = Math.min(left + width, at(to ?? now_s));
    if (end <= x) continue;
    ctx.fillStyle = palette.outline;
    ctx.fillRect(x, top - BAR_PX * px, end - x, BAR_PX * px);
    ctx.fillStyle = colorOf(palette, priority);
    ctx.fillRect(x, top - (BAR_PX - 1) * px, end - x, (BAR_PX - 2) * px);
  }
  const perPixel = (u.posToVal(100, 'x') - u.posToVal(0, 'x')) / 100;
  const seen = marks.filter((mark) => at(mark.at) >= left && at(mark.at) <= left + width);
  for (const { mark, n } of clustersOf(seen, APART_PX * perPixel)) drawMark(u, mark, n, at(mark.at), palette);
  ctx.restore();
}
