/** Random files to be sent, and their sums. */

import { createHash, randomFillSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Payload {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** SHA-256, lower-case hexadecimal. */
  readonly sum: string;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export class Payloads {
  /** The stack serves it by http. */
  readonly folder = mkdtempSync(join(tmpdir(), 'fourwave-interop-'));
  private readonly made = new Map<number, Payload>();

  constructor() {
    // `fourwave up` reads it as nobody in particular.
    chmodSync(this.folder, 0o755);
  }

  /** A file of this many bytes, the same at each call. */
  file(bytes: number): Payload {
    const known = this.made.get(bytes);
    if (known !== undefined) return known;
    const content = randomFillSync(Buffer.alloc(bytes));
    const name = `random-${bytes}`;
    const payload = { name, path: join(this.folder, name), bytes, sum: sha256(content) };
    writeFileSync(payload.path, content);
    this.made.set(bytes, payload);
    return payload;
  }

  /** SHA-256 of this payload `times` times. */
  repeated({ path }: Payload, times: number): string {
    const content = readFileSync(path);
    const hash = createHash('sha256');
    for (let i = 0; i < times; i++) hash.update(content);
    return hash.digest('hex');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
