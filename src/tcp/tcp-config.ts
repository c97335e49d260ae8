/**
 * What TCP can be told, as plain values. A connection keeps the object that was in force when it
 * was opened; changing a key makes a new object. The keys, units, defaults, profiles and texts that
 * people see are in stack/config.ts.
 *
 * Times are µs, sizes are bytes.
 */
export interface TcpConfig {
  /** Maximum segment lifetime; TIME-WAIT lasts twice this. RFC 9293 §3.4.2. */
  readonly msl: number;
  /** Lab only when false: no TIME-WAIT at all. */
  readonly timeWait: boolean;
  readonly timeWaitRfc1337: boolean;
  readonly timeWaitReuse: 'off' | 'isn' | 'timestamps' | 'both';
  /** Records kept; beyond it the oldest leaves. */
  readonly timeWaitMax: number;
  /** FIN-WAIT-2 without a reader; Infinity = no such timer. */
  readonly finWait2: number;

  readonly rtoInitial: number;
  readonly rtoMin: number;
  readonly rtoMax: number;
  /** How `rtoMin` applies: to the variance term (RTO = SRTT + max(min, 4·RTTVAR)) or to the whole RTO. */
  readonly rtoFloor: 'variance' | 'whole';
  readonly retriesSyn: number;
  readonly retriesSynAck: number;
  readonly retriesData: number;
  readonly retriesOrphan: number;

  readonly ackDelay: number;
  readonly ackPolicy: 'quick-start' | 'delay';
  /** One ACK per this many full segments; 0 = one for a turn's batch. */
  readonly ackStretch: number;

  /** Initial window in SMSS; 0 = RFC 5681's formula. */
  readonly initialWindow: number;
  readonly congestion: 'cubic' | 'reno';
  readonly hystart: 'off' | 'classic' | '++';
  readonly sack: boolean;
  readonly dsack: boolean;
  readonly rack: boolean;
  readonly tlp: boolean;
  readonly prr: boolean;
  readonly frto: boolean;
  /** DupThresh. */
  readonly reordering: number;
  readonly timestamps: boolean;
  readonly windowScale: boolean;
  readonly ecn: 'off' | 'server' | 'on';
  /** TCP Fast Open: which sides. RFC 7413. */
  readonly tfo: 'off' | 'client' | 'server' | 'on';
  /** Fast opens of one listener whose handshake is not complete. */
  readonly tfoQueue: number;
  readonly pacing: boolean;
  readonly slowStartAfterIdle: boolean;
  readonly push: 'queue' | 'burst';
  readonly nagle: boolean;

  readonly bufferReceiveMin: number;
  readonly bufferReceiveStart: number;
  readonly bufferReceiveMax: number;
  readonly bufferSendMin: number;
  readonly bufferSendStart: number;
  readonly bufferSendMax: number;
  /** Buffers grow by themselves up to their maximum. */
  readonly bufferAutoTuning: boolean;
  /** All buffers of all connections together. */
  readonly bufferTotal: number;

  readonly rfc5961: boolean;
  /** Challenge ACKs per connection and second; segments with duplicate data are exempt. */
  readonly challengeAckLimit: number;
  readonly synQueue: number;
  readonly synCookies: 'cookies' | 'drop' | 'always';

  readonly keepAlive: boolean;
  readonly keepAliveIdle: number;
  readonly keepAliveInterval: number;
  readonly keepAliveCount: number;
  /** R2 as a time; 0 = by `retriesData`. RFC 9293 §3.8.3. */
  readonly userTimeout: number;

  readonly icmpHard: 'opening' | 'rfc1122';
  readonly pmtud: 'off' | 'rfc1191' | 'probing';
  readonly closedPorts: 'reset' | 'drop';
  readonly synFin: 'syn' | 'drop';

  readonly ttl: number;
  readonly tos: number;
  /** Largest MSS to offer; 0 = from the MTU. */
  readonly mss: number;
  readonly ephemeralFirst: number;
  readonly ephemeralLast: number;
  /** Connections, TIME-WAIT and SYN queue not counted. */
  readonly connectionsMax: number;
  readonly orphansMax: number;

  // Lab only: each breaks TCP on purpose.
  readonly labHandshake: 'three-way' | 'two-way';
  readonly labIsn: 'keyed' | 'fixed';
  readonly labSplitSynAck: boolean;
  readonly labFinWithData: boolean;
}
