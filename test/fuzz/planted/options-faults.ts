/** The reader of src/wire/tcp-options.ts with the faults that such readers have had. */

export interface Fault {
  /** RFC 9293 §3.1 (MUST-7) forgotten: a length of 0 makes no progress. */
  readonly noProgressGuard?: boolean;
  /** An option may end one byte behind the header. */
  readonly offByOne?: boolean;
}

/** Sum of the values of the options read; what they are does not matter here. */
export function readOptionsBadly(view: DataView, end: number, fault: Fault): number {
  let sum = 0;
  let at = 0;
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === 0) break;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = at + 1 < end ? view.getUint8(at + 1) : 1;
    if (length < 2 && !(fault.noProgressGuard === true && length === 0)) break;
    if (at + length > end + (fault.offByOne === true ? 1 : 0)) break;
    if (kind === 2 && length === 4) sum += view.getUint16(at + 2);
    if (kind === 8 && length === 10) sum += view.getUint32(at + 2) + view.getUint32(at + 6);
    at += length;
  }
  return sum;
}
