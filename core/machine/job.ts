// A computation while planning, as data. Types only.

import type { Person } from '../model.ts';
import type { AbsPath } from '../path.ts';

export type Argv = readonly [string, ...string[]];

/**
 * A computation while planning: it lays files into a scratch directory, runs one program there and returns files. It
 * leaves the machine unchanged.
 */
export interface Job {
  /** For progress lines: `locking flake inputs`. */
  readonly label: string;
  /**
   * `bytes`: a difference is known already, and the result is the bytes of an edit. `answer`: the result says whether
   * there is a difference. `check` wants answers only, and gets `withheld` instead of bytes.
   */
  readonly purpose: 'bytes' | 'answer';
  /** Relative to the scratch directory; parents are created. */
  readonly files: readonly ScratchFile[];
  /** Present paths of the machine whose bytes are in `files`. If `as` may not read one of them, the job is not done. */
  readonly from: readonly AbsPath[];
  /**
   * `{scratch}` in an argument stands for the scratch directory, which is also the working directory; `{store}` stands
   * for a Nix store that is private to the person.
   */
  readonly argv: Argv;
  readonly outputs: readonly string[];
  /** The program, and what it starts, may not use the network. */
  readonly offline?: boolean;
  /** Paths of the machine's store that Nix needs in `{store}`. One that cannot be copied there Nix has to find itself. */
  readonly sources?: readonly AbsPath[];
  /** The result depends only on this job and the program, so a cached answer is taken. */
  readonly isKept?: true;
  /**
   * What the program answers is told in words: names, values, lines of files. Where root was called by somebody else than the
   * person, nobody (uid 65534) runs it, over files that the caller can read.
   */
  readonly isTold?: true;
  /** The person with whose rights, home and configuration the program runs; root drops to them. */
  readonly as: Person;
}

/** `stamp`: that of the reader, taken before the bytes were read. */
export type ScratchFile = {
  readonly path: string;
} /** `stamp`: that of the reader, taken before the bytes were read. */ & (
  | { readonly type: 'file'; readonly content: Uint8Array; readonly mode: number; readonly stamp?: string }
  | { readonly type: 'dir'; readonly mode: number }
  | { readonly type: 'link'; readonly target: string }
);

/** `files`: each output with everything below it, parents first; paths are relative to the scratch directory. */
export type JobResult =
  | {
      readonly status: 'done';
      readonly files: readonly ScratchFile[];
      readonly stdout: string;
      readonly stderr: string;
    }
  | { readonly status: 'failed'; readonly stderr: string }
  | { readonly status: 'missing'; readonly tool: string }
  /** The program was not run, because only root may read a file that it needs. */
  | { readonly status: 'closed'; readonly path: AbsPath }
  | { readonly status: 'withheld' };
