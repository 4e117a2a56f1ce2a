/** What may be asked of an alarm as it stands, by whom; and if not, why not. The server decides; this spares a useless press. */
import { isActive, isBaseUnacked } from './alarm-list.ts';
import { type Alarm, type AlarmDo, type Role, roleAtLeast } from './types.ts';

export type WhyNot =
  | 'operator'
  | 'engineer'
  | 'acked'
  | 'notAcked'
  | 'notDue'
  | 'notConfirmed'
  | 'notLatched'
  | 'active'
  | 'notShelvable'
  | 'notShelved'
  | 'notSuppressed'
  | 'inService'
  | 'outOfService'
  | 'disabled'
  | 'enabled'
  | 'noAccumulator';

const ENGINEERS: ReadonlySet<AlarmDo> = new Set([
  'suppress',
  'unsuppress',
  'oos',
  'in_service',
  'disable',
  'enable',
  'zero',
]);

function resetWhyNot(a: Alarm): WhyNot | null {
  if (!a.latched && a.base !== 'E' && a.base !== 'F') return 'notLatched';
  if (isActive(a.base)) return 'active';
  if (isBaseUnacked(a.base)) return 'notAcked';
  return a.confirm_due ? 'notConfirmed' : null;
}

function shelveWhyNot(a: Alarm): WhyNot | null {
  if (!a.shelvable) return 'notShelvable';
  return a.out_of_service !== null || a.letter === 'I' ? 'outOfService' : null;
}

const STATES: Readonly<Record<AlarmDo, (a: Alarm) => WhyNot | null>> = {
  ack: (a) => (isBaseUnacked(a.base) ? null : 'acked'),
  confirm: (a) => (!a.confirm_due ? 'notDue' : isBaseUnacked(a.base) ? 'notAcked' : null),
  reset: resetWhyNot,
  shelve: shelveWhyNot,
  unshelve: (a) => (a.shelved === null && a.letter !== 'G' ? 'notShelved' : null),
  suppress: () => null,
  unsuppress: (a) => (a.suppressed_by.length === 0 && a.letter !== 'H' ? 'notSuppressed' : null),
  oos: (a) => (a.out_of_service !== null || a.letter === 'I' ? 'outOfService' : null),
  in_service: (a) => (a.out_of_service === null && a.letter !== 'I' ? 'inService' : null),
  disable: () => null,
  enable: () => 'enabled',
  comment: () => null,
  zero: (a) => (a.accumulated === null ? 'noAccumulator' : null),
};

/** null: it may be asked. */
export function whyNot(what: AlarmDo, a: Alarm, role: Role): WhyNot | null {
  const needed: Role = ENGINEERS.has(what) ? 'engineer' : 'operator';
  if (!roleAtLeast(role, needed)) return needed;
  if (a.letter === 'Z') return what === 'enable' || what === 'comment' ? null : 'disabled';
  return STATES[what](a);
}

/** Asks for a text before it is sent: a reason always, or a comment where the alarm wants one. */
export function wantsText(what: AlarmDo, a: Alarm): 'reason' | 'comment' | null {
  switch (what) {
    case 'shelve':
    case 'oos':
    case 'suppress':
    case 'disable':
    case 'enable':
      return 'reason';
    case 'comment':
      return 'comment';
    case 'ack':
      return a.comment_required ? 'comment' : null;
    default:
      return null;
  }
}
