/** What a line typed into a shell says about a connection: which program, which port, which flags. */

import type { TypeStep } from '../../labs/lab.ts';
import { STACK_ADDRESS } from '../../labs/stage.ts';
import type { Flavour, FoundFlavour } from './flavours.ts';

/** A command that opens a connection to S, or listens for one of S's. */
export interface ClientCommand {
  readonly text: string;
  readonly flavour: Flavour | 'telnet' | 'unknown';
  /** Port of S, or of the listener; null where none can be read. */
  readonly port: number | null;
  /** `-N`, or what is as good. */
  readonly half: boolean;
  readonly listens: boolean;
}

const NAMES: Readonly<Record<string, Flavour | 'telnet'>> = {
  'nc.openbsd': 'nc.openbsd',
  'nc.traditional': 'nc.traditional',
  ncat: 'ncat',
  busybox: 'busybox',
  socat: 'socat',
  curl: 'curl',
  telnet: 'telnet',
};
/** Options of netcats that take a value. */
const WITH_VALUE = /^-[a-zA-Z]*[pwqiIOTVXxsmM]$/;
const HTTP_PORT = 80;

/** Null for a command that is no client: `sleep 1`, `ss -tan`. */
export function clientCommand(text: string, found: readonly FoundFlavour[]): ClientCommand | null {
  for (const part of text.split(/[|;&]+/)) {
    const client = clientOf(part.trim(), found);
    if (client !== null) return client;
  }
  return null;
}

function clientOf(text: string, found: readonly FoundFlavour[]): ClientCommand | null {
  const words = text
    .replace(/[<>].*$/, '')
    .trim()
    .split(/\s+/);
  // `for i in …; do nc …`, `sudo nc …`, `time nc …`
  while (/^(do|sudo|time|exec|then|\(|\{)$/.test(words[0] ?? '')) words.shift();
  const program = (words.shift() ?? '').replace(/^.*\//, '');
  const flavour = program === 'nc' ? plainNc(found) : NAMES[program];
  if (flavour === undefined) return null;
  if (flavour === 'busybox' && words[0] !== 'nc' && program === 'busybox') return null;
  const base = { text, flavour, half: half(flavour, words), listens: false };
  if (flavour === 'curl') return { ...base, port: portOfUrl(words) };
  if (flavour === 'socat') return { ...base, ...socatPort(words) };
  return { ...base, ...netcatPort(words) };
}

function plainNc(found: readonly FoundFlavour[]): Flavour | 'unknown' {
  return found.find(({ command }) => command === 'nc')?.flavour ?? 'unknown';
}

function half(flavour: string, words: readonly string[]): boolean {
  if (flavour === 'nc.openbsd') return words.some((word) => /^-[a-zA-Z]*[Nq]/.test(word));
  if (flavour === 'nc.traditional') return words.some((word) => /^-[a-zA-Z]*q/.test(word));
  return true;
}

function netcatPort(words: readonly string[]): Pick<ClientCommand, 'port' | 'listens'> {
  const listens = words.some((word) => /^-[a-zA-Z]*l/.test(word));
  const plain = words.filter(
    (word, index) => !word.startsWith('-') && !WITH_VALUE.test(words[index - 1] ?? ''),
  );
  const own = words[words.findIndex((word) => /^-[a-zA-Z]*p$/.test(word)) + 1];
  const last = plain.at(-1);
  const text = listens && (last === undefined || !/^\d+$/.test(last)) ? own : last;
  return { listens, port: /^\d+$/.test(text ?? '') ? Number(text) : null };
}

function socatPort(words: readonly string[]): Pick<ClientCommand, 'port' | 'listens'> {
  const text = words.join(' ');
  const listens = /TCP4?-LISTEN:(\d+)/i.exec(text);
  const connects = /TCP4?(?:-CONNECT)?:[^:]+:(\d+)/i.exec(text);
  const port = (listens ?? connects)?.[1];
  return { listens: listens !== null, port: port === undefined ? null : Number(port) };
}

function portOfUrl(words: readonly string[]): number | null {
  const url = words.find((word) => word.includes(STACK_ADDRESS));
  if (url === undefined) return null;
  return Number(/10\.9\.0\.2:(\d+)/.exec(url)?.[1] ?? HTTP_PORT);
}

/** Clients among the steps of a lab. */
export function clientsOf(steps: readonly TypeStep[], found: readonly FoundFlavour[]): ClientCommand[] {
  return steps
    .map((step) => ('run' in step ? clientCommand(step.run, found) : null))
    .filter((one) => one !== null);
}
