import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Session } from '../../model/types.ts';
import { urgentUnacked } from '../../state/alarms.ts';
import { link } from '../../state/live.ts';
import { t } from '../../state/prefs.ts';
import { startSound } from '../../state/sound.ts';
import { Dock } from '../dock/dock.tsx';
import { HatchPattern } from '../level-bar.tsx';
import { NotLive, StoreAway } from './alerts.tsx';
import { Banner } from './banner.tsx';
import { Help } from './help.tsx';
import { Rail } from './rail.tsx';
import { SoundOff } from './sound.tsx';
import { StatusLine } from './status-line.tsx';
import { TopBar } from './top-bar.tsx';
import { useKeys } from './use-keys.ts';

interface Props {
  readonly session: Session;
  readonly children: ComponentChildren;
}

/** The same partition on every screen: title, alarm zone, navigation, work area, last action. */
export function Frame({ session, children }: Props) {
  const waiting = urgentUnacked.value.length;
  useKeys();
  useEffect(startSound, []);
  useEffect(() => {
    document.title = waiting > 0 ? `(${waiting}) ${t('app.name')}` : t('app.name');
  });
  return (
    <div class={link.value.state === 'lost' ? 'frame frame-not-live' : 'frame'}>
      <TopBar session={session} />
      <Banner />
      <StoreAway />
      <NotLive />
      <Rail />
      <main class="work">{children}</main>
      <Dock />
      <StatusLine />
      <SoundOff />
      <Help />
      <HatchPattern />
    </div>
  );
}
