import { parseLocal } from '../../model/format.ts';
import { t } from '../../state/prefs.ts';

interface TimeFieldProps {
  readonly label: string;
  readonly testid: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
}

/** A time as all others on the screen are written; the browser's own field follows the browser's language instead. */
export function TimeField({ label, testid, value, onChange }: TimeFieldProps) {
  const wrong = value.trim() !== '' && parseLocal(value) === null;
  return (
    <label class="inline">
      {label}
      <input
        class="num time-field"
        data-testid={testid}
        placeholder={t('history.timeFormat')}
        title={wrong ? t('history.timeWrong') : undefined}
        aria-invalid={wrong}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    </label>
  );
}
