// The cells of the recovery table, and what the link does in each.

export const SINK_PORT = 5001;

/** Bits a second of the link: low enough that no processor is what limits. */
const RATE = 20e6;
/** Bytes that wait for the link; beyond it packets are dropped. */
const QUEUE = 256 * 1024;

/** How long each run lasts: some hundred round trips. Seconds. */
const SECONDS = { 20: 8, 100: 20 };

/** Kernel BBR can only be beside itself: Fourwave has none, so it only receives. */
const SENDERS = [
  ['to', 'cubic'],
  ['to', 'reno'],
  ['from', 'cubic'],
  ['from', 'reno'],
  ['to', 'bbr'],
];

/**
 * `direction`: of the data, seen from the far end, which is Fourwave or the kernel; the near end is
 * always the kernel. `congestion`: of the sender.
 */
export const CELLS = SENDERS.flatMap(([direction, congestion]) =>
  [20, 100].flatMap((rtt) =>
    [0.01, 0.05].flatMap((loss) =>
      [0, 0.03].map((reordering) => ({ direction, congestion, rtt, loss, reordering })),
    ),
  ),
);

/** Whether the table's promise is about this cell. */
export const isJudged = (cell) => cell.congestion !== 'bbr';

export const secondsOf = (cell) => SECONDS[cell.rtt];

/** In each direction; what is reordered is held back by up to half a round trip. Times µs. */
export function impairmentsOf({ rtt, loss, reordering }) {
  const delay = (rtt * 1000) / 2;
  return { delay, loss, reordering, reorderDelay: delay, rate: RATE, queueBytes: QUEUE };
}
