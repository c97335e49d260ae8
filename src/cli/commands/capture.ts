/** `fourwave capture`: the packets of the running stack as pcapng, into a file or a pipe. */

import { type FileHandle, open } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { VANTAGES } from '../../capture/capture.ts';
import { interfaceStatistics } from '../../capture/pcapng.ts';
import { converse, openControl } from '../control/client.ts';
import { roomIn } from '../control/protocol.ts';
import { CliError, EXIT_FAILED, reasonFor, unusable, usage } from '../errors.ts';
import { withControl } from './common.ts';

const ENHANCED_PACKET = 6;
/** Only its owner reads a capture. */
const MODE = 0o600;

export function addCapture(program: Command): void {
  withControl(program.command('capture'))
    .description('pcapng with comments; - streams to Wireshark: fourwave capture - | wireshark -k -i -')
    .argument('<file>', 'a file, or - for stdout')
    .addOption(
      new Option(
        '--vantage <whose>',
        'wire: all, lost and forged ones apart; stack: what the stack has sent and got; peer: what the kernel has',
      )
        .choices(VANTAGES)
        .default('wire'),
    )
    .action(async (file: string, options: { control?: string; vantage: string }) => {
      if (file === '-' && process.stdout.isTTY)
        throw usage('a capture is no text for a terminal: pipe it into tshark or Wireshark, or name a file');
      const socket = await openControl(options);
      let stopped = false;
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        process.on(signal, () => {
          stopped = true;
          socket.destroy();
        });
      }
      const sink = await openSink(file).catch((error: unknown) => {
        socket.destroy();
        throw error;
      });
      let packets = 0;
      try {
        for await (const message of converse(socket, {
          command: 'capture',
          arguments: { vantage: options.vantage },
        })) {
          if ('alive' in message) await sink.idle();
          if (!('data' in message)) continue;
          const bytes = Buffer.from(message.data, 'base64');
          await sink.write(bytes);
          packets += packetsIn(bytes);
        }
      } catch (error) {
        if (!stopped) throw error;
      } finally {
        socket.destroy();
        await sink.close();
      }
      process.stderr.write(`fourwave: ${packets} ${packets === 1 ? 'packet' : 'packets'} captured\n`);
    });
}

interface Sink {
  write(bytes: Uint8Array): Promise<void>;
  /** Nothing has come for a while. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

async function openSink(path: string): Promise<Sink> {
  if (path === '-') {
    const write = (bytes: Uint8Array): Promise<void> =>
      process.stdout.write(bytes) ? Promise.resolve() : roomIn(process.stdout);
    return {
      write,
      // Whether anybody reads a pipe is found out by writing.
      idle: () => write(interfaceStatistics(0, BigInt(Date.now()) * 1_000_000n)),
      close: async () => {},
    };
  }
  const handle = await open(path, 'w', MODE).catch((error: unknown) => {
    throw unusable(`the capture ${path} cannot be written`, error, 'choose another file');
  });
  return new FileSink(path, handle);
}

class FileSink implements Sink {
  private readonly path: string;
  private readonly handle: FileHandle;
  /** Bytes of whole blocks. */
  private whole = 0;

  constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.handle = handle;
  }

  /** @throws CliError; the file ends behind the last whole block then */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.handle.write(bytes, done)).bytesWritten;
      }
      this.whole += bytes.length;
    } catch (error) {
      await this.handle.truncate(this.whole).catch(() => {});
      throw new CliError(EXIT_FAILED, `the capture ${this.path} ends here, ${reasonFor(error)}`);
    }
  }

  async idle(): Promise<void> {}

  async close(): Promise<void> {
    await this.handle.close().catch(() => {});
  }
}

/** Messages are whole blocks. */
function packetsIn(bytes: Buffer): number {
  let packets = 0;
  for (let at = 0; at + 8 <= bytes.length; ) {
    if (bytes.readUInt32LE(at) === ENHANCED_PACKET) packets++;
    at += Math.max(12, bytes.readUInt32LE(at + 4));
  }
  return packets;
}
