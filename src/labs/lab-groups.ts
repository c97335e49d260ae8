/** The folders of the catalogue. */

export const LAB_GROUPS = [
  'open',
  'close',
  'time-wait',
  'half-open',
  'reset',
  'data',
  'win',
  'ack',
  'cc',
  'nc',
] as const;
export type LabGroup = (typeof LAB_GROUPS)[number];
