/** The line of the script beside the packet that came: field by field. */

import { icmpName } from './icmp-names.ts';
import type { LiveIcmp } from './live-packet.ts';
import type { IcmpLine, IpInfo, TcpLine, TcpOption } from './script.ts';

/** One column of the two lines. */
export interface FieldPair {
  readonly name: string;
  readonly expected: string;
  readonly actual: string;
  readonly same: boolean;
}

const pair = (name: string, expected: string, actual: string, same = expected === actual): FieldPair => ({
  name,
  expected,
  actual,
  same,
});

export function compareTcp(expected: TcpLine, actual: TcpLine): FieldPair[] {
  return [
    ...compareIp(expected.ip, actual.ip),
    ...comparePorts(expected, actual),
    pair('flags', expected.flags || '-', actual.flags || '-'),
    pair('sequence numbers', sequenceText(expected), sequenceText(actual)),
    pair('ack', ackText(expected), ackText(actual), sameAck(expected, actual)),
    pair('win', winText(expected), winText(actual), expected.win === null || expected.win === actual.win),
    pair('urg', urgText(expected), urgText(actual)),
    ...compareOptions(expected.options, actual.options ?? []),
  ].filter((field) => field.expected !== '' || field.actual !== '');
}

export function compareIcmp(expected: IcmpLine, actual: LiveIcmp): FieldPair[] {
  const name = icmpName(actual.type, actual.code);
  const same = expected.type === actual.type && expected.code === actual.code;
  return [pair('protocol', 'icmp', 'icmp'), pair('type and code', expected.name, name, same)];
}

/** A whole line. What it does not check is not shown. */
export function tcpText(line: TcpLine): string {
  const bare = { ...line, options: [] };
  const parts = compareTcp(bare, bare).map((field) => field.expected);
  const options = line.options === null ? '<...>' : optionsText(line.options);
  return [...parts, options].filter((part) => part !== '').join(' ');
}

function compareIp(expected: IpInfo, actual: IpInfo): FieldPair[] {
  const fields: FieldPair[] = [];
  if (expected.ecn !== null) {
    const either = expected.ecn === 'ect01' && (actual.ecn === 'ect0' || actual.ecn === 'ect1');
    fields.push(pair('ecn', `[${expected.ecn}]`, `[${actual.ecn}]`, either || expected.ecn === actual.ecn));
  }
  if (expected.tos !== null) fields.push(pair('tos', `[tos ${expected.tos}]`, `[tos ${actual.tos}]`));
  if (expected.ttl !== null) fields.push(pair('ttl', `[ttl ${expected.ttl}]`, `[ttl ${actual.ttl}]`));
  return fields;
}

function comparePorts(expected: TcpLine, actual: TcpLine): FieldPair[] {
  if (expected.ports === null || actual.ports === null) return [];
  const text = ({ source, destination }: { source: number; destination: number }): string =>
    `${source} > ${destination}`;
  return [pair('ports', text(expected.ports), text(actual.ports))];
}

function sequenceText({ seq, length }: TcpLine): string {
  return `${seq}:${(seq + length) >>> 0}(${length})`;
}

function ackText(line: TcpLine): string {
  if (!line.flags.includes('.')) return line.ack === 0 ? '' : `ack ${line.ack}`;
  return `ack ${line.ack ?? '*'}`;
}

function sameAck(expected: TcpLine, actual: TcpLine): boolean {
  return expected.ack === null || expected.ack === actual.ack;
}

function winText({ win }: TcpLine): string {
  return win === null ? 'win *' : `win ${win}`;
}

function urgText({ urg }: TcpLine): string {
  return urg === 0 ? '' : `urg ${urg}`;
}

/** One column for each option, so that the mark is under the one that differs. */
function compareOptions(expected: readonly TcpOption[] | null, actual: readonly TcpOption[]): FieldPair[] {
  if (expected === null) return [pair('options', '<...>', optionsText(actual), true)];
  const fields: FieldPair[] = [];
  for (let index = 0; index < Math.max(expected.length, actual.length); index++) {
    const [one, other] = [expected[index], actual[index]];
    fields.push(
      pair(
        one === undefined || one.kind === other?.kind ? `option ${(one ?? other)?.kind ?? ''}` : 'options',
        optionColumn(expected, index),
        optionColumn(actual, index),
        one !== undefined && other !== undefined && sameOption(one, other),
      ),
    );
  }
  return fields;
}

/** The option with its bracket or comma. */
function optionColumn(options: readonly TcpOption[], index: number): string {
  const option = options[index];
  if (option === undefined) return '';
  return `${index === 0 ? '<' : ''}${optionText(option)}${index === options.length - 1 ? '>' : ','}`;
}

function optionsText(options: readonly TcpOption[]): string {
  return options.length === 0 ? '' : `<${options.map(optionText).join(',')}>`;
}

function optionText(option: TcpOption): string {
  switch (option.kind) {
    case 'mss':
    case 'wscale':
      return `${option.kind} ${orAny(option.value)}`;
    case 'sack':
      return `sack ${option.blocks.map(([from, to]) => `${from}:${to}`).join(' ')}`;
    case 'TS':
      return `TS val ${orAny(option.val)} ecr ${orAny(option.ecr)}`;
    case 'FO':
    case 'FOEXP':
      return `${option.kind} ${orAny(option.cookie)}`.trim();
    case 'other':
      return `${option.code}(${option.length})${option.data === '' ? '' : ` = 0x${option.data}`}`;
    default:
      return option.kind;
  }
}

function orAny(value: number | string | null): string {
  return String(value ?? '*');
}

const either = (expected: number | string | null, actual: number | string | null): boolean =>
  expected === null || expected === actual;

function sameOption(expected: TcpOption, actual: TcpOption): boolean {
  if (expected.kind === 'TS' && actual.kind === 'TS') {
    return either(expected.val, actual.val) && either(expected.ecr, actual.ecr);
  }
  if ((expected.kind === 'mss' || expected.kind === 'wscale') && expected.kind === actual.kind) {
    return either(expected.value, actual.value);
  }
  if ((expected.kind === 'FO' || expected.kind === 'FOEXP') && expected.kind === actual.kind) {
    return either(expected.cookie, actual.cookie);
  }
  return optionText(expected) === optionText(actual);
}
