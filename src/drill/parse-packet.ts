/** Packet lines: `> P. 1:1001(1000) ack 1 win 229 <nop,nop,TS val 100 ecr 200>`. */

import { flagBits, flagLetters } from './flags.ts';
import { icmpType } from './icmp-names.ts';
import { parseOptions } from './parse-options.ts';
import type { Scanner } from './scanner.ts';
import type { Direction, IcmpLine, IpInfo, PacketLine, Ports, TcpLine } from './script.ts';

const OTHER_PROTOCOL = /(?:udp|sctp|gre|mpls|ipv4|ipv6|arp|esp|icmpv6|igmp|quic)\b/iy;
const ICMP = /icmp\b/y;
const PORTS = /(\d+)\s*>\s*(\d+)/y;
const FLAGS = /[SFRP.UEW]+(?=\s)|-(?=\s)/y;
const SEQUENCE = /(\d+)(?::(\d+))?\((\d+)\)/y;
const ACK = /ack\b/y;
const WIN = /win\b/y;
const URG = /urg\b/y;
const NUMBER = /\d+/y;
const WILDCARD = /\*|\.\.\./y;
const LESS = /</y;
const WORD = /[a-z][a-z0-9_]*/y;
const MTU = /mtu\b/y;
const QUOTED = { open: /\[/y, close: /\]/y };
const IP_OPEN = /[[(]/y;
const IP_CLOSE = /[\])]/y;
const IP_FIELD = /(noecn|ect01|ect0|ect1|ce|tos|ttl)\b/y;
const IP_NUMBER = /0x[0-9a-fA-F]+|\d+/y;
const COMMA = /,/y;

const MAX_PAYLOAD = 65_495;
const NO_IP: IpInfo = { ecn: null, tos: null, ttl: null };

/** The line behind `<` (in) or `>` (out). */
export function parsePacket(scanner: Scanner, direction: Direction): PacketLine {
  const ip = scanner.sees(IP_OPEN) ? ipInfo(scanner) : NO_IP;
  const other = scanner.sees(OTHER_PROTOCOL) ? scanner.shown() : null;
  if (other !== null) {
    scanner.fail(`${other} packets are not supported: only TCP and ICMP over IPv4 are`);
  }
  const ports = parsePorts(scanner);
  return scanner.take(ICMP) === null
    ? tcpLine(scanner, direction, ip, ports)
    : icmpLine(scanner, direction, ports);
}

function parsePorts(scanner: Scanner): Ports | null {
  const match = scanner.take(PORTS);
  return match === null
    ? null
    : { source: within(scanner, match[1], 65_535), destination: within(scanner, match[2], 65_535) };
}

function ipInfo(scanner: Scanner): IpInfo {
  scanner.take(IP_OPEN);
  const info: { -readonly [Key in keyof IpInfo]: IpInfo[Key] } = { ...NO_IP };
  do {
    const name = scanner.expect(IP_FIELD, 'noecn, ect0, ect1, ect01, ce, tos or ttl')[1] as string;
    if (name === 'tos' || name === 'ttl') {
      info[name] = within(scanner, scanner.expect(IP_NUMBER, `a number after ${name}`)[0], 255);
    } else {
      info.ecn = name as IpInfo['ecn'];
    }
  } while (scanner.take(COMMA) !== null);
  scanner.expect(IP_CLOSE, '"," or "]"');
  return info;
}

function tcpLine(scanner: Scanner, direction: Direction, ip: IpInfo, ports: Ports | null): TcpLine {
  const start = scanner.offset;
  const letters = scanner.expect(FLAGS, 'TCP flags (letters of FSRP.UEW, or - for none), or icmp')[0];
  const flags = sortFlags(scanner, letters, start);
  const { seq, length } = sequence(scanner);
  const ack = numberAfter(scanner, ACK, direction);
  const win = numberAfter(scanner, WIN, direction);
  const urg = numberAfter(scanner, URG, 'in');
  const options = scanner.take(LESS) === null ? [] : parseOptions(scanner, direction);
  if (direction === 'in' && win === undefined)
    scanner.fail('a packet that comes in needs "win" and a number', start);
  if (direction === 'out' && flags.includes('.') && ack === undefined) {
    scanner.fail('a packet with the flag "." needs "ack" and a number', start);
  }
  if (ack !== undefined && !flags.includes('.')) scanner.fail('"ack" needs the flag "."', start);
  return {
    protocol: 'tcp',
    ip,
    ports,
    flags,
    seq,
    length,
    ack: ack === undefined ? 0 : ack,
    win: win === undefined ? null : win,
    urg: urg ?? 0,
    options,
  };
}

function sortFlags(scanner: Scanner, letters: string, offset: number): string {
  if (letters === '-') return '';
  const sorted = flagLetters(flagBits(letters));
  if (sorted.length !== letters.length) scanner.fail(`a flag stands twice in ${letters}`, offset);
  return sorted;
}

function sequence(scanner: Scanner): { seq: number; length: number } {
  const offset = scanner.offset;
  const [, first, last, size] = scanner.expect(SEQUENCE, 'sequence numbers such as 1:1001(1000)');
  const seq = Number(first) >>> 0;
  const length = within(scanner, size, MAX_PAYLOAD);
  if (last !== undefined && Number(last) >>> 0 !== (seq + length) >>> 0) {
    scanner.fail(`${first}:${last}(${size}) does not add up`, offset);
  }
  return { seq, length };
}

/** Undefined when `name` does not come; null for a wildcard. */
function numberAfter(scanner: Scanner, name: RegExp, direction: Direction): number | null | undefined {
  const word = scanner.take(name)?.[0];
  if (word === undefined) return undefined;
  if (direction === 'out' && scanner.take(WILDCARD) !== null) return null;
  const most = word === 'ack' ? 0xffff_ffff : 0xffff;
  return within(scanner, scanner.expect(NUMBER, `a number after "${word}"`)[0], most);
}

/** The number behind `text`, or an error with its bound. */
function within(scanner: Scanner, text: string | undefined, most: number): number {
  const value = Number(text);
  return value <= most ? value : scanner.fail(`${text} is more than ${most}`);
}

function icmpLine(scanner: Scanner, direction: Direction, ports: Ports | null): IcmpLine {
  const offset = scanner.offset;
  const typeName = scanner.expect(WORD, 'an ICMP type such as unreachable')[0];
  const codeName = scanner.sees(MTU) ? null : (scanner.take(WORD)?.[0] ?? null);
  const found = icmpType(typeName, codeName);
  if (typeof found === 'string') return scanner.fail(found, offset);
  const mtu = scanner.take(MTU) === null ? null : scanner.expect(NUMBER, 'a number after "mtu"')[0];
  let quoted: IcmpLine['quoted'] = null;
  if (scanner.take(QUOTED.open) !== null) {
    quoted = sequence(scanner);
    scanner.expect(QUOTED.close, '"]"');
  } else if (direction === 'in') {
    scanner.fail('an ICMP message that comes in needs the segment that it quotes, such as [1:1001(1000)]');
  }
  return {
    protocol: 'icmp',
    ports,
    ...found,
    name: codeName === null ? typeName : `${typeName} ${codeName}`,
    mtu: mtu === null ? null : within(scanner, mtu, 65_535),
    quoted,
  };
}
