import { useMemo, useState } from 'preact/hooks';
import type { Tag } from '../../model/types.ts';
import { tags } from '../../state/plant.ts';
import { tt } from '../../state/prefs.ts';
import { w } from './words.ts';

const SHOWN_MAX = 12;

function matches(tag: Tag, words: readonly string[]): boolean {
  const text = `${tag.name} ${tag.title.en} ${tag.title.zh} ${tag.equipment}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

interface Props {
  readonly taken: readonly string[];
  readonly full: boolean;
  readonly onPick: (name: string) => void;
}

/** Type a part of a name, press Enter: the first match is added. */
export function TagSearch({ taken, full, onPick }: Props) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const known = tags.value;
  const found = useMemo(() => {
    const words = text
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    if (words.length === 0) return [];
    const list: Tag[] = [];
    for (const tag of known.values()) {
      if (!taken.includes(tag.name) && matches(tag, words)) list.push(tag);
      if (list.length === SHOWN_MAX) break;
    }
    return list;
  }, [text, known, taken]);
  const pick = (tag: Tag | undefined) => {
    if (tag === undefined || full) return;
    onPick(tag.name);
    setText('');
    setAt(0);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'Enter') pick(found[at]);
    else if (event.key === 'Escape') setText('');
    else if (event.key === 'ArrowDown') setAt(Math.min(at + 1, found.length - 1));
    else if (event.key === 'ArrowUp') setAt(Math.max(at - 1, 0));
    else return;
    event.preventDefault();
  };
  return (
    <div class="search">
      <input
        type="search"
        // biome-ignore lint/a11y/noRedundantRoles: without a list of the browser's own it is none by itself
        role="combobox"
        list={undefined}
        data-testid="trend-search"
        data-key="/"
        placeholder={w(full ? 'full' : 'search')}
        aria-label={w('add')}
        aria-expanded={found.length > 0}
        aria-controls="trend-found"
        aria-activedescendant={found.length > 0 ? `found-${at}` : undefined}
        disabled={full}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKey}
      />
      <div id="trend-found" role="listbox" class="found" aria-label={w('add')} hidden={text.trim() === ''}>
        {found.map((tag, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field handles the keys
          <div
            key={tag.name}
            id={`found-${i}`}
            role="option"
            aria-selected={i === at}
            data-testid={`trend-found-${tag.name}`}
            onClick={() => pick(tag)}
          >
            <b>{tag.name}</b> {tt(tag.title)} <span class="unit">{tag.unit}</span>
            {tag.stored ? null : <span class="hint"> ({w('calculated')})</span>}
          </div>
        ))}
        {found.length === 0 ? <p>{w('noMatch')}</p> : null}
      </div>
    </div>
  );
}
