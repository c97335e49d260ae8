import type { EventData } from '../data-schemas.ts';
import type { LogEvent } from '../log-event.ts';
import type { EventName } from '../record.ts';
import type { ConnectionDraft, Draft } from './draft.ts';

/** What one event does to its connection. */
export type Step<Name extends EventName> = (
  connection: ConnectionDraft,
  event: LogEvent,
  data: EventData[Name],
  draft: Draft,
) => void;

export type Steps = { readonly [Name in EventName]?: Step<Name> };

/** The same, for whoever looks a step up by a name that it does not know. */
export type ConnectionStep = (
  connection: ConnectionDraft,
  event: LogEvent,
  data: unknown,
  draft: Draft,
) => void;

/** Adds to the end of `list`, and forgets its beginning beyond `limit`. */
export function keep<Entry>(list: Entry[], entry: Entry, limit: number): void {
  list.push(entry);
  if (list.length > limit) list.shift();
}
