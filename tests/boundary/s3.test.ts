// Scratch directories, and what the programs that work in them read.
import { suffers } from './suffer.ts';

suffers('S3');
