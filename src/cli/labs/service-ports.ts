/** What listens on S's ports, in a few words. */

import type { Text } from '../../labs/lab.ts';

const t = (en: string, zh: string): Text => ({ en, zh });

export const SERVICE_PORTS: Readonly<Record<number, Text>> = {
  7: t('echo, which closes when you do', 'echo，你关闭它就关闭'),
  9: t('discard, which reads and says nothing', 'discard，只读不回答'),
  13: t('daytime, which closes first', 'daytime，它先关闭'),
  19: t('chargen, which writes without end', 'chargen，不停地写'),
  80: t('http', 'http'),
  2001: t('late, which closes a second after you', 'late，你关闭一秒后它才关闭'),
  2002: t('leaky, which never closes', 'leaky，从不关闭'),
  2003: t('rude, which closes without reading', 'rude，不读数据就关闭'),
  2004: t('slow, which reads a little now and then', 'slow，慢慢地读'),
  2005: t('ka, echo with keep-alive', 'ka，带 keepalive 的 echo'),
  2006: t('abort, which resets at once', 'abort，立即复位'),
  2007: t('heartbeat, which pings', 'heartbeat，发送心跳'),
  2008: t('stuck, which never accepts', 'stuck，从不 accept'),
  5001: t('sink', 'sink'),
  5002: t('source', 'source'),
};
