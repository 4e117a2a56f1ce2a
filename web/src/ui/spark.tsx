import { useEffect, useRef, useState } from 'preact/hooks';
import { type Span, spanMs } from '../model/route.ts';
import { fraction } from '../model/scale.ts';
import { extentOf, type Pen } from '../model/trend.ts';
import type { Tag } from '../model/types.ts';
import { serverNow } from '../state/clock.ts';
import { recentPen } from '../state/history.ts';

interface Props {
  readonly tag: Tag;
  readonly width: number;
  readonly height: number;
  readonly span: Span;
}

const POINTS = 60;
const REFRESH_MS = 5 * 60_000;

function pathOf(pen: Pen, from: number, to: number, width: number, height: number): string {
  const extent = extentOf(pen, from, to);
  if (extent === null) return '';
  // A line that hardly moves is not blown up to look like an event.
  const least = Math.max((extent.max - extent.min) * 0.1, 1e-9);
  const low = extent.min - least;
  const high = extent.max + least;
  let path = '';
  let pen_down = false;
  pen.xs.forEach((x, i) => {
    const y = pen.ys[i] ?? null;
    if (y === null || x < from || x > to) {
      pen_down = false;
      return;
    }
    const px = (fraction(x, from, to) * width).toFixed(1);
    const py = ((1 - fraction(y, low, high)) * height).toFixed(1);
    path += `${pen_down ? 'L' : 'M'}${px} ${py}`;
    pen_down = true;
  });
  return path;
}

/** The shape of the last hours, without numbers. Loaded only when it comes into sight. */
export function Spark({ tag, width, height, span }: Props) {
  const root = useRef<SVGSVGElement>(null);
  const [path, setPath] = useState('');
  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async () => {
      try {
        const pen = await recentPen(tag, spanMs(span), POINTS);
        const to = serverNow() / 1000;
        if (!gone) setPath(pathOf(pen, to - spanMs(span) / 1000, to, width, height));
      } catch {
        if (!gone) setPath('');
      }
      if (!gone) timer = setTimeout(() => void load(), REFRESH_MS);
    };
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      void load();
    });
    if (root.current !== null) watcher.observe(root.current);
    return () => {
      gone = true;
      clearTimeout(timer);
      watcher.disconnect();
    };
  }, [tag, span, width, height]);
  return (
    <svg
      ref={root}
      class="spark"
      width={width}
      height={height}
      viewBox={`0 -1 ${width} ${height + 2}`}
      aria-hidden="true"
    >
      <path d={path} />
    </svg>
  );
}
