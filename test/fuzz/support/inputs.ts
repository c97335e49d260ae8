/**
 * Inputs as they are kept in the repository: text, so that one can read and review them. A line that
 * begins with `#` is about the next input, every other line is an input in hexadecimal.
 */

import { existsSync, readFileSync } from 'node:fs';

export function encodeInput(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function decodeLine(line: string, where: string): Uint8Array {
  const bytes = Buffer.from(line, 'hex');
  if (bytes.toString('hex') !== line) throw new SyntaxError(`${where}: not hexadecimal: ${line}`);
  return new Uint8Array(bytes);
}

/** The inputs of a file, none when there is no such file. */
export function readInputs(file: string): { bytes: Uint8Array; about: string }[] {
  if (!existsSync(file)) return [];
  const inputs: { bytes: Uint8Array; about: string }[] = [];
  let about = '';
  for (const line of readFileSync(file, 'utf8')
    .split('\n')
    .map((text) => text.trim())) {
    if (line.startsWith('#')) about = `${about} ${line.slice(1).trim()}`.trim();
    else if (line !== '') {
      inputs.push({ bytes: decodeLine(line, file), about });
      about = '';
    }
  }
  return inputs;
}

/** The content of any file as one input: a `.txt` holds hexadecimal, everything else the bytes themselves. */
export function readInput(file: string, content: Uint8Array): Uint8Array {
  if (!file.endsWith('.txt')) return new Uint8Array(content);
  const last = readInputs(file).at(-1);
  if (last === undefined) throw new SyntaxError(`${file} holds no input`);
  return last.bytes;
}
