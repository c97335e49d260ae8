/** The headers of an IPv4 packet as one line for people. Whatever is in it, nothing is thrown. */

const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];
const TCP = 6;

/** `10.9.0.2:13 > 10.9.0.1:40012 FIN,ACK seq 4219 ack 7 win 1024`; the numbers are those on the wire. */
export function packetText(bytes: Uint8Array): string {
  if (bytes.length < 20) return `${bytes.length} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [source, destination] = [addressAt(bytes, 12), addressAt(bytes, 16)];
  const tcp = (view.getUint8(0) & 15) * 4;
  const protocol = view.getUint8(9);
  if (protocol !== TCP || bytes.length < tcp + 20) return `${source} > ${destination} protocol ${protocol}`;
  const bits = view.getUint8(tcp + 13);
  const flags = FLAGS.filter((_, index) => (bits & (1 << index)) !== 0).join(',');
  const ends = `${source}:${view.getUint16(tcp)} > ${destination}:${view.getUint16(tcp + 2)}`;
  const numbers = `seq ${view.getUint32(tcp + 4)} ack ${view.getUint32(tcp + 8)} win ${view.getUint16(tcp + 14)}`;
  const end = tcp + (view.getUint8(tcp + 12) >> 4) * 4;
  const options = Buffer.from(bytes.subarray(tcp + 20, end)).toString('hex');
  return `${ends} ${flags} ${numbers}${options === '' ? '' : ` options ${options}`}`;
}

function addressAt(bytes: Uint8Array, at: number): string {
  return bytes.subarray(at, at + 4).join('.');
}
