// `node:net` and `node:http` on the kernel's TCP, with the same services.

import net from 'node:net';
import { obey } from './service.js';
import { serveStreams } from './streams.js';

await serveStreams(net);
obey();
