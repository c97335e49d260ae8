/** The names that C's headers give to numbers, as scripts write them. */

import * as constants from '../posix/constants.ts';
import { ERRNO } from '../posix/errno.ts';

const { SOCKET_OPTIONS, IP_OPTIONS, TCP_OPTIONS, LEVELS, LINUX_STATES, CA_STATES, ...numbers } = constants;

// biome-ignore format: table
const OTHERS = {
  AF_INET6: 10, PF_INET: 2, PF_INET6: 10, SOCK_DGRAM: 2, IPPROTO_UDP: 17, SOL_TCP: 6, SOL_IP: 0, INADDR_ANY: 0,
  O_RDONLY: 0, O_WRONLY: 1, POLLRDNORM: 0x40, POLLRDBAND: 0x80, POLLWRNORM: 0x100, POLLWRBAND: 0x200,
  MSG_ZEROCOPY: 0x4000000, MSG_ERRQUEUE: 0x2000, EWOULDBLOCK: ERRNO.EAGAIN,
  IP_PMTUDISC_DONT: 0, IP_PMTUDISC_WANT: 1, IP_PMTUDISC_DO: 2, IP_PMTUDISC_PROBE: 3, TCP_INFINITE_SSTHRESH: 0x7fffffff,
} as const;

/** The kernel's names of the TCP states. */
// biome-ignore format: table
const STATES = {
  TCP_ESTABLISHED: LINUX_STATES.ESTABLISHED, TCP_SYN_SENT: LINUX_STATES['SYN-SENT'],
  TCP_SYN_RECV: LINUX_STATES['SYN-RECEIVED'], TCP_FIN_WAIT1: LINUX_STATES['FIN-WAIT-1'],
  TCP_FIN_WAIT2: LINUX_STATES['FIN-WAIT-2'], TCP_TIME_WAIT: LINUX_STATES['TIME-WAIT'],
  TCP_CLOSE: LINUX_STATES.CLOSED, TCP_CLOSE_WAIT: LINUX_STATES['CLOSE-WAIT'],
  TCP_LAST_ACK: LINUX_STATES['LAST-ACK'], TCP_LISTEN: LINUX_STATES.LISTEN, TCP_CLOSING: LINUX_STATES.CLOSING,
  TCP_CA_Open: CA_STATES.open, TCP_CA_Disorder: CA_STATES.disorder, TCP_CA_CWR: CA_STATES.cwr,
  TCP_CA_Recovery: CA_STATES.recovery, TCP_CA_Loss: CA_STATES.loss, TCPI_OPT_ECN_SEEN: 16, TCPI_OPT_SYN_DATA: 32,
} as const;

const SYMBOLS: ReadonlyMap<string, number> = new Map<string, number>(
  Object.entries({
    ...numbers,
    ...ERRNO,
    ...SOCKET_OPTIONS,
    ...IP_OPTIONS,
    ...TCP_OPTIONS,
    ...LEVELS,
    ...OTHERS,
    ...STATES,
  }),
);

/** The number behind a name, or undefined. */
export function symbol(name: string): number | undefined {
  return SYMBOLS.get(name);
}

const ERROR_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(ERRNO).map(([name, number]) => [number, name]),
);

/** `ECONNREFUSED` for 111. */
export function errnoName(number: number): string | undefined {
  return ERROR_NAMES.get(number);
}
