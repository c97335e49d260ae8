/** Two edits of one packet while we may still send, or wait for the peer to end. See pairs.ts. */

import { testPairs } from '../../support/pairs.ts';

testPairs('ESTABLISHED', 'CLOSE-WAIT', 'FIN-WAIT-2');
