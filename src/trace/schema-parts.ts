/** The vocabulary of the event log's schema: what more than one kind of line is made of. */

import { type TSchema, Type } from 'typebox';
import { REASONS } from '../base/reasons.ts';
import { STATE_NAMES } from '../tcp/state.ts';
import { TIMER_NAMES } from '../tcp/timers/timer-table.ts';

export const closed = { additionalProperties: false };
export const count = Type.Integer({ minimum: 0 });

export const relative = Type.Integer({ description: 'relative to the initial sequence number' });
export const uint32 = Type.Integer({ minimum: 0, maximum: 0xffffffff });
export const port = Type.Integer({ minimum: 0, maximum: 65_535 });
export const bytes = Type.Integer({ minimum: 0, description: 'bytes' });
export const milliseconds = Type.Number();
export const words = (description: string) => Type.String({ description });
export const maybe = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const oneOf = <Value extends string>(values: readonly Value[]) => Type.Enum([...values] as Value[]);

export const state = oneOf(STATE_NAMES);
export const timer = oneOf(TIMER_NAMES);
export const reason = oneOf(REASONS.map((row) => row.name));
export const rfc = words('the clause');
export const range = Type.Array(relative, {
  minItems: 2,
  maxItems: 2,
  description: '[first, one past the last)',
});
export const ranges = Type.Array(range, { maxItems: 32 });
/** Ranges that there are beyond the 32 that are told. */
export const more = Type.Optional(count);
