/** Two edits of one packet while our FIN is not acknowledged. See pairs.ts. */

import { testPairs } from '../../support/pairs.ts';

testPairs('FIN-WAIT-1', 'CLOSING');
