/** Tells what happens, one sentence for each thing that does: what a person hears while a lab goes on. */

import type { LogEvent } from '../../trace/log-event.ts';
import type { Text } from '../lab.ts';
import { ConnectionStory, type Segment, segmentOf, wordOf } from './connection-story.ts';
import { fateSentence, segmentSentence, stateSentence, timerSentence } from './sentences.ts';

/** A sentence and the events that it is about: a segment, and what it has brought about. */
export interface Told {
  readonly events: readonly LogEvent[];
  /** Null where there is nothing to say: a line of the ladder is enough, or not even that. */
  readonly text: Text | null;
}

/** Begins a new sentence. */
const OPENS = new Set(['seg:received', 'seg:sent', 'timer:fire', 'lab:step', 'app:close', 'app:abort']);
const LOST = new Set(['dropped', 'held', 'delayed', 'corrupted']);
/** Connections that are remembered. */
const MOST_STORIES = 4096;

export class Narrator {
  private readonly stories = new Map<string, ConnectionStory>();
  private group: LogEvent[] = [];

  /** The sentence that this event has finished, if it has. */
  add(event: LogEvent): Told | null {
    const starts = OPENS.has(event.ev) || (event.ev === 'wire:fate' && !this.isOfGroup(event));
    const told = starts ? this.flush() : null;
    this.group.push(event);
    return told;
  }

  /** What waits: nothing has come for a while. */
  flush(): Told | null {
    const events = this.group;
    if (events.length === 0) return null;
    this.group = [];
    return { events, text: this.sentence(events) };
  }

  /** Its fate belongs to the segment that was sent just now. */
  private isOfGroup({ seg }: LogEvent): boolean {
    return seg !== undefined && this.group[0]?.seg === seg;
  }

  private sentence(events: readonly LogEvent[]): Text | null {
    const [first] = events as readonly [LogEvent];
    const parts = [this.opening(first, events), ...events.map(stateSentence), ...timersOf(events)];
    const said = parts.filter((part) => part !== null);
    if (said.length === 0) return null;
    return { en: said.map(({ en }) => en).join(' '), zh: said.map(({ zh }) => zh).join('') };
  }

  private opening(first: LogEvent, events: readonly LogEvent[]): Text | null {
    const fate = events.find(({ ev, data }) => ev === 'wire:fate' && LOST.has(String(data['fate'])));
    if (first.ev === 'seg:received' || first.ev === 'seg:sent') {
      const segment = segmentOf(first);
      const judged = events.find(({ ev }) => ev === 'seg:judged');
      const said = this.segment(first, segment, judged);
      return fate === undefined ? said : joined(said, fateSentence(fate));
    }
    if (first.ev === 'timer:fire') return timerSentence(first);
    if (first.ev === 'wire:fate') return fateOnly(first);
    return null;
  }

  private segment(event: LogEvent, segment: Segment, judged: LogEvent | undefined): Text {
    const story = this.story(event);
    const repeats = story.repeats(segment);
    return segmentSentence({ segment, role: story.take(segment), repeats, verdict: verdictOf(judged) });
  }

  /** By the ports at both ends: a segment has no connection yet while it makes one. */
  private story({ data, inc }: LogEvent): ConnectionStory {
    const raw = (data['raw'] ?? {}) as Readonly<Record<string, unknown>>;
    const ports = [
      `${String(raw['src'])}:${String(raw['sport'])}`,
      `${String(raw['dst'])}:${String(raw['dport'])}`,
    ];
    const syn = String(data['flags']) === 'SYN';
    const key = ports.sort().join(' ');
    const known = this.stories.get(key);
    const again = known !== undefined && !(syn && known.firstFin !== null);
    if (again) return known;
    const story = new ConnectionStory();
    if (this.stories.size < MOST_STORIES || inc === 1) this.stories.set(key, story);
    return story;
  }
}

function verdictOf(judged: LogEvent | undefined): string {
  return wordOf(judged?.data['verdict']) || 'accepted';
}

/** A segment that never reached S, or that goes on later. */
function fateOnly(event: LogEvent): Text | null {
  if (!LOST.has(String(event.data['fate'])) || event.data['flags'] === undefined) return null;
  return fateSentence(event);
}

function timersOf(events: readonly LogEvent[]): (Text | null)[] {
  return events.filter(({ ev }) => ev === 'timer:set').map(timerSentence);
}

function joined(one: Text, two: Text): Text {
  return { en: `${one.en} ${two.en}`, zh: `${one.zh}${two.zh}` };
}
