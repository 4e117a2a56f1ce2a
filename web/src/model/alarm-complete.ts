/** Alarms as they come over the wire, made whole: what a server does not say has the value that changes nothing. */
import type { Alarm, AlarmLetter, BaseLetter, Priority, Text } from './types.ts';

/** The least that every server says of an alarm. */
export interface WireAlarm extends Partial<Omit<Alarm, 'class' | 'base'>> {
  readonly name: string;
  readonly class?: string | null;
  readonly base?: AlarmLetter;
  readonly letter: AlarmLetter;
  readonly call: number;
  readonly priority: Priority;
  readonly message: Text;
}

const isBase = (letter: AlarmLetter): letter is BaseLetter => letter >= 'A' && letter <= 'F';

/** The longest shelf where nothing else is said: a shift. */
const SHELF_S = 8 * 3600;

export function completeAlarm(a: WireAlarm): Alarm {
  // Of a disabled alarm the server says that it is that beneath, too: it is normal until it is enabled.
  const beneath: AlarmLetter = a.base ?? a.letter;
  const base = isBase(beneath) ? beneath : 'A';
  return {
    site: a.name.split('/')[0] ?? '',
    area: '',
    position: '',
    tag: null,
    gateway: null,
    kind: 'expr',
    occ: 0,
    since_ack: 0,
    raised: null,
    changed: null,
    value: null,
    limit: null,
    unit: '',
    acked_by: null,
    acked_at: null,
    untrusted: false,
    untrusted_since: null,
    ring: a.letter === 'B',
    confirm_due: false,
    latched: false,
    first: false,
    chatter: false,
    retain: base !== 'A',
    pending: false,
    suspect: false,
    shelved: null,
    out_of_service: null,
    suppressed_by: [],
    accumulated: null,
    shelvable: true,
    max_shelve_s: SHELF_S,
    comment_required: false,
    ...a,
    class: a.class ?? '',
    base,
  };
}
