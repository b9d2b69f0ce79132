// The tree, or a directory on the way to it, is a link of the person's; or what is root's lies in it.
import { suffers } from './suffer.ts';

suffers('S1');
