import { useState } from 'preact/hooks';
import { putSet, SET_NAME_MAX, withoutSet } from '../../model/my-sets.ts';
import type { TrendRoute } from '../../model/route.ts';
import { say } from '../../state/action.ts';
import { changeSets, mySets } from '../../state/my-sets.ts';
import { Go } from '../go.tsx';
import { Icon } from '../icons.tsx';
import { useMenu } from '../use-menu.ts';
import { w } from './words.ts';

/** False: it was not kept, and that was said. */
function keep(change: Parameters<typeof changeSets>[0]): boolean {
  const how = changeSets(change);
  if (how !== 'kept') say('bad', w(how === 'full' ? 'setsFull' : 'setsRefused'));
  return how === 'kept';
}

/** Gives the set that is shown a name, under which it is found again. */
function Save({ at, onSaved }: { readonly at: TrendRoute; readonly onSaved: () => void }) {
  const [name, setName] = useState('');
  const save = (event: Event) => {
    event.preventDefault();
    if (keep((sets) => putSet(sets, name, at))) onSaved();
  };
  return (
    <form class="set-save" onSubmit={save}>
      <input
        data-testid="set-name"
        placeholder={w('setName')}
        aria-label={w('setName')}
        maxLength={SET_NAME_MAX}
        value={name}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button type="submit" data-testid="set-save" disabled={name.trim() === ''}>
        {w('setSave')}
      </button>
    </form>
  );
}

function List({ onGone }: { readonly onGone: () => void }) {
  const sets = mySets.value;
  if (sets.length === 0) return <p>{w('setsNone')}</p>;
  return (
    <ul>
      {sets.map(({ name, route }) => (
        <li key={name}>
          <span onClickCapture={onGone}>
            <Go to={route} testid={`set-${name}`}>
              {name}
            </Go>
          </span>
          <button
            type="button"
            class="flat"
            data-testid={`set-remove-${name}`}
            aria-label={w('setRemove', { name })}
            title={w('setRemove', { name })}
            onClick={() => keep((now) => withoutSet(now, name))}
          >
            <Icon name="close" size={14} />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The sets that this person has named, and the way to name one. */
export function MySets({ at }: { readonly at: TrendRoute }) {
  const { open, setOpen, root } = useMenu();
  return (
    <div class="my-sets" ref={root}>
      <button type="button" data-testid="my-sets" aria-expanded={open} onClick={() => setOpen(!open)}>
        {w('sets')}
      </button>
      {open ? (
        <div class="menu my-sets-menu">
          <List onGone={() => setOpen(false)} />
          {at.panes.length === 0 ? null : <Save at={at} onSaved={() => setOpen(false)} />}
          <p class="unit">{w('setsHere')}</p>
        </div>
      ) : null}
    </div>
  );
}
