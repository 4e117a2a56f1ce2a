import { useState } from 'preact/hooks';
import { fixedScale, type PenScale, type SetPen } from '../../model/trend-set.ts';
import type { Tag } from '../../model/types.ts';
import { w } from './words.ts';

interface Props {
  readonly tag: Tag;
  readonly set: SetPen;
  readonly onChange: (scale: PenScale) => void;
}

const KINDS = ['auto', 'own', 'range', 'fixed'] as const;

const numberOf = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text.trim()));

/** How a pen's axis is scaled; fixed ends are written beside it. */
export function ScaleCell({ tag, set: { scale }, onChange }: Props) {
  const choose = (kind: string) => {
    if (kind === 'fixed') onChange({ low: tag.low, high: tag.high > tag.low ? tag.high : tag.low + 1 });
    else onChange(KINDS.find((other): other is 'auto' | 'own' | 'range' => other === kind) ?? 'auto');
  };
  return (
    <>
      <select
        aria-label={w('scaleOf', { tag: tag.name })}
        data-testid={`pen-scale-${tag.name}`}
        value={typeof scale === 'object' ? 'fixed' : scale}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {KINDS.map((kind) => (
          <option key={kind} value={kind}>
            {w(`scale.${kind}`)}
          </option>
        ))}
      </select>
      {typeof scale === 'object' ? (
        <Ends key={`${scale.low} ${scale.high}`} tag={tag} low={scale.low} high={scale.high} onChange={onChange} />
      ) : null}
    </>
  );
}

interface EndsProps {
  readonly tag: Tag;
  readonly low: number;
  readonly high: number;
  readonly onChange: (scale: PenScale) => void;
}

function Ends({ tag, low, high, onChange }: EndsProps) {
  const [draft, setDraft] = useState<readonly [string, string]>([String(low), String(high)]);
  const next = fixedScale(numberOf(draft[0]), numberOf(draft[1]));
  const commit = () => {
    if (next !== null && (next.low !== low || next.high !== high)) onChange(next);
  };
  const field = (i: 0 | 1) => (
    <input
      class="num pen-end"
      inputMode="decimal"
      aria-label={w(i === 0 ? 'scaleLow' : 'scaleHigh', { tag: tag.name })}
      aria-invalid={next === null}
      title={next === null ? w('scaleWrong') : undefined}
      data-testid={`pen-${i === 0 ? 'low' : 'high'}-${tag.name}`}
      value={draft[i]}
      onInput={(event) =>
        setDraft(i === 0 ? [event.currentTarget.value, draft[1]] : [draft[0], event.currentTarget.value])
      }
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
    />
  );
  return (
    <>
      {field(0)}
      {field(1)}
      {next === null ? (
        <span class="fault" role="alert">
          {w('scaleWrong')}
        </span>
      ) : null}
    </>
  );
}
