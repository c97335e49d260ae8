/** Names for sets of rules: networks that everybody has met. */

/** The rules of each preset, in order. */
export const PRESETS = {
  'lossy-wifi': ['drop both prob 0.03', 'dup both prob 0.005 after 1ms', 'delay both 2ms jitter 15ms'],
  satellite: ['rate both 10mbit queue 400 delay 270ms jitter 3ms'],
  'duplicating-router': ['dup both prob 0.25 after 2ms'],
  'nat-timeout': ['drop both where tcp && !syn && idle>=30s'],
  reboot: ['cut both for 2s', 'reset out where tcp && old', 'drop in where tcp && old'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type PresetName = keyof typeof PRESETS;
export const PRESET_NAMES = Object.keys(PRESETS) as readonly PresetName[];
