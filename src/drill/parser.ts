/** A script's text → its events: packetdrill's grammar by recursive descent. */

import { parseConfigValue } from '../stack/config.ts';
import { callProblem } from './calls.ts';
import { parseCode } from './code.ts';
import { isInfoField } from './info-fields.ts';
import { parseCall } from './parse-call.ts';
import { parsePacket } from './parse-packet.ts';
import { Scanner } from './scanner.ts';
import type { EventBody, EventTime, Script, ScriptEvent, ScriptOption } from './script.ts';
import { readOptions } from './setting.ts';
import { configOfCommand } from './sysctl.ts';

const OPTION = /--([A-Za-z]\w*)(?:[ \t]*=[ \t]*|[ \t]+)?("[^"\n]*"|[^\s-][^\s]*)?/y;
const COMMAND = /`([^`]*)`/y;
const BACKQUOTE = /`/y;
const CODE = /%\{/y;
const CODE_END = '}%';
const ANY_TIME = /\*/y;
const PLUS = /\+/y;
const SECONDS = /\d+(?:\.\d+)?|\.\d+/y;
const TILDE = /~/y;
const ELLIPSIS = /\.\.\./y;
const IN = /</y;
const OUT = />/y;
const MICROSECONDS = 1_000_000;
/** A year: times beyond are no times. */
const MOST_SECONDS = 31_536_000;

/**
 * @param config - `key=value` pairs that hold unless the script says otherwise.
 * @throws ScriptError: one sentence with file, line and column
 */
export function parseScript(text: string, file: string, config: readonly string[] = []): Script {
  return new Parser(new Scanner(file, text)).script(config);
}

class Parser {
  private readonly scanner: Scanner;
  private commands = 0;

  constructor(scanner: Scanner) {
    this.scanner = scanner;
  }

  script(config: readonly string[]): Script {
    const { scanner } = this;
    const { setting, notices } = readOptions(scanner, [
      ...config.map((value) => ({ name: 'config', value, offset: 0 })),
      ...this.options(),
    ]);
    const first = this.initialCommands();
    const events: ScriptEvent[] = [];
    while (!scanner.atEnd) events.push(this.event());
    if (events.length === 0) scanner.fail('the script has no event: expected a time such as 0 or +.1');
    if (this.commands > 0) notices.push(commandNotice(this.commands));
    return {
      file: scanner.file,
      setting: { ...setting, config: { ...first, ...setting.config } },
      events,
      notices,
    };
  }

  private options(): ScriptOption[] {
    const options: ScriptOption[] = [];
    for (;;) {
      const { offset } = this.scanner;
      const match = this.scanner.take(OPTION);
      if (match === null) return options;
      const value = (match[2] ?? '').replace(/^"(.*)"$/, '$1');
      options.push({ name: match[1] as string, value, offset });
    }
  }

  /** Commands before the first event have no time. */
  private initialCommands(): Record<string, string> {
    const config: Record<string, string> = {};
    for (;;) {
      const { offset } = this.scanner;
      const match = this.scanner.take(COMMAND);
      if (match === null) return config;
      Object.assign(config, this.command(match[1] as string, offset));
    }
  }

  private command(text: string, offset: number): Record<string, string> {
    this.commands++;
    const config = configOfCommand(text);
    for (const [key, value] of Object.entries(config)) {
      try {
        parseConfigValue(key, value);
      } catch (error) {
        this.scanner.fail(`the command means --config ${key}=${value}: ${(error as Error).message}`, offset);
      }
    }
    return config;
  }

  private event(): ScriptEvent {
    const { scanner } = this;
    const start = scanner.offset;
    const { line } = scanner.place(start);
    const time = this.time();
    const end = scanner.take(ELLIPSIS) === null ? null : this.seconds();
    const bodyStart = scanner.offset;
    const body = this.body(end);
    if (end !== null && body.kind !== 'call')
      scanner.fail('only a system call has a time after "..."', bodyStart);
    if (end !== null && (time.kind !== 'at' || end < time.start)) {
      scanner.fail('a call ends after it has begun: expected START...END', start);
    }
    return { line, time, body, text: scanner.textFrom(bodyStart) };
  }

  private time(): EventTime {
    const { scanner } = this;
    if (scanner.take(ANY_TIME) !== null) return { kind: 'any' };
    const relative = scanner.take(PLUS) !== null;
    const start = this.seconds();
    if (scanner.take(TILDE) === null) return { kind: 'at', relative, start };
    const offset = scanner.offset;
    const relativeEnd = scanner.take(PLUS) !== null;
    if (relativeEnd !== relative)
      scanner.fail('both ends of a range are relative (+1~+2), or none is', offset);
    const end = this.seconds();
    if (end < start) scanner.fail('a range ends after it has begun', offset);
    return { kind: 'range', relative, start, end };
  }

  /** µs. */
  private seconds(): number {
    this.scanner.take(PLUS);
    const text = this.scanner.expect(SECONDS, 'a time in seconds such as 0, 1.5, +.1 or *')[0];
    const value = Number(text);
    if (value > MOST_SECONDS) this.scanner.fail(`${text} seconds are more than a year`);
    return Math.round(value * MICROSECONDS);
  }

  private body(end: number | null): EventBody {
    const { scanner } = this;
    if (scanner.take(IN) !== null)
      return { kind: 'packet', direction: 'in', packet: parsePacket(scanner, 'in') };
    if (scanner.take(OUT) !== null)
      return { kind: 'packet', direction: 'out', packet: parsePacket(scanner, 'out') };
    const offset = scanner.offset;
    const command = scanner.take(COMMAND)?.[1];
    const turn = command === undefined ? null : TURN.exec(command);
    if (turn !== null) return { kind: 'turn', begins: turn[1] === undefined };
    if (command !== undefined) return { kind: 'command', config: this.command(command, offset) };
    if (scanner.take(BACKQUOTE) !== null) scanner.fail('a command ends with a second `', offset);
    if (scanner.take(CODE) !== null) return this.code(offset);
    const call = parseCall(scanner, end);
    const problem = callProblem(call);
    if (problem !== null) scanner.fail(problem, offset);
    return { kind: 'call', call };
  }

  private code(offset: number): EventBody {
    const { scanner } = this;
    const start = scanner.offset;
    const end = scanner.text.indexOf(CODE_END, start);
    if (end < 0) return scanner.fail('code ends with }%', offset);
    const program = parseCode(scanner, start, end, isInfoField);
    scanner.jump(end + CODE_END.length);
    return { kind: 'code', program };
  }
}

/** Nothing to a shell, and so to packetdrill: `: one turn` … `: turn over`. */
const TURN = /^\s*: (?:one turn|(turn over))\s*$/;

function commandNotice(count: number): string {
  const what = count === 1 ? '1 command block is' : `${count} command blocks are`;
  return `${what} not run; what sysctl sets there is set if there is an option for it`;
}
