// The person's nix.conf and what it includes.
import { suffers } from './suffer.ts';

suffers('S8');
