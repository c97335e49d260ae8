/** Two edits of one packet at the end of a connection. See pairs.ts. */

import { testPairs } from '../../support/pairs.ts';

testPairs('LAST-ACK', 'TIME-WAIT');
