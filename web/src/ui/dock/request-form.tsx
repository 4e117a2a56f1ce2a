import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ackItem } from '../../model/alarm-list.ts';
import { wantsText } from '../../model/alarm-may.ts';
import { formatClock } from '../../model/format.ts';
import { type Preset, parseLength, shelfChoices } from '../../model/shelf.ts';
import type { AlarmRequest } from '../../model/types.ts';
import { type Asking, asking, request } from '../../state/alarms.ts';
import { second, serverNow } from '../../state/clock.ts';
import { t } from '../../state/prefs.ts';
import { useFocus } from '../use-focus.ts';

/** The server keeps this much of a text. */
const TEXT_MAX = 200;
const DEFAULT_SOURCE = 'manual';

type Length = Preset | 'other';

interface LengthProps {
  readonly maxS: number;
  readonly length: Length;
  readonly other: string;
  readonly oneShot: boolean;
  readonly onLength: (length: Length) => void;
  readonly onOther: (text: string) => void;
  readonly onOneShot: (on: boolean) => void;
}

function ShelfLength({ maxS, length, other, oneShot, onLength, onOther, onOneShot }: LengthProps) {
  const now = second.value;
  return (
    <fieldset class="shelf-length">
      <legend>{t('shelve.length')}</legend>
      <div class="presets">
        {shelfChoices(now, maxS).map(({ preset, s, cut }) => (
          <button
            key={preset}
            type="button"
            aria-pressed={length === preset}
            data-testid={`shelve-${preset}`}
            title={cut ? t('shelve.cut') : undefined}
            onClick={() => onLength(preset)}
          >
            {t(`shelve.${preset}`)} <span class="num small">→ {formatClock(now + s * 1000).slice(0, 5)}</span>
          </button>
        ))}
        <button
          type="button"
          aria-pressed={length === 'other'}
          data-testid="shelve-other"
          onClick={() => onLength('other')}
        >
          {t('shelve.other')}
        </button>
      </div>
      {length === 'other' ? (
        <input
          class="num"
          data-testid="shelve-minutes"
          aria-label={t('shelve.minutes')}
          placeholder={t('shelve.minutes')}
          aria-invalid={other !== '' && parseLength(other) === null}
          value={other}
          onInput={(event) => onOther(event.currentTarget.value)}
        />
      ) : null}
      <label class="field-check">
        <input
          type="checkbox"
          data-testid="shelve-one-shot"
          checked={oneShot}
          onChange={(event) => onOneShot(event.currentTarget.checked)}
        />
        {t('shelve.oneShot')}
      </label>
      <p class="hint">{t('shelve.longest', { h: (maxS / 3600).toFixed(maxS % 3600 === 0 ? 0 : 1) })}</p>
    </fieldset>
  );
}

/** Asks for what a request needs: a reason, a comment, a length of time. Beside the work, never over it. */
function Form({ ask }: { readonly ask: Asking }) {
  const { what, alarms } = ask;
  const [text, setText] = useState('');
  const [source, setSource] = useState(DEFAULT_SOURCE);
  const [length, setLength] = useState<Length>('1h');
  const [other, setOther] = useState('');
  const [oneShot, setOneShot] = useState(false);
  const [fault, setFault] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const close = () => {
    if (asking.peek() === ask) asking.value = null;
  };

  useFocus(field);
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      close();
    };
    document.addEventListener('keydown', onKey, true);
    return () => document.removeEventListener('keydown', onKey, true);
  }, []);

  const [first] = alarms;
  if (first === undefined) return null;
  const wanted = wantsText(what, first);
  const maxS = Math.min(...alarms.map((a) => a.max_shelve_s));

  const seconds = (): number | null => {
    if (length === 'other') return parseLength(other);
    return shelfChoices(serverNow(), maxS).find((choice) => choice.preset === length)?.s ?? null;
  };
  const send = async () => {
    const words = text.trim();
    if (words === '' && wanted !== null)
      return setFault(t(wanted === 'reason' ? 'ask.reasonNeeded' : 'ask.commentNeeded'));
    const duration = what === 'shelve' ? seconds() : 0;
    if (duration === null) return setFault(t('shelve.wrong'));
    const items = alarms.map(
      (a): AlarmRequest => ({
        alarm: a.name,
        do: what,
        ...(what === 'ack' ? { call: ackItem(a).call } : {}),
        ...(wanted === 'reason' ? { reason: words } : { comment: words }),
        ...(what === 'shelve' ? { duration_s: duration, one_shot: oneShot } : {}),
        ...(what === 'suppress' ? { source: source.trim() || DEFAULT_SOURCE } : {}),
      }),
    );
    close();
    await request(what, items);
    return undefined;
  };

  return (
    <form
      class="panel request"
      data-testid="request-form"
      aria-label={t(`do.${what}`)}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <h2>
        {t(`do.${what}`)} {alarms.length === 1 ? first.name : t('alarms.count', { n: alarms.length })}
      </h2>
      {alarms.length > 1 ? <p class="hint request-names">{alarms.map((a) => a.name).join(', ')}</p> : null}
      {what === 'ack' ? <p>{t('ask.commentWanted')}</p> : null}
      {what === 'oos' ? <p>{t('ask.oosText')}</p> : null}
      {what === 'suppress' ? (
        <label class="field">
          {t('ask.source')}
          <input
            data-testid="request-source"
            maxLength={60}
            value={source}
            onInput={(event) => setSource(event.currentTarget.value)}
          />
        </label>
      ) : null}
      <label class="field">
        {t(wanted === 'reason' ? 'ask.reason' : 'ask.comment')}
        <input
          ref={field}
          data-testid="request-text"
          maxLength={TEXT_MAX}
          aria-invalid={fault !== '' && text.trim() === ''}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      {what === 'shelve' ? (
        <ShelfLength
          maxS={maxS}
          length={length}
          other={other}
          oneShot={oneShot}
          onLength={setLength}
          onOther={setOther}
          onOneShot={setOneShot}
        />
      ) : null}
      {fault === '' ? null : (
        <p class="fault" role="alert" data-testid="request-fault">
          {fault}
        </p>
      )}
      <div class="buttons">
        <button type="submit" class="main" data-testid="request-send">
          {t(`do.${what}`)}
        </button>
        <button type="button" data-testid="request-cancel" onClick={close}>
          {t('ask.cancel')}
        </button>
      </div>
    </form>
  );
}

let forms = 0;
let shown: Asking | null = null;

export function RequestForm() {
  const ask = asking.value;
  if (ask !== shown) {
    shown = ask;
    forms += 1;
  }
  return ask === null ? null : <Form key={forms} ask={ask} />;
}
