/** What a person would type for a netcat of each kind. */

import type { Flavour } from '../../labs/lab.ts';
import { type NcOptions, STACK_ADDRESS, StageError } from '../../labs/stage.ts';

type Netcat = NonNullable<NcOptions['flavour']>;

const PROGRAMS: Readonly<Record<Netcat, readonly string[]>> = {
  'nc.openbsd': ['nc.openbsd'],
  'nc.traditional': ['nc.traditional'],
  ncat: ['ncat'],
  busybox: ['busybox', 'nc'],
  socat: ['socat'],
};

/** The arguments of that netcat, its name first. */
export function ncCommand(port: number, options: NcOptions, program?: readonly string[]): string[] {
  const flavour: Netcat = options.flavour ?? 'nc.openbsd';
  const name = program ?? PROGRAMS[flavour];
  if (flavour === 'socat') return [...name, ...socatArguments(port, options)];
  return [...name, ...flags(flavour, options), ...where(flavour, port, options)];
}

// The others send a FIN at the end of input anyway; the traditional one when it is told to wait after it.
const HALF: Partial<Record<Flavour, readonly string[]>> = {
  'nc.openbsd': ['-N'],
  'nc.traditional': ['-q', '1'],
};
const WITHOUT_K: readonly Flavour[] = ['nc.traditional', 'busybox'];

function flags(flavour: Netcat, options: NcOptions): string[] {
  const { N = false, keep = false, localPort, wait, verbose = false, listen = false } = options;
  const given: [boolean, readonly string[]][] = [
    [N, HALF[flavour] ?? []],
    [keep && !WITHOUT_K.includes(flavour), ['-k']],
    [verbose && flavour !== 'busybox', ['-v']],
    [wait !== undefined, ['-w', String(wait)]],
    [localPort !== undefined && !listen, ['-p', String(localPort)]],
  ];
  return given.flatMap(([on, words]) => (on ? words : []));
}

function where(flavour: Netcat, port: number, { listen = false }: NcOptions): string[] {
  if (!listen) return [STACK_ADDRESS, String(port)];
  return flavour === 'nc.openbsd' || flavour === 'ncat' ? ['-l', String(port)] : ['-l', '-p', String(port)];
}

function socatArguments(port: number, { listen = false, keep = false, localPort }: NcOptions): string[] {
  if (listen) return ['-', `TCP-LISTEN:${port},reuseaddr${keep ? ',fork' : ''}`];
  return ['-', `TCP:${STACK_ADDRESS}:${port}${localPort === undefined ? '' : `,sourceport=${localPort}`}`];
}

/** @throws StageError */
export function refuseMissing(flavour: Flavour, there: readonly Flavour[]): void {
  if (there.includes(flavour)) return;
  throw new StageError('ENOENT', `${flavour} is not installed here ("fourwave lab doctor" says the cure)`);
}
