// What apply gives the person, he changes at once.
import { suffers } from './suffer.ts';

suffers('S5');
