import { en, type Key } from '../../i18n/en.ts';
import type { AlarmRecord } from '../../model/types.ts';
import { t } from '../../state/prefs.ts';

const isKey = (text: string): text is Key => Object.hasOwn(en, text);

/** What happened, with what makes this one different: why a shelf ended, that nobody acknowledged it. */
export function eventWords(r: AlarmRecord): string {
  const quality = r.untrusted === true ? 'record.untrusted' : 'record.trusted';
  const parts = [t(r.kind === 'quality' && r.untrusted !== undefined ? quality : `record.${r.kind}`)];
  const ended = `unshelved.${r.reason ?? ''}`;
  if (r.kind === 'unshelve' && isKey(ended)) parts.push(t(ended));
  if (r.auto === true) parts.push(t('record.auto'));
  return parts.join(', ');
}

/** Who: a person at his desk, or the rule or group that did it. */
export function whoWords(r: AlarmRecord): string {
  const who = r.actor ?? '';
  const desk = r.desk === undefined || r.desk === '' ? '' : ` (${r.desk})`;
  const source = r.source === undefined || r.source === '' ? '' : ` [${r.source}]`;
  return `${who}${desk}${source}`.trim();
}
