/** Stacks that share an address: each answers for its own flows, and no other. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.ts';
import { type VirtualClock, virtualClock } from '../../../src/base/virtual-clock.ts';
import { type PacketDevice, packetDevice } from '../../../src/device/packet-device.ts';
import { Identification } from '../../../src/ip/identification.ts';
import { Stack } from '../../../src/stack/stack.ts';
import { TcpError } from '../../../src/tcp/events.ts';
import type { Packet } from '../../../src/wire/packet.ts';
import { Steering } from '../../../src/wire/steering.ts';
import { ACK, FIN, OURS, RST, SYN, segment } from '../../support/wire.ts';

const PEER = 0x0a090001;
const PORT = 80;
const NOBODY = { connectionEvents: () => {} };

/** Several stacks on one address, and what each has sent and handed over. */
class Family {
  readonly clock: VirtualClock = virtualClock(1_000_000_000);
  readonly steering: Steering;
  readonly stacks: Stack[] = [];
  readonly sent: Uint8Array[][] = [];
  readonly handed: number[] = [];
  /** Gives every flow to this one, whatever its hash. */
  onlyOwner = -1;
  private readonly devices: PacketDevice[] = [];

  constructor(count: number, config: Record<string, string> = {}) {
    this.steering = new Steering(new SeededRandom(4), count);
    for (let index = 0; index < count; index++) {
      const device = packetDevice({ mtu: 1500, offload: 'off' });
      const sent: Uint8Array[] = [];
      this.handed.push(0);
      const stack = new Stack({
        ...{ device, address: '10.9.0.2/24', clock: this.clock, config },
        random: new SeededRandom(100 + index),
        siblings: {
          ...{ index, count, secrets: new SeededRandom(7) },
          owns: (...flow) => this.owner(...flow) === index,
          handOver: (packet: Packet) => this.handOver(index, packet),
        },
      });
      stack.tcp.listen({ address: 0, port: PORT, backlog: 1000 }, { connectionsWaiting: () => {} });
      device.onPacket((packet) => sent.push(packet));
      this.stacks.push(stack);
      this.devices.push(device);
      this.sent.push(sent);
    }
  }

  owner(local: number, peer: number, localPort: number, peerPort: number): number {
    return this.onlyOwner >= 0 ? this.onlyOwner : this.steering.queueOf(local, peer, localPort, peerPort);
  }

  inject(index: number, packet: Uint8Array): void {
    (this.devices[index] as PacketDevice).inject(packet);
  }

  private handOver(from: number, packet: Packet): void {
    this.handed[from] = (this.handed[from] as number) + 1;
    const { view, start } = packet;
    const ports = [view.getUint16(start + 22), view.getUint16(start + 20)] as const;
    const owner = this.owner(OURS | 0, PEER | 0, ...ports);
    this.inject(owner, packet.bytes.slice(packet.start, packet.end));
  }
}

const flagsOf = (packet: Uint8Array): number => packet[33] as number;

describe('siblings', () => {
  test('a SYN that comes to the wrong one is answered by its owner alone', () => {
    const family = new Family(3);
    for (let port = 1000; port < 1030; port++) {
      const owner = family.owner(OURS | 0, PEER | 0, PORT, port);
      const wrong = (owner + 1) % 3;
      family.inject(
        wrong,
        segment({ source: PEER, sourcePort: port, destinationPort: PORT, flags: SYN, seq: 5 }),
      );
      assert.deepEqual(family.sent[wrong], []);
      assert.equal(flagsOf(family.sent[owner]?.[0] as Uint8Array), SYN | ACK);
      for (const sent of family.sent) sent.length = 0;
    }
    assert.equal(
      family.handed.reduce((a, b) => a + b),
      30,
    );
  });

  test('nothing that belongs to no connection of his makes a stranger send a reset', () => {
    const family = new Family(2);
    for (const flags of [SYN, ACK, SYN | ACK, FIN | ACK, RST, RST | ACK, 0]) {
      for (const destinationPort of [PORT, 81]) {
        for (let port = 2000; port < 2010; port++) {
          const stranger = 1 - family.owner(OURS | 0, PEER | 0, destinationPort, port);
          const packet = segment({ source: PEER, sourcePort: port, destinationPort, flags, seq: 1, ack: 1 });
          family.inject(stranger, packet);
          assert.deepEqual(family.sent[stranger], []);
          for (const sent of family.sent) sent.length = 0;
        }
      }
    }
  });

  test('an active open leaves from a port whose answer comes back to it; another port is refused', () => {
    const family = new Family(2);
    family.stacks.forEach((stack, index) => {
      const options = { localAddress: 0, peerAddress: PEER | 0, peerPort: 443 };
      for (let i = 0; i < 100; i++) {
        const tcb = stack.tcp.connect({ ...options, localPort: 0 }, NOBODY);
        assert.equal(family.owner(tcb.localAddress, tcb.peerAddress, tcb.localPort, 443), index);
      }
      let refused = 0;
      for (let localPort = 5000; localPort < 5020; localPort++) {
        const ours = family.owner(OURS | 0, PEER | 0, localPort, 443) === index;
        if (ours) continue;
        refused++;
        assert.throws(
          () => stack.tcp.connect({ ...options, localPort }, NOBODY),
          (error: unknown) => error instanceof TcpError && error.code === 'EADDRNOTAVAIL',
        );
      }
      assert.ok(refused > 0);
    });
  });

  test('no two connections have the same number', () => {
    const family = new Family(3);
    const ids = family.stacks.flatMap((stack, index) =>
      [1, 2, 3].map((peerPort) => {
        const options = { localAddress: 0, localPort: 0, peerAddress: PEER | 0, peerPort };
        const { id } = stack.tcp.connect(options, NOBODY);
        assert.equal((id - 1) % 3, index);
        return id;
      }),
    );
    assert.equal(new Set(ids).size, 9);
  });

  test('a SYN cookie of one is good for another, and the ISN clock is one', () => {
    const family = new Family(2, { synCookies: 'always' });
    family.onlyOwner = 0;
    const from = { source: PEER, sourcePort: 3000, destinationPort: PORT };
    family.inject(0, segment({ ...from, flags: SYN, seq: 9 }));
    const [answer] = family.sent[0] as [Uint8Array];
    const cookie = new DataView(answer.buffer, answer.byteOffset).getInt32(24);
    family.onlyOwner = 1;
    family.inject(1, segment({ ...from, flags: ACK, seq: 10, ack: cookie + 1 }));
    const [taken] = family.stacks[1]?.connections().filter(({ state }) => state === 'ESTABLISHED') ?? [];
    assert.equal(taken?.peer, '10.9.0.1:3000');
    const isn = ({ tcp }: Stack): number =>
      tcp.context.secrets.initialSequence(OURS | 0, PEER | 0, 1, 2, false);
    const offset = ({ tcp }: Stack): number => tcp.context.secrets.timestampOffset(OURS | 0, PEER | 0);
    const [one, other] = family.stacks as [Stack, Stack];
    assert.equal(isn(one), isn(other));
    assert.equal(offset(one), offset(other));
  });

  test('RFC 6864 §4.3: an identification that one has used no other uses', () => {
    const clock = virtualClock(0);
    const used = new Set<number>();
    for (const index of [0, 1, 2]) {
      const share = { index, count: 3 };
      const identification = new Identification(clock, new SeededRandom(3), share);
      for (let i = 0; i < 10_000; i++) {
        assert.ok(identification.next(OURS | 0, PEER | 0, 6));
        used.add(identification.value);
      }
    }
    assert.equal(used.size, 30_000);
  });
});
