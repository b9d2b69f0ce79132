// The providers in the order in which they look: each sees the planned edits of those before it.

import type { AnyProvider } from '../core/plan/provider.ts';
import { activation } from './activation.ts';
import { channels } from './channels.ts';
import { configuration } from './configuration/index.ts';
import { flake } from './flake/index.ts';
import { git } from './git/index.ts';
import { link } from './link.ts';
import { location } from './location.ts';
import { lock } from './lock/index.ts';
import { machine } from './machine.ts';
import { nixConf } from './nix-conf.ts';
import { ownership } from './ownership.ts';
import { passwords } from './passwords.ts';
import { purity } from './purity.ts';

export const PROVIDERS: readonly AnyProvider[] = [
  machine,
  location,
  link,
  flake,
  configuration,
  purity,
  passwords,
  nixConf,
  lock,
  git,
  ownership,
  channels,
  activation,
];
