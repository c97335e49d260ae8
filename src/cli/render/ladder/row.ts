/** What the ladder is made of: rows, told by events, not yet drawn at any width. */

/** What a line is about; a colour stands for a meaning, and a shape always stands beside it. */
export type Tone = 'syn' | 'fin' | 'data' | 'ack' | 'bad' | 'again' | 'note';

/** How a segment's way ends, as far as we know. */
export type ArrowEnd = 'arrives' | 'lost' | 'waits' | 'rejected';

/** What is special about a segment. */
export type Mark =
  | 'again'
  | 'copy'
  | 'order'
  | 'late'
  | 'corrupted'
  | 'mutated'
  | 'injected'
  | 'held'
  | 'copied';

export interface Arrow {
  readonly received: boolean;
  readonly flags: string;
  /** `1:32 ack 1`. */
  readonly numbers: string;
  /** Bytes; empty when not told. */
  readonly win: string;
  /** What it was sent for, where that is no matter of course. */
  readonly why: string;
  /** Wire segments that it stands for. */
  readonly segs: number;
  readonly bytes: number;
  readonly marks: Mark[];
  end: ArrowEnd;
}

export type ArcKind = 'set' | 'restart' | 'cancel' | 'fire';

/** Something that happened to a timer. */
export interface Arc {
  /** Its column, from 0; -1 when there was none left. */
  readonly lane: number;
  readonly kind: ArcKind;
  /** Empty: only its mark is drawn. */
  readonly text: string;
  /** Of the kind that every segment of a transfer moves. */
  readonly routine: boolean;
}

/** Calls of one kind in a row. */
export interface Call {
  readonly name: string;
  bytes: number;
  times: number;
}

export type RowKind = 'segment' | 'app' | 'note' | 'opened' | 'run' | 'gap';

export interface Row {
  readonly kind: RowKind;
  readonly t: number;
  /** `c3`, `c3.2` of a second incarnation; empty when no connection is concerned. */
  conn: string;
  /** The connection's key; empty while it is not known. */
  key: string;
  /** `local peer` of a segment; empty when it is not told. */
  ends: string;
  /** Numbers of the events in it, and of what caused them. */
  readonly events: number[];
  readonly cause: number;
  readonly seg: number;
  tone: Tone;
  arrow: Arrow | null;
  text: string;
  /** Of the application; `text` says the same. */
  readonly calls: Call[];
  /** States after the row; empty while nothing changes. */
  left: string;
  right: string;
  /** Lines below it. */
  readonly notes: string[];
  readonly arcs: Arc[];
  /** Columns of timers that are armed before the row. */
  readonly lanes: boolean[];
  /** When the one TIME-WAIT that there is ends, seconds; null: there is none, or several. */
  readonly due: number | null;
}

/** The lines below a row: whose a segment is that belongs to no connection, and what else there is to say. */
export function notesOf({ key, ends, arrow, notes }: Row): readonly string[] {
  if (key !== '' || ends === '' || arrow?.received !== true) return notes;
  const [local = '', peer = ''] = ends.split(' ');
  return [`from ${peer} to ${local}`, ...notes];
}
