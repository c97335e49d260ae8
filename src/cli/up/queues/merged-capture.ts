/** The captures of several workers as one: each sends whole blocks, and one header is enough. */

import type { Conversation, Handler } from '../../control/server.ts';
import { ByteFile } from '../byte-file.ts';
import { type Client, type Queue, SILENCE } from './queue.ts';

/** Bytes that may wait for the disk; packets beyond are left out. */
const MOST_WAITING = 64 * 1024 * 1024;

/** Serves until nobody listens or the workers end. */
async function capture(
  queues: readonly Queue[],
  given: Conversation['arguments'],
  client: Client,
): Promise<void> {
  let begun: () => void = () => {};
  const header = new Promise<void>((resolve) => (begun = resolve));
  const served = queues.map((queue, index) => {
    let messages = 0;
    const send: Client['send'] = async (message) => {
      const first = messages++ === 0;
      if (index > 0) {
        await header;
        if (!first) await client.send(message);
        return;
      }
      await client.send(message);
      if (first) begun();
    };
    return queue
      .converse('capture', given, { incoming: client.incoming, signal: client.signal, send })
      .finally(begun);
  });
  await Promise.allSettled(served);
  await Promise.all(served);
}

export function captureHandler(queues: readonly Queue[]): Handler {
  return (conversation) => capture(queues, conversation.arguments, conversation);
}

/** The file of `--pcapng`. */
export class MergedCaptureFile {
  private readonly file: ByteFile;
  private readonly done: Promise<void>;

  private constructor(file: ByteFile, queues: readonly Queue[]) {
    this.file = file;
    const send: Client['send'] = (message) => {
      if ('data' in message && file.waiting <= MOST_WAITING) file.write(Buffer.from(message.data, 'base64'));
      return Promise.resolve();
    };
    const client = { incoming: SILENCE, signal: new AbortController().signal, send };
    // It ends with the workers, however they end.
    this.done = capture(queues, {}, client).catch(() => {});
  }

  /** @throws CliError when the file cannot be opened */
  static async open(
    path: string,
    queues: readonly Queue[],
    onFailure: (sentence: string) => void,
  ): Promise<MergedCaptureFile> {
    const file = await ByteFile.open({ path, what: 'the capture', option: '--pcapng', mode: 0o600 });
    file.onFailure = onFailure;
    return new MergedCaptureFile(file, queues);
  }

  /** After the workers. Resolves to whether the file has all that was meant for it. */
  async close(): Promise<boolean> {
    await this.done;
    await this.file.close();
    return !this.file.incomplete;
  }
}
