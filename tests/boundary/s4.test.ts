// Repositories that lead elsewhere.
import { suffers } from './suffer.ts';

suffers('S4');
