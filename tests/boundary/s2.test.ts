// Inputs and modules that lead out of the tree.
import { suffers } from './suffer.ts';

suffers('S2');
