/** Trying a changed setting on the last weeks: started here, done by the server, looked at by its address. */
import type { BacktestRequest } from '../model/backtest.ts';
import { roleAtLeast } from '../model/types.ts';
import { say, wordsOf } from './action.ts';
import { ask } from './http.ts';
import { t } from './prefs.ts';
import { navigate } from './router.ts';
import { login, personal } from './session.ts';

/** A setting that somebody is at work on, to be tried before it is saved. */
export interface Draft {
  readonly alarm: string;
  readonly body: Readonly<Record<string, unknown>>;
}
export const draft = personal<Draft | null>(null);

/** Starts it and goes to its address. Not possible: the line at the bottom says why. */
export async function askBacktest(alarm: string, question: BacktestRequest): Promise<void> {
  const state = login.peek();
  if (state.state !== 'in' || !roleAtLeast(state.session.role, 'engineer')) return say('bad', t('why.engineer'));
  try {
    const { body } = await ask<{ id: string | number }>('POST', '/backtests', { body: question });
    navigate({ page: 'backtest', alarm, id: String(body.id) });
    say('good', t('backtest.started'));
  } catch (error) {
    say('bad', t('backtest.notStarted', { why: wordsOf(error) }));
  }
}

export async function cancelBacktest(id: string): Promise<void> {
  try {
    await ask<unknown>('DELETE', `/backtest?id=${encodeURIComponent(id)}`);
    say('plain', t('backtest.cancelled'));
  } catch (error) {
    say('bad', wordsOf(error));
  }
}
