import type { FieldChange } from '../model/setting-form.ts';
import { t } from '../state/prefs.ts';
import { fieldName } from './field-name.ts';

/** What a change makes of each field that it changes. */
export function Difference({ changes }: { readonly changes: readonly FieldChange[] }) {
  return (
    <dl class="difference">
      {changes.map((change) => (
        <div key={change.field}>
          <dt>{fieldName(change.field)}</dt>
          <dd>
            <del>{change.before ?? t('revisions.none')}</del> → <ins>{change.after ?? t('revisions.none')}</ins>
          </dd>
        </div>
      ))}
    </dl>
  );
}
