/** Two edits of one packet before a connection is open, and while it is. See pairs.ts. */

import { testPairs } from '../../support/pairs.ts';

testPairs('CLOSED', 'LISTEN', 'SYN-SENT', 'SYN-RECEIVED');
