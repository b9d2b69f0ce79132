// Files beside the program, or in the current directory.
import { suffers } from './suffer.ts';

suffers('S6');
