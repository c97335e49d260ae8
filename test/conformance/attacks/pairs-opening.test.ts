/** Two edits of one packet before a connection is open. See pairs.ts. */

import { testPairs } from '../../support/pairs.ts';

testPairs('CLOSED', 'LISTEN');
