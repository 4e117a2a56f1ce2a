import { agree, type Waiting, waiting } from '../../state/alarms.ts';
import { t } from '../../state/prefs.ts';
import { SecondForm } from '../second-form.tsx';

/** For requests that touch highly managed alarms: the second person, at the side. */
export function RequestSecond({ asked }: { readonly asked: Waiting }) {
  return (
    <SecondForm
      touched={asked.touched}
      doing={t(`do.${asked.what}`)}
      changes={[]}
      reason={asked.items[0]?.reason ?? asked.items[0]?.comment ?? ''}
      onAgree={(second) => agree(asked, second)}
      onCancel={() => {
        waiting.value = null;
      }}
    />
  );
}
