import { useEffect, useState } from 'preact/hooks';
import type { Key } from '../../i18n/en.ts';
import { formatDateTime, parseTime } from '../../model/format.ts';
import { authors } from '../../model/second.ts';
import { difference } from '../../model/setting-form.ts';
import type { Revision, RevisionItem } from '../../model/types.ts';
import { wordsOf } from '../../state/action.ts';
import { get } from '../../state/http.ts';
import { t } from '../../state/prefs.ts';
import { Difference } from '../difference.tsx';

const PAGE = 50;
const ITEMS_SHOWN = 20;

interface Page {
  readonly revisions: readonly Revision[];
  readonly next: number | null;
}

const KIND_KEYS: Readonly<Record<string, Key>> = {
  site: 'kindName.site',
  gateway: 'kindName.gateway',
  tag: 'kindName.tag',
  alarm: 'kindName.alarm',
};

function Item({ item }: { readonly item: RevisionItem }) {
  const key = KIND_KEYS[item.kind];
  const what =
    item.before === null ? 'revisions.created' : item.after === null ? 'revisions.removed' : 'revisions.changed';
  return (
    <li>
      <span class="label">{key === undefined ? item.kind : t(key)}</span> <b>{item.name}</b> {t(what)}
      {what === 'revisions.changed' ? <Difference changes={difference(item.before, item.after)} /> : null}
    </li>
  );
}

function RevisionRow({ revision }: { readonly revision: Revision }) {
  const at = parseTime(revision.at);
  const [actor, second] = authors(revision);
  const more = revision.items.length - ITEMS_SHOWN;
  return (
    <tr data-testid={`revision-${revision.revision}`}>
      <th scope="row" class="cell-number num">
        {revision.revision}
      </th>
      <td class="num">{at === null ? '' : formatDateTime(at)}</td>
      <td>
        <div>{actor}</div>
        {second === undefined ? null : (
          <div class="small" data-testid={`second-${revision.revision}`}>
            {t('revisions.second', { second })}
          </div>
        )}
      </td>
      <td class="cell-wrap">{revision.reason}</td>
      <td class="cell-wrap">
        <ul class="items">
          {revision.items.slice(0, ITEMS_SHOWN).map((item) => (
            <Item key={`${item.kind} ${item.name}`} item={item} />
          ))}
          {more > 0 ? <li>{t('banner.more', { n: more })}</li> : null}
        </ul>
      </td>
    </tr>
  );
}

/** Every change of the configuration: who, when, why, and what exactly. */
export function RevisionsScreen() {
  const [list, setList] = useState<readonly Revision[]>([]);
  const [next, setNext] = useState<number | null>(null);
  const [busy, setBusy] = useState(true);
  const [failed, setFailed] = useState('');
  const load = async (before: number | null) => {
    setBusy(true);
    try {
      const page = await get<Page>(`/revisions?limit=${PAGE}${before === null ? '' : `&before=${before}`}`);
      setList((shown) => (before === null ? page.revisions : [...shown, ...page.revisions]));
      setNext(page.next);
      setFailed('');
    } catch (error) {
      setFailed(wordsOf(error));
    }
    setBusy(false);
  };
  useEffect(() => {
    void load(null);
  }, []);
  return (
    <div class="page">
      <header class="page-head">
        <h1>{t('revisions.title')}</h1>
        {failed === '' ? null : (
          <strong class="fault" role="alert">
            {failed}
          </strong>
        )}
      </header>
      <div class="panel">
        <table class="table revisions">
          <thead>
            <tr>
              <th scope="col" class="cell-number">
                {t('revisions.revision')}
              </th>
              <th scope="col">{t('revisions.at')}</th>
              <th scope="col">{t('revisions.actor')}</th>
              <th scope="col">{t('revisions.reason')}</th>
              <th scope="col">{t('revisions.what')}</th>
            </tr>
          </thead>
          <tbody>
            {list.map((revision) => (
              <RevisionRow key={revision.revision} revision={revision} />
            ))}
          </tbody>
        </table>
        {list.length === 0 && failed === '' ? (
          <p class="page-note">{t(busy ? 'app.loading' : 'revisions.empty')}</p>
        ) : null}
        {next === null ? null : (
          <button
            type="button"
            class="older"
            data-testid="revisions-older"
            disabled={busy}
            onClick={() => void load(next)}
          >
            {t('revisions.older')}
          </button>
        )}
      </div>
    </div>
  );
}
