/** What uPlot does not draw by itself: the hatch where nothing is known, limits as lines, times as the room reads them. */
import type uPlot from 'uplot';
import { formatClock, formatDate, formatNumber } from '../../model/format.ts';
import type { Limit } from '../../model/scale.ts';
import type { Box } from '../../model/station.ts';
import type { Hole } from '../../model/trend.ts';

export interface Palette {
  readonly text: string;
  readonly grid: string;
  readonly hatch: string;
  readonly pens: readonly string[];
  readonly priorities: readonly string[];
  readonly outline: string;
  readonly paper: string;
  readonly font: string;
}

export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: color('--text-2'),
    grid: color('--chart-grid'),
    hatch: color('--hatch'),
    pens: [1, 2, 3, 4, 5, 6, 7, 8].map((i) => color(`--pen-${i}`)),
    priorities: [1, 2, 3, 4].map((p) => color(`--p${p}`)),
    outline: color('--p-outline'),
    paper: color('--panel'),
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
  };
}

/** Dashes tell pens apart where colour alone does not. */
export const DASHES: readonly (readonly number[])[] = [[], [], [], [], [8, 4], [8, 4], [2, 3], [2, 3]];

/** Labels of the time axis: the date at the first one and at midnight, seconds only where they differ. */
export function timeLabels(splits: readonly number[], increment: number): string[] {
  let day = '';
  return splits.map((s) => {
    const ms = s * 1000;
    const date = formatDate(ms);
    const clock = increment < 60 ? formatClock(ms) : formatClock(ms).slice(0, 5);
    const label = date === day ? clock : increment >= 86_400 ? date.slice(5) : `${clock}\n${date.slice(5)}`;
    day = date;
    return label;
  });
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
const HATCH_PX = 7;
const HATCH_WIDE_PX = 18;

/** One pen: the whole height. Several: a strip for each at the foot, in its colour. */
export function drawHoles(u: uPlot, holes: readonly (readonly Hole[])[], palette: Palette): void {
  const { left, top, width, height } = u.bbox;
  const strip = STRIP_PX * devicePixelRatio;
  holes.forEach((list, pen) => {
    const y = holes.length === 1 ? top : top + height - (pen + 1) * strip;
    const h = holes.length === 1 ? height : strip - 2 * devicePixelRatio;
    const color = holes.length === 1 ? palette.hatch : (palette.pens[pen] ?? palette.hatch);
    for (const hole of list) {
      const from = Math.max(left, u.valToPos(hole.from, 'x', true));
      const to = Math.min(left + width, u.valToPos(hole.to, 'x', true));
      const box = { x: from, y, w: Math.max(to - from, 2), h };
      if (to > from) hatch(u.ctx, box, color, hole.why === 'uncertain' ? HATCH_WIDE_PX : HATCH_PX);
    }
  });
}

/** Limits of a single pen: a line, and at its end what it means. */
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
  ctx.font = `${12 * px}px ${palette.font.slice(palette.font.indexOf(' ') + 1)}`;
  ctx.textAlign = 'right';
  for (const limit of limits) {
    const y = u.valToPos(limit.value, scale, true);
    if (!(y >= top && y <= top + height)) continue;
    ctx.strokeStyle = palette.outline;
    ctx.lineWidth = px;
    ctx.setLineDash([6 * px, 4 * px]);
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(left + width, y);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.fillStyle = palette.text;
    const label = `${limit.priority ?? ''} ${limit.kind === 'low' ? '<' : '>'} ${formatNumber(limit.value, decimals)}`;
    ctx.textBaseline = limit.kind === 'low' ? 'top' : 'bottom';
    ctx.fillText(label, left + width - 8 * px, limit.kind === 'low' ? y + 4 * px : y - 2 * px);
    ctx.fillStyle = (limit.priority === undefined ? undefined : palette.priorities[limit.priority - 1]) ?? palette.text;
    ctx.fillRect(left + width - 4 * px, y - 3 * px, 4 * px, 6 * px);
  }
  ctx.restore();
}
