import { asking, waiting } from '../../state/alarms.ts';
import { detailOf } from '../../state/dock.ts';
import { t } from '../../state/prefs.ts';
import { lazy } from '../lazy.tsx';
import { RequestForm } from './request-form.tsx';

const Detail = lazy(async () => (await import('./detail.tsx')).Detail);

const RequestSecond = lazy(async () => (await import('./request-second.tsx')).RequestSecond);

/** The right side of every screen: what is asked for, and one alarm in full. The work area becomes narrower; nothing is covered. */
export function Dock() {
  const name = detailOf.value;
  const asked = waiting.value;
  if (name === null && asking.value === null && asked === null) return null;
  return (
    <aside class="dock" aria-label={t('dock.label')} data-testid="dock">
      {asked === null ? null : (
        <RequestSecond key={`${asked.what} ${asked.items.map((item) => item.alarm).join(' ')}`} asked={asked} />
      )}
      <RequestForm />
      {name === null ? null : <Detail key={name} name={name} />}
    </aside>
  );
}
