import { asking } from '../../state/alarms.ts';
import { detailOf } from '../../state/dock.ts';
import { t } from '../../state/prefs.ts';
import { lazy } from '../lazy.tsx';
import { RequestForm } from './request-form.tsx';

const Detail = lazy(async () => (await import('./detail.tsx')).Detail);

/** The right side of every screen: what is asked for, and one alarm in full. The work area becomes narrower; nothing is covered. */
export function Dock() {
  const name = detailOf.value;
  if (name === null && asking.value === null) return null;
  return (
    <aside class="dock" aria-label={t('dock.label')} data-testid="dock">
      <RequestForm />
      {name === null ? null : <Detail key={name} name={name} />}
    </aside>
  );
}
