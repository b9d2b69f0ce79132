// A computation while planning, as data: files in, one program in a scratch directory, files out.

import type { Person } from '../model.ts';
import type { AbsPath } from '../path.ts';

export type Argv = readonly [string, ...string[]];

/** A computation while planning: files in, one program in a scratch directory, files out. The machine stays as it is. */
export interface Job {
  /** For progress lines: `locking flake inputs`. */
  readonly label: string;
  /**
   * What the result is for: the bytes of an edit, where it is known already that there is a difference; or the answer
   * whether there is one. Who only wants that answer (`check`) is told `withheld` instead of bytes.
   */
  readonly purpose: 'bytes' | 'answer';
  /** Relative to the scratch directory; parents are made. */
  readonly files: readonly ScratchFile[];
  /** Paths of the machine whose bytes are in `files`: what `as` may not read there is not laid into their directory. */
  readonly from: readonly AbsPath[];
  /**
   * `{scratch}` in an argument stands for the scratch directory, which is also the working directory; `{store}` for a store of
   * Nix that is private to the person.
   */
  readonly argv: Argv;
  readonly outputs: readonly string[];
  /** It and what it starts are kept from the network. */
  readonly offline?: boolean;
  /** Paths of the machine's store that Nix needs in `{store}`; what cannot be brought there it has to find itself. */
  readonly sources?: readonly AbsPath[];
  /** The result depends on nothing but this job and the program: what was once answered is not asked again. */
  readonly isKept?: true;
  /** Whose rights, home and configuration the program runs with; root drops to them. */
  readonly as: Person;
}

export type ScratchFile = { readonly path: string } & (
  | { readonly type: 'file'; readonly content: Uint8Array; readonly mode: number }
  | { readonly type: 'dir'; readonly mode: number }
  | { readonly type: 'link'; readonly target: string }
);

/** `files`: each output with all that is below it, parents first, paths relative to the scratch directory. */
export type JobResult =
  | {
      readonly status: 'done';
      readonly files: readonly ScratchFile[];
      readonly stdout: string;
      readonly stderr: string;
    }
  | { readonly status: 'failed'; readonly stderr: string }
  | { readonly status: 'missing'; readonly tool: string }
  /** The program was not run: only root may read what it needs. */
  | { readonly status: 'closed'; readonly path: AbsPath }
  | { readonly status: 'withheld' };
