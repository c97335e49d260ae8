/** The shape of every line of an event log, as TypeBox types and as published JSON Schema. */

import { type Static, type TSchema, Type } from 'typebox';
import { DATA } from './data-schemas.ts';
import { EVENTS, type EventName } from './record.ts';
import { closed, count } from './schema-parts.ts';

function eventSchema(name: EventName, level: string): TSchema {
  return Type.Object(
    {
      t: Type.Number({ description: 'seconds since the reference time of the header' }),
      n: Type.Integer({ minimum: 1, description: 'number of the event' }),
      ev: Type.Literal(name),
      conn: Type.Optional(Type.String({ pattern: '^c[0-9]+$' })),
      inc: Type.Optional(count),
      seg: Type.Optional(Type.Integer({ minimum: 1 })),
      cause: Type.Optional(Type.Integer({ minimum: 1 })),
      data: DATA[name],
    },
    { ...closed, title: name, description: `level ${level}` },
  );
}

/** Schema of each event by its name. */
export const EVENT_SCHEMAS: Readonly<Record<EventName, TSchema>> = Object.fromEntries(
  EVENTS.map((event) => [event.name, eventSchema(event.name, event.level)]),
) as Record<EventName, TSchema>;

export const HeaderSchema = Type.Object(
  {
    tcplog: Type.Literal(1),
    title: Type.String(),
    vantage: Type.Object({ type: Type.Enum(['server', 'client', 'network']), name: Type.String() }),
    t0: Type.Union([Type.String(), Type.Null()]),
    clock: Type.Enum(['monotonic', 'virtual']),
    config: Type.Object({}),
  },
  { title: 'header' },
);
export type Header = Static<typeof HeaderSchema>;

/** Any line of a log. */
export const LineSchema: TSchema = Type.Union([HeaderSchema, ...Object.values(EVENT_SCHEMAS)]);

/** What is published as `docs/event-log.schema.json`. */
export function jsonSchema(): Record<string, unknown> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Fourwave event log',
    description: 'One JSON object a line; the first line is the header.',
    ...(JSON.parse(JSON.stringify(LineSchema)) as Record<string, unknown>),
  };
}
