/**
 * Real programs over bad links, at several MTUs, with a kernel that leaves one option out. Every two values
 * of these and of the links meet in some row, here or in the other file. FOURWAVE_FULL=1 plays every row.
 */

import { playRows } from './play.ts';

// They wait for timeouts most of the time.
playRows('interop on bad links', 'bad', 4);
