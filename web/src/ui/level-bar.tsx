import { LOOKS } from '../model/quality.ts';
import { fraction, type Limit, normalBand } from '../model/scale.ts';
import type { Tag } from '../model/types.ts';
import { limits } from '../state/plant.ts';
import { showTag } from './tag-value.tsx';

interface Props {
  readonly tag: Tag;
  readonly width: number;
  readonly height: number;
  readonly x?: number;
  readonly y?: number;
}

const NO_LIMITS: readonly Limit[] = [];

/**
 * A vertical bar over the whole range of the instrument: the band in which all is well, the limits as ticks, the value as filling with
 * a pointer. Drawn into an svg of the caller's.
 */
export function LevelBar({ tag, width, height, x = 0, y = 0 }: Props) {
  const shown = showTag(tag);
  const look = LOOKS[shown.state];
  const its = limits.value.get(tag.name) ?? NO_LIMITS;
  const at = (value: number): number => height * (1 - fraction(value, tag.low, tag.high));
  const [low, high] = normalBand(its, tag.low, tag.high);
  const top = shown.value === null ? height : at(shown.value);
  return (
    <g transform={`translate(${x} ${y})`} class={`bar bar-${look.shape}`}>
      <rect class="bar-range" width={width} height={height} />
      <rect class="bar-normal" y={at(high)} width={width} height={Math.max(0, at(low) - at(high))} />
      <rect class="bar-fill" y={top} width={width} height={height - top} />
      {look.shape === 'hatched' ? <rect class="hatch" width={width} height={height} /> : null}
      {its.map((limit) => (
        <path key={limit.alarm} class="bar-limit" d={`M${width - 5} ${at(limit.value)}h9`} />
      ))}
      {shown.value === null ? null : <path class="bar-pointer" d={`M0 ${top}h${width}`} />}
      <rect class="bar-outline" width={width} height={height} />
    </g>
  );
}

/** The pattern for "old": once in the document, used by every drawing. */
export function HatchPattern() {
  return (
    <svg class="defs" width="0" height="0" aria-hidden="true">
      <defs>
        <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <path class="hatch-line" d="M0 0v6" />
        </pattern>
      </defs>
    </svg>
  );
}
