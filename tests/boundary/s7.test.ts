// Specs that somebody else wrote, found upwards.
import { suffers } from './suffer.ts';

suffers('S7');
