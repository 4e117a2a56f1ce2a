/**
 * What each quality looks like: the one table that every indicator follows. A quality is one byte, the same here, on the
 * wire and in the database: bits 7-6 class (0 good, 1 uncertain, 2 bad), bit 5 "no value", bits 4-0 the reason.
 */

export type QualityState =
  | 'good'
  | 'uncertain'
  | 'bad'
  | 'stale'
  | 'cut'
  | 'initial'
  | 'substituted'
  | 'service'
  | 'test';

export type Reason =
  | 'none'
  | 'comms'
  | 'sensor'
  | 'range'
  | 'substituted'
  | 'test'
  | 'clock'
  | 'stale'
  | 'config'
  | 'out_of_service'
  | 'blocked'
  | 'chatter'
  | 'initial'
  | 'reserved';

export interface QualityLook {
  /** Short mark beside the number; '' for none. */
  readonly mark: string;
  readonly number: 'normal' | 'struck' | 'dim' | 'none';
  /** How a bar, tank or symbol is filled. */
  readonly shape: 'normal' | 'dashed' | 'hatched';
  /** The age is written beside the number. */
  readonly age: boolean;
}

export const LOOKS: Readonly<Record<QualityState, QualityLook>> = {
  good: { mark: '', number: 'normal', shape: 'normal', age: false },
  uncertain: { mark: '?', number: 'normal', shape: 'normal', age: false },
  bad: { mark: 'BAD', number: 'struck', shape: 'dashed', age: true },
  stale: { mark: '', number: 'dim', shape: 'hatched', age: true },
  cut: { mark: 'CUT', number: 'dim', shape: 'hatched', age: true },
  initial: { mark: '', number: 'none', shape: 'dashed', age: false },
  substituted: { mark: 'M', number: 'normal', shape: 'normal', age: false },
  service: { mark: 'OOS', number: 'normal', shape: 'normal', age: false },
  test: { mark: 'SIM', number: 'normal', shape: 'normal', age: false },
};

const REASONS: readonly Reason[] = [
  'none',
  'comms',
  'sensor',
  'range',
  'substituted',
  'test',
  'clock',
  'stale',
  'config',
  'out_of_service',
  'blocked',
  'chatter',
  'initial',
];

const NO_VALUE = 0x20;

export function reasonOf(quality: number): Reason {
  return REASONS[quality & 0x1f] ?? 'reserved';
}

export function isBad(quality: number): boolean {
  return (quality & 0xc0) >= 0x80;
}

function badState(reason: Reason): QualityState {
  switch (reason) {
    case 'comms':
      return 'cut';
    case 'stale':
      return 'stale';
    case 'initial':
      return 'initial';
    case 'out_of_service':
      return 'service';
    case 'test':
      return 'test';
    default:
      return 'bad';
  }
}

export function stateOf(quality: number): QualityState {
  const reason = reasonOf(quality);
  if (isBad(quality)) return badState(reason);
  if (reason === 'substituted' || reason === 'test') return reason;
  if (reason === 'out_of_service') return 'service';
  return (quality & 0xc0) === 0 ? 'good' : 'uncertain';
}

/** Whether the number may be used as it stands: neither bad nor missing. */
export function isUsable(quality: number): boolean {
  return !isBad(quality) && (quality & NO_VALUE) === 0;
}
