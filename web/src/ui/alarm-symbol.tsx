import { useLayoutEffect, useRef } from 'preact/hooks';
import type { AlarmLetter, Priority } from '../model/types.ts';
import { t } from '../state/prefs.ts';

/** Outline and, for "returned", the hole in it: square, triangle up, triangle down, circle. */
const SHAPES: Readonly<Record<Priority, { readonly outer: string; readonly inner: string; readonly y: number }>> = {
  1: { outer: 'M2 2h16v16H2z', inner: 'M5 5h10v10H5z', y: 14.2 },
  2: { outer: 'M10 1L19.5 18.5H.5z', inner: 'M10 6.2L15 15.8H5z', y: 16.4 },
  3: { outer: 'M.5 1.5h19L10 19z', inner: 'M5 4.2h10L10 13.8z', y: 11.6 },
  4: { outer: 'M10 1a9 9 0 1 1 0 18a9 9 0 1 1 0-18z', inner: 'M10 4a6 6 0 1 1 0 12a6 6 0 1 1 0-12z', y: 14.2 },
};

interface Props {
  readonly priority: Priority;
  /** B flashes, C is steady, D is hollow. Without one: the steady symbol of the priority. */
  readonly letter?: AlarmLetter;
  readonly size?: number;
}

/** Priority as colour, shape and number together. Only this flashes, never a text. */
export function AlarmSymbol({ priority, letter = 'C', size = 18 }: Props) {
  const shape = SHAPES[priority];
  const fill = useRef<SVGPathElement>(null);
  const flashing = letter === 'B';
  useLayoutEffect(() => {
    // All symbols of the screen flash together: their animations start at the same moment of the page's time.
    if (flashing) for (const animation of fill.current?.getAnimations() ?? []) animation.startTime = 0;
  }, [flashing]);
  const text = `${t(`priority.${priority}`)}, ${t(`letter.${letter}`)}`;
  return (
    <svg class={`sym sym-p${priority}`} width={size} height={size} viewBox="0 0 20 20" role="img" aria-label={`${priority} ${text}`}>
      <title>{text}</title>
      <path class="sym-outline" d={shape.outer} />
      <path ref={fill} class={flashing ? 'sym-fill sym-flash' : 'sym-fill'} d={shape.outer} />
      {letter === 'D' ? <path class="sym-hole" d={shape.inner} /> : null}
      <text class={letter === 'D' ? 'sym-number sym-number-hollow' : 'sym-number'} x="10" y={shape.y}>
        {priority}
      </text>
    </svg>
  );
}
