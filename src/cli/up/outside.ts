/**
 * Forged packets from the kernel's side: through a raw socket that was opened beside the TUN, as root,
 * before privileges were given up. They come to us as everything from there does.
 */

import { writeSync } from 'node:fs';
import type { Device } from '../../device/device.ts';
import { TunDevice } from '../../device/tun.ts';
import type { Faults, RuleInfo } from '../../faults/faults.ts';
import { parseLine } from '../../faults/parser.ts';
import { CliError, EXIT_FAILED, EXIT_PRIVILEGE, usage } from '../errors.ts';

/** The raw socket on the kernel's side, if there is one. */
export interface KernelSide {
  readonly canSendFromKernel: boolean;
  sendFromKernel(packet: Uint8Array): void;
}

/** Of a device: only a TUN's kernel is known. */
export function kernelSideOf(device: Device): KernelSide {
  return device instanceof TunDevice ? device : kernelSide(-1);
}

/** Of a descriptor; -1: none. */
export function kernelSide(raw: number): KernelSide {
  return {
    canSendFromKernel: raw >= 0,
    sendFromKernel: (packet) => void writeSync(raw, packet),
  };
}

/** What raw-socket can do for us: it knows the Internet checksum from another hand. */
interface Checksums {
  createChecksum(packet: Buffer): number;
}

/**
 * Sends what an `inject` line says. Resolves to no rules.
 *
 * @throws FaultSyntaxError, FaultError or CliError
 */
export async function injectFromOutside(
  faults: Faults,
  kernel: KernelSide,
  text: string,
): Promise<RuleInfo[]> {
  if (!kernel.canSendFromKernel) {
    throw new CliError(
      EXIT_PRIVILEGE,
      'inject --from outside needs a raw socket: start the stack with "fourwave up --allow-inject"',
    );
  }
  const line = parseLine(text);
  if (line.kind !== 'inject' && line.kind !== 'forge') throw usage('--from outside is for inject');
  const packets = faults.packetsFor(line);
  const sums = await checksums();
  if (line.at > 0) await new Promise((resolve) => setTimeout(resolve, line.at / 1000));
  for (const packet of packets) {
    if (sums !== null && sums.createChecksum(Buffer.from(packet.subarray(0, 20))) !== 0) {
      throw new CliError(EXIT_FAILED, 'the forged packet has a wrong checksum: this is a bug of fourwave');
    }
    kernel.sendFromKernel(packet);
  }
  return [];
}

/** The optional package raw-socket, where it is installed. */
async function checksums(): Promise<Checksums | null> {
  try {
    const name = 'raw-socket';
    const found = (await import(name)) as Checksums & { default?: Checksums };
    return found.default ?? found;
  } catch {
    return null;
  }
}
