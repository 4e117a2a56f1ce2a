import type { HiddenLetter } from '../model/alarm-list.ts';
import type { Alarm, AlarmLetter, Priority } from '../model/types.ts';
import { t } from '../state/prefs.ts';
import { useInStep } from './in-step.ts';

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

/** Shelved, suppressed by Design, Out of service; a stroke for disabled. */
const MARKS: Readonly<Record<HiddenLetter, string>> = { G: 'S', H: 'D', I: 'O', Z: '–' };

interface Props {
  readonly priority: Priority;
  /**
   * B flashes, C is steady; D and E flash slowly and are hollow, F is hollow; E and F have a lock; G, H, I and Z are small marks.
   * Without one: the steady symbol of the priority.
   */
  readonly letter?: AlarmLetter;
  /** An input is unknown: a question mark beside it. */
  readonly untrusted?: boolean;
  /** At 100 % size of text, with which it grows. */
  readonly size?: number;
  /** Within a drawing, which has its own scale. */
  readonly drawn?: boolean;
}

const FLASHING: ReadonlySet<AlarmLetter> = new Set(['B', 'D', 'E']);
const HOLLOW: ReadonlySet<AlarmLetter> = new Set(['D', 'E', 'F']);

const isHiddenLetter = (letter: AlarmLetter): letter is HiddenLetter => letter in MARKS;

/** Priority as colour, shape and number together. Only this flashes, never a text. */
export function AlarmSymbol({ priority, letter = 'C', untrusted = false, size = 20, drawn = false }: Props) {
  const shape = SHAPES[priority];
  const root = useInStep<SVGSVGElement>(FLASHING.has(letter), letter);
  if (isHiddenLetter(letter)) return <HiddenMark letter={letter} size={size} drawn={drawn} />;
  const side = drawn ? size : `${size / 16}rem`;
  const text = `${t(`priority.${priority}`)}, ${t(`letter.${letter}`)}${untrusted ? `, ${t('alarms.untrusted')}` : ''}`;
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
      {HOLLOW.has(letter) ? <path class="sym-hole" d={shape.inner} /> : null}
      <text class="sym-number" x="10" y={shape.y}>
        {priority}
      </text>
      {letter === 'E' || letter === 'F' ? (
        <g class="sym-lock">
          <path class="sym-shackle" d="M17 14v-2a2.25 2.25 0 0 1 4.5 0v2" />
          <rect x="15.25" y="14" width="8" height="6.5" rx="1" />
        </g>
      ) : null}
      {untrusted ? (
        <text class="sym-doubt" x="19" y="7.5">
          ?
        </text>
      ) : null}
    </svg>
  );
}

interface MarkProps {
  readonly letter: HiddenLetter;
  readonly size?: number;
  readonly drawn?: boolean;
  /** What is beneath, for the tooltip. */
  readonly alarms?: readonly Alarm[];
}

/** Nothing is ever invisible: what is hidden has a small mark, and in its tooltip what would be shown. */
export function HiddenMark({ letter, size = 16, drawn = false, alarms = [] }: MarkProps) {
  const side = drawn ? size : `${size / 16}rem`;
  const list = alarms.map((a) => `${a.name}: ${t(`letter.${a.base}`)}`);
  const text = [t(`letter.${letter}`), ...list].join('\n');
  return (
    <svg
      class={`mark-of mark-${letter}`}
      width={side}
      height={side}
      viewBox="0 0 20 20"
      role="img"
      aria-label={text}
      data-testid={alarms.length === 0 ? undefined : `mark-${letter}`}
    >
      <title>{text}</title>
      <rect x="1.5" y="1.5" width="17" height="17" rx="3" />
      <text x="10" y="14.6">
        {MARKS[letter]}
      </text>
    </svg>
  );
}
