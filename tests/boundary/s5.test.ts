// The person changes what apply gives him as soon as he has it.
import { suffers } from './suffer.ts';

suffers('S5');
