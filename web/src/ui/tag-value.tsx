import type { LiveValue } from '../model/connection.ts';
import { formatAge, formatDateTime, formatNumber, NONE } from '../model/format.ts';
import { LOOKS, type QualityState, reasonOf, stateOf } from '../model/quality.ts';
import type { Tag } from '../model/types.ts';
import { second } from '../state/clock.ts';
import { liveValue } from '../state/live.ts';
import { lang, t } from '../state/prefs.ts';

/** A number, or the words of a state. */
export function shownValue(tag: Tag, value: number | null): string {
  if (value === null || tag.type !== 'bool') return formatNumber(value, tag.type === 'int' ? 0 : tag.decimals);
  if (tag.role === 'run') return t(value !== 0 ? 'state.running' : 'state.stopped');
  return t(value !== 0 ? 'state.on' : 'state.off');
}

export interface Shown {
  readonly state: QualityState;
  readonly text: string;
  readonly mark: string;
  readonly age: string;
  readonly title: string;
  readonly value: number | null;
}

/** What a tag shows now: text, mark and age by the one table of qualities. Read in a component, it follows the tag. */
export function showTag(tag: Tag): Shown {
  const live: LiveValue = liveValue(tag.name).value;
  const state = stateOf(live.quality);
  const look = LOOKS[state];
  const old = look.age && live.at !== null;
  return {
    state,
    text: look.number === 'none' ? NONE : shownValue(tag, live.value),
    mark: look.mark,
    age: old && live.at !== null ? formatAge(second.value - live.at, lang.value) : '',
    title: titleOf(tag, live, state),
    value: look.number === 'none' ? null : live.value,
  };
}

function titleOf(tag: Tag, live: LiveValue, state: QualityState): string {
  const reason = t(`reason.${reasonOf(live.quality)}`);
  const quality = reason === '' ? t(`quality.${state}`) : `${t(`quality.${state}`)}: ${reason}`;
  return `${tag.name} · ${quality}${live.at === null ? '' : ` · ${formatDateTime(live.at)}`}`;
}

interface Props {
  readonly tag: Tag;
  readonly testid?: string;
  readonly unit?: boolean;
  /** Mark and age stand elsewhere (TagNote), where there is room for them. */
  readonly brief?: boolean;
}

/** A tag's value as text, with the mark of its quality and, where it is old, its age. */
export function TagValue({ tag, testid, unit = true, brief = false }: Props) {
  const shown = showTag(tag);
  return (
    <span class={`val val-${shown.state}`} data-quality={shown.state} title={shown.title}>
      <span class="num" data-testid={testid}>
        {shown.text}
      </span>
      {unit && tag.unit !== '' ? <span class="unit">{tag.unit}</span> : null}
      {shown.mark === '' || brief ? null : <span class="mark">{shown.mark}</span>}
      {shown.age === '' || brief ? null : <span class="age">{shown.age}</span>}
    </span>
  );
}

/** Mark and age for a place of their own. Nothing where the whole site is cut off: that is said once, for all of it. */
export function TagNote({ tag }: { readonly tag: Tag }) {
  const shown = showTag(tag);
  if (shown.state === 'cut') return null;
  return (
    <span class={`note-of val-${shown.state}`}>
      {shown.mark === '' ? null : <span class="mark">{shown.mark}</span>}
      {shown.age === '' ? null : <span class="age">{shown.age}</span>}
    </span>
  );
}
