/** Two edits of one packet while a connection is being opened. See pairs.ts. */

import { testPairs } from '../../support/pairs.ts';

testPairs('SYN-SENT', 'SYN-RECEIVED');
