import { en, type Key } from '../../i18n/en.ts';
import type { Findings as Answer, Finding } from '../../model/types.ts';
import { get } from '../../state/http.ts';
import { t } from '../../state/prefs.ts';
import { useEvery } from '../use-every.ts';

const isKey = (text: string): text is Key => Object.hasOwn(en, text);

function title(code: string): string {
  const key = `check.${code}`;
  return isKey(key) ? t(key) : code;
}

interface Props {
  /** What was saved last: the findings are about it. */
  readonly stamp: string;
  readonly onEdit: (name: string) => void;
}

function Row({ finding, onEdit }: { readonly finding: Finding; readonly onEdit: (name: string) => void }) {
  const { code, alarm, other, text } = finding;
  return (
    <tr data-testid={`finding-${code}-${alarm ?? ''}`}>
      <td>
        <b>{title(code)}</b>
      </td>
      <th scope="row">
        {alarm === null ? (
          t('checks.whole')
        ) : (
          <button type="button" class="link" onClick={() => onEdit(alarm)}>
            {alarm}
          </button>
        )}
      </th>
      <td class="cell-wrap">
        {text} {other === null ? '' : `(${other})`}
      </td>
    </tr>
  );
}

/** What a review of the alarms would ask about: allowed, and questionable. */
export function Findings({ stamp, onEdit }: Props) {
  const { value: answer, failed } = useEvery((signal) => get<Answer>('/alarms/checks', signal), 0, stamp);
  if (failed !== '') return <p class="page-note fault">{failed}</p>;
  if (answer === null) return <p class="page-note">{t('app.loading')}</p>;
  const codes = [...new Set(answer.findings.map((f) => f.code))];
  return (
    <section class="panel scroll" data-testid="findings">
      <h2>{t('checks.title')}</h2>
      <p class="panel-note">
        {codes.map((code) => `${title(code)}: ${answer.findings.filter((f) => f.code === code).length}`).join(', ')}
        {answer.findings.length === 0 ? t('checks.none') : ''} {answer.history ? '' : <b>{t('checks.noHistory')}</b>}
      </p>
      <table class="table">
        <tbody>
          {answer.findings.map((finding) => (
            <Row key={`${finding.code} ${finding.alarm} ${finding.other}`} finding={finding} onEdit={onEdit} />
          ))}
        </tbody>
      </table>
    </section>
  );
}
