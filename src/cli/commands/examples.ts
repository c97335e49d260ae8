/** What stands below the help of the commands: examples, and the codes that the program ends with. */

import type { Command } from 'commander';

/** By the words of the command; each is a whole line as one types it. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  up: [
    'fourwave up',
    'fourwave up --netns lab --msl 5s',
    "fourwave up --fault 'drop out where ack-only && state==TIME-WAIT times 1'",
    'fourwave up --log run.jsonl --record run.rec --pcapng run.pcapng',
  ],
  ss: ['fourwave ss -tanoi', 'fourwave ss state TIME-WAIT', 'fourwave ss --at 82 run.jsonl -i'],
  watch: ['fourwave watch', 'fourwave watch port 7'],
  ladder: [
    'fourwave ladder',
    'fourwave ladder c3 --no-follow',
    'fourwave ladder run.jsonl --conn c1 --since 1.5s',
    'fourwave ladder run.jsonl --svg > run.svg',
  ],
  log: ['fourwave log', 'fourwave log -f --conn c3 --level extra'],
  why: ['fourwave why 235', 'fourwave why 82 run.jsonl'],
  stats: ['fourwave stats', 'fourwave stats --prometheus'],
  config: ['fourwave config', 'fourwave config msl', 'fourwave config msl=5s'],
  close: ['fourwave close c3'],
  abort: ['fourwave abort c3'],
  pause: ['fourwave pause c3'],
  resume: ['fourwave resume c3'],
  'fault add': [
    "fourwave fault add 'drop out where ack-only && state==TIME-WAIT times 1'",
    "fourwave fault add 'delay out where syn 30ms'",
  ],
  'fault clear': ['fourwave fault clear 1', 'fourwave fault clear'],
  hold: ['fourwave hold out where fin as f1'],
  release: ['fourwave release f1'],
  inject: ['fourwave inject old1 at +2s', 'fourwave inject rst seq+10 on c1'],
  'service start': ['fourwave service start echo'],
  'service stop': ['fourwave service stop echo'],
  connect: ['fourwave connect -N 10.9.0.1 8080'],
  listen: ['fourwave listen 8080', 'fourwave listen -k 8080'],
  capture: ['fourwave capture run.pcapng', 'fourwave capture - | wireshark -k -i -'],
  replay: [
    'fourwave replay run.rec',
    'fourwave replay run.rec --until 82',
    "fourwave replay run.rec --with 'drop out where fin times 1'",
  ],
  drill: ['fourwave drill script.pkt', 'fourwave drill --from run.rec c1'],
  'lab run': ['fourwave lab run close/four-waves', 'fourwave lab run close/last-ack-lost --sim --auto'],
  'lab check': ['fourwave lab check --sim', 'fourwave lab check close --real --jobs 2'],
  'lab new': ['fourwave lab new close/my-own --conn c3', 'fourwave lab new close/my-own --from run.jsonl'],
  shell: ['fourwave shell', 'fourwave shell curl http://10.9.0.2/'],
};

/** Where the code says more than the table below. */
const ENDINGS: Readonly<Record<string, string>> = {
  replay: '1 when it is not byte for byte what was recorded, or the file is damaged.',
  drill: '1 when a script failed.',
  'lab run': '1 when a check failed, 130 after Ctrl-C.',
  'lab check': '1 when a lab is red, 130 after Ctrl-C.',
  'lab verify': '1 when a check failed.',
  'lab doctor': '3 when there may be no network namespaces, 4 when something else that is needed is missing.',
  shell: 'the code of the command.',
  doctor: '1 when something that is needed is missing.',
};

const EXIT_CODES = `
Exit codes:
  0  it went well
  1  a check failed, a peer refused, or the stack ended against its will
  2  the arguments make no sense; nothing was opened or contacted
  3  a privilege is missing: fourwave doctor
  4  a tool, file, namespace, device, port or running stack is missing or taken`;

/** Below the help of `program` and of all its commands. */
export function addExamples(program: Command): void {
  addTo(program, '');
  program.addHelpText('after', EXIT_CODES);
}

function addTo(command: Command, path: string): void {
  const examples = EXAMPLES[path];
  if (examples !== undefined) command.addHelpText('after', `\nExamples:\n  ${examples.join('\n  ')}`);
  const ending = ENDINGS[path];
  if (ending !== undefined) command.addHelpText('after', `\nEnds with ${ending}`);
  for (const inner of command.commands) addTo(inner, path === '' ? inner.name() : `${path} ${inner.name()}`);
}
