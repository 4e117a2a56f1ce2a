import { useLayoutEffect, useRef } from 'preact/hooks';
import type { AlarmLetter, Priority } from '../model/types.ts';
import { t } from '../state/prefs.ts';

interface Shape {
  readonly outer: string;
  /** The hole of "returned". */
  readonly inner: string;
  /** Base line of the number. */
  readonly y: number;
}

/** Square, triangle up, triangle down, circle. */
const SHAPES: Readonly<Record<Priority, Shape>> = {
  1: { outer: 'M1.5 1.5h17v17h-17z', inner: 'M4 4h12v12H4z', y: 14.3 },
  2: { outer: 'M10 .5L20 18.5H0z', inner: 'M10 4.4L16.9 16.9H3.1z', y: 16.6 },
  3: { outer: 'M0 1.5h20L10 19.5z', inner: 'M3.1 3.1h13.8L10 15.6z', y: 11.9 },
  4: {
    outer: 'M10 .8a9.2 9.2 0 1 1 0 18.4a9.2 9.2 0 1 1 0-18.4z',
    inner: 'M10 3.2a6.8 6.8 0 1 1 0 13.6a6.8 6.8 0 1 1 0-13.6z',
    y: 14.3,
  },
};

interface Props {
  readonly priority: Priority;
  /** B flashes, C is steady, D is hollow. Without one: the steady symbol of the priority. */
  readonly letter?: AlarmLetter;
  /** At 100 % size of text, with which it grows. */
  readonly size?: number;
  /** Within a drawing, which has its own scale. */
  readonly drawn?: boolean;
}

/** Priority as colour, shape and number together. Only this flashes, never a text. */
export function AlarmSymbol({ priority, letter = 'C', size = 20, drawn = false }: Props) {
  const shape = SHAPES[priority];
  const root = useRef<SVGSVGElement>(null);
  const flashing = letter === 'B';
  useLayoutEffect(() => {
    // All symbols of the screen flash together: their animations start at the same moment of the page's time.
    if (flashing) for (const animation of root.current?.getAnimations({ subtree: true }) ?? []) animation.startTime = 0;
  }, [flashing]);
  const side = drawn ? size : `${size / 16}rem`;
  const text = `${t(`priority.${priority}`)}, ${t(`letter.${letter}`)}`;
  return (
    <svg
      ref={root}
      class={`sym sym-p${priority} sym-${letter}`}
      width={side}
      height={side}
      viewBox="0 0 20 20"
      role="img"
      aria-label={`${priority} ${text}`}
    >
      <title>{text}</title>
      <path class="sym-outline" d={shape.outer} />
      <path class="sym-fill" d={shape.outer} />
      {letter === 'D' ? <path class="sym-hole" d={shape.inner} /> : null}
      <text class="sym-number" x="10" y={shape.y}>
        {priority}
      </text>
    </svg>
  );
}
