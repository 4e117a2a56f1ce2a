/** Which rows of a list of fixed-height rows are to be in the document. */

export interface Window {
  readonly first: number;
  /** Behind the last. */
  readonly end: number;
  readonly above: number;
  readonly below: number;
}

const SPARE_ROWS = 8;

export function windowOf(count: number, rowPx: number, scrollPx: number, heightPx: number): Window {
  const top = Math.max(0, Math.min(scrollPx, count * rowPx - heightPx));
  const first = Math.max(0, Math.floor(top / rowPx) - SPARE_ROWS);
  const end = Math.min(count, Math.ceil((top + heightPx) / rowPx) + SPARE_ROWS);
  return { first, end, above: first * rowPx, below: Math.max(0, count - end) * rowPx };
}

/** Rows wholly or mostly in sight: what "the visible page" means for an acknowledgement. */
export function visibleRows(
  count: number,
  rowPx: number,
  scrollPx: number,
  heightPx: number,
): readonly [number, number] {
  const first = Math.max(0, Math.ceil(scrollPx / rowPx - 0.5));
  const end = Math.min(count, Math.floor((scrollPx + heightPx) / rowPx + 0.5));
  return [Math.min(first, count), Math.max(Math.min(first, count), end)];
}

/** Scroll position that brings a row into sight, moving as little as possible. */
export function scrollTo(row: number, rowPx: number, scrollPx: number, heightPx: number): number {
  const top = row * rowPx;
  if (top < scrollPx) return top;
  return top + rowPx > scrollPx + heightPx ? top + rowPx - heightPx : scrollPx;
}
