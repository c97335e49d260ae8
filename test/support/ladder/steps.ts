/** What most ladders begin with. */

import type { Connected, ConnectOptions, Listening, ListenOptions } from './ends.ts';
import type { Scene } from './scene.ts';

export const HANDSHAKE = `
  A>B SYN 0
  B>A SYN,ACK 0 ack 1
  A>B ACK 1 ack 1`;

export interface Established {
  readonly listening: Listening;
  /** The end that has opened actively. */
  readonly a: Connected;
  readonly b: Connected;
}

/** A connection from A to a port of B, its handshake seen. */
export async function established(
  scene: Scene,
  port = 1234,
  options: { readonly connect?: ConnectOptions; readonly listen?: ListenOptions } = {},
): Promise<Established> {
  const listening = await scene.B.listen(port, options.listen);
  const a = await scene.A.connect(port, options.connect);
  const b = await listening.accept();
  await scene.expect(HANDSHAKE, 10);
  return { listening, a, b };
}
