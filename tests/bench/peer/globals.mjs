// What the peer's packages take for granted to be there, as in Node.
import { Buffer } from 'buffer/';
import process from 'process/browser';

export { Buffer, process };
