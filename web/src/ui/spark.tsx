import { useEffect, useRef, useState } from 'preact/hooks';
import { fraction } from '../model/scale.ts';
import { extentOf, type Pen } from '../model/trend.ts';
import { type Span, spanMs } from '../model/trend-view.ts';
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
const LEAST = 0.02;
const REFRESH_MS = 5 * 60_000;

interface Frame {
  readonly from: number;
  readonly to: number;
  readonly width: number;
  readonly height: number;
  /** A line that moves less is not blown up to look like an event. */
  readonly least: number;
}

function pathOf(pen: Pen, { from, to, width, height, least }: Frame): string {
  const extent = extentOf(pen, from, to);
  if (extent === null) return '';
  const spare = Math.max((extent.max - extent.min) * 0.1, (least - (extent.max - extent.min)) / 2);
  const low = extent.min - spare;
  const high = extent.max + spare;
  let path = '';
  let drawing = false;
  pen.xs.forEach((x, i) => {
    const y = pen.ys[i] ?? null;
    if (y === null || x < from || x > to) {
      drawing = false;
      return;
    }
    const px = (fraction(x, from, to) * width).toFixed(1);
    const py = ((1 - fraction(y, low, high)) * height).toFixed(1);
    path += `${drawing ? 'L' : 'M'}${px} ${py}`;
    drawing = true;
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
        const frame = { from: to - spanMs(span) / 1000, to, width, height, least: (tag.high - tag.low) * LEAST };
        if (!gone) setPath(pathOf(pen, frame));
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
