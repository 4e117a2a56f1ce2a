/**
 * What a trend shows, as its address says it: panes with pens, each pen with its scale and its way of drawing.
 *
 * tags=S1/A,S1/B~0..10;S1/C~step: panes parted by ";", pens by ",", what is particular of a pen behind "~".
 */

export const PANES_MAX = 4;
/** In each pane. */
export const PENS_MAX = 8;

export interface Fixed {
  readonly low: number;
  readonly high: number;
}

/** auto: by what is shown, shared with pens of its kind; own: the same, but alone; range: the range of the instrument. */
export type PenScale = 'auto' | 'own' | 'range' | Fixed;

/** As the tag is, or as somebody chose. */
export type PenDraw = 'tag' | 'step' | 'line';

export interface SetPen {
  readonly tag: string;
  readonly scale: PenScale;
  readonly draw: PenDraw;
}

export interface SetPane {
  readonly pens: readonly SetPen[];
  /** One axis for all its pens, whatever their unit. */
  readonly oneAxis: boolean;
}

export const penOfTag = (tag: string): SetPen => ({ tag, scale: 'auto', draw: 'tag' });

/** null: these are no ends of a scale. */
export function fixedScale(low: number, high: number): Fixed | null {
  return Number.isFinite(low) && Number.isFinite(high) && low < high ? { low, high } : null;
}

function takeOption(pen: SetPen, option: string): SetPen {
  if (option === 'own' || option === 'range') return { ...pen, scale: option };
  if (option === 'step' || option === 'line') return { ...pen, draw: option };
  const [low, high, more] = option.split('..');
  if (low === undefined || high === undefined || more !== undefined || low === '' || high === '') return pen;
  const scale = fixedScale(Number(low), Number(high));
  return scale === null ? pen : { ...pen, scale };
}

function parsePen(text: string): SetPen {
  const [tag = '', ...options] = text.split('~');
  return options.reduce(takeOption, penOfTag(tag));
}

function parsePens(text: string): readonly SetPen[] {
  const pens = new Map<string, SetPen>();
  for (const pen of text.split(',').map(parsePen)) if (pen.tag !== '' && !pens.has(pen.tag)) pens.set(pen.tag, pen);
  return [...pens.values()].slice(0, PENS_MAX);
}

/** `one`: the numbers of the panes with a single axis, from 1, parted by ",". */
export function parsePanes(tags: string, one: string): readonly SetPane[] {
  const singles = one.split(',').map(Number);
  return tags
    .split(';')
    .map((text, i) => ({ pens: parsePens(text), oneAxis: singles.includes(i + 1) }))
    .filter((pane) => pane.pens.length > 0)
    .slice(0, PANES_MAX);
}

function formatPen({ tag, scale, draw }: SetPen): string {
  const parts = [tag];
  if (typeof scale === 'object') parts.push(`${scale.low}..${scale.high}`);
  else if (scale !== 'auto') parts.push(scale);
  if (draw !== 'tag') parts.push(draw);
  return parts.join('~');
}

export function formatPanes(panes: readonly SetPane[]): { readonly tags: string; readonly one: string } {
  return {
    tags: panes.map((pane) => pane.pens.map(formatPen).join(',')).join(';'),
    one: panes.flatMap((pane, i) => (pane.oneAxis ? [i + 1] : [])).join(','),
  };
}

const withPens = (pane: SetPane, pens: readonly SetPen[]): SetPane => ({ ...pane, pens });

/** A pane without pens is none. */
const filled = (panes: readonly SetPane[]): readonly SetPane[] => panes.filter((pane) => pane.pens.length > 0);

/** Room for another pen in a pane; `at` behind the last one: for a new pane. */
export function hasRoom(panes: readonly SetPane[], at: number): boolean {
  const pane = panes[at];
  return pane === undefined ? panes.length < PANES_MAX : pane.pens.length < PENS_MAX;
}

/** At the end of a pane; behind the last pane: in a new one. Where there is no room, or it is there already, all stays as it is. */
export function addPen(panes: readonly SetPane[], at: number, pen: SetPen): readonly SetPane[] {
  if (!hasRoom(panes, at)) return panes;
  const pane = panes[at];
  if (pane === undefined) return [...panes, { pens: [pen], oneAxis: false }];
  if (pane.pens.some((other) => other.tag === pen.tag)) return panes;
  return panes.map((other) => (other === pane ? withPens(pane, [...pane.pens, pen]) : other));
}

function without(panes: readonly SetPane[], at: number, tag: string): readonly SetPane[] {
  return panes.map((pane, i) =>
    i === at
      ? withPens(
          pane,
          pane.pens.filter((pen) => pen.tag !== tag),
        )
      : pane,
  );
}

export function removePen(panes: readonly SetPane[], at: number, tag: string): readonly SetPane[] {
  return filled(without(panes, at, tag));
}

export function movePen(panes: readonly SetPane[], at: number, tag: string, to: number): readonly SetPane[] {
  const pen = panes[at]?.pens.find((other) => other.tag === tag);
  if (pen === undefined || at === to) return panes;
  const moved = addPen(panes, to, pen);
  return moved === panes ? panes : filled(without(moved, at, tag));
}

export function changePen(
  panes: readonly SetPane[],
  at: number,
  tag: string,
  change: Partial<SetPen>,
): readonly SetPane[] {
  return panes.map((pane, i) =>
    i === at
      ? withPens(
          pane,
          pane.pens.map((pen) => (pen.tag === tag ? { ...pen, ...change } : pen)),
        )
      : pane,
  );
}

/** Of the pen; of all pens where they share one axis. */
export function changeScale(panes: readonly SetPane[], at: number, tag: string, scale: PenScale): readonly SetPane[] {
  const pane = panes[at];
  if (pane === undefined || !pane.oneAxis) return changePen(panes, at, tag, { scale });
  return pane.pens.reduce((all, pen) => changePen(all, at, pen.tag, { scale }), panes);
}

export function changeAxes(panes: readonly SetPane[], at: number, oneAxis: boolean): readonly SetPane[] {
  return panes.map((pane, i) => (i === at ? { ...pane, oneAxis } : pane));
}

/** Each once, in the order of the panes. */
export function tagsOf(panes: readonly SetPane[]): readonly string[] {
  return [...new Set(panes.flatMap((pane) => pane.pens.map((pen) => pen.tag)))];
}
