import { alarms, silenceHere, sounding } from '../../state/alarms.ts';
import { sites } from '../../state/plant.ts';
import { NO_SOUND, position, t } from '../../state/prefs.ts';
import { playTest, soundState } from '../../state/sound.ts';
import { Icon } from '../icons.tsx';
import { useMenu } from '../use-menu.ts';

/** A browser that plays nothing yet is not a quiet plant. It lies over the foot of the screen: the press that ends it must not move what it meant. */
export function SoundOff() {
  if (soundState.value !== 'blocked') return null;
  return (
    <div class="sound-off" role="alert" data-testid="sound-off">
      <strong>{t('sound.blocked')}</strong> {t('sound.blockedText')}
    </div>
  );
}

/** All that are known: from the configuration, and from the alarms themselves. */
function positions(): readonly string[] {
  const names = new Set<string>();
  for (const site of sites.value) if (site.position !== undefined && site.position !== '') names.add(site.position);
  for (const a of alarms.value) if (a.position !== '') names.add(a.position);
  if (position.value !== '' && position.value !== NO_SOUND) names.add(position.value);
  return [...names].sort();
}

function SoundMenu() {
  return (
    <div class="menu sound-menu">
      <label class="field">
        {t('sound.position')}
        <select
          data-testid="sound-position"
          value={position.value}
          onChange={(event) => {
            position.value = event.currentTarget.value;
          }}
        >
          <option value="">{t('sound.everywhere')}</option>
          {positions().map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
          <option value={NO_SOUND}>{t('sound.none')}</option>
        </select>
      </label>
      <button type="button" data-testid="sound-test" onClick={playTest}>
        {t('sound.test')}
      </button>
      <p class="hint">{t('sound.testText')}</p>
    </div>
  );
}

/** Silence stops what sounds now; it acknowledges nothing. Beside it, whether this workstation can be heard at all. */
export function SoundControl() {
  const { open, setOpen, root } = useMenu();
  const rings = sounding.value;
  const state = soundState.value;
  return (
    <div class="sound" ref={root}>
      <button
        type="button"
        class={rings === null ? 'silence' : 'silence silence-on'}
        data-testid="silence"
        data-sounding={rings ?? ''}
        title={t('sound.silenceText')}
        onClick={() => void silenceHere()}
      >
        {t('sound.silence')} <kbd>S</kbd>
      </button>
      <button
        type="button"
        class="flat"
        aria-expanded={open}
        data-testid="sound-state"
        data-state={state}
        onClick={() => setOpen(!open)}
      >
        <Icon name={state === 'on' ? 'sound' : 'quiet'} size={18} />
        <span class={state === 'on' ? 'hidden' : 'sound-word'}>{t(`sound.state.${state}`)}</span>
      </button>
      {open ? <SoundMenu /> : null}
    </div>
  );
}
