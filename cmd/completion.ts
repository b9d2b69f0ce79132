// Completion for bash, zsh and fish: a short script for each, which asks this program what may come next (complete.ts), so that
// what a shell offers is what the program takes. `reflake __complete WORD…` answers: a line that says which paths fit too, then
// lines of a word and, behind a tab, what it is.

import { complete } from './complete.ts';
import { knownHere } from './known.ts';
import { GLOBAL_OPTIONS, memberOf, type Option } from './options.ts';
import { escapeLine } from './report/escape.ts';
import { type End, EXIT } from './session/exit.ts';
import type { GlobalOptions, Io } from './session/io.ts';
import type { Reporting } from './session/run.ts';

const SHELLS = {
  bash: `# bash completion for reflake. In ~/.bashrc:  source <(reflake completion bash)
_reflake() {
  local word words=() last='' token=\${COMP_WORDS[COMP_CWORD]} head paths line
  # bash parts words at = and :, the program does not.
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ \${#words[@]} -gt 0 && ( $word == [=:] || $last == [=:] ) ]]; then words[-1]+=$word; else words+=("$word"); fi
    last=$word
  done
  COMPREPLY=()
  head=\${words[-1]%"$token"}
  case $token in = | :) head=\${words[-1]} ;; esac
  {
    IFS= read -r paths || return
    while IFS= read -r line; do
      line=\${line%%$'\\t'*}
      COMPREPLY+=("\${line#"$head"}")
    done
  } < <("\${COMP_WORDS[0]/#\\~/$HOME}" __complete "\${words[@]}" 2> /dev/null)
  case $paths in
    files) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$token") ;;
    directories) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$token") ;;
  esac
}
complete -F _reflake reflake
`,
  zsh: `#compdef reflake
# zsh completion for reflake. As a file _reflake in a directory of $fpath, or in ~/.zshrc behind compinit:
#   source <(reflake completion zsh)
_reflake() {
  local -a lines found
  local line paths
  lines=("\${(@f)$(\${~words[1]} __complete "\${(@Q)words[2,CURRENT]}" 2> /dev/null)}")
  paths=$lines[1]
  for line in "\${(@)lines[2,-1]}"; do
    found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  (( $#found )) && _describe reflake found
  case $paths in
    files) _files ;;
    directories) _files -/ ;;
  esac
}
if [ "$funcstack[1]" = _reflake ]; then _reflake "$@"; else compdef _reflake reflake; fi
`,
  fish: `# fish completion for reflake. In ~/.config/fish/config.fish:  reflake completion fish | source
function __reflake_complete
    set -l words (commandline -opc)
    set -l token (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l lines ($program __complete $words "$token" 2> /dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path "$token"
        case directories
            __fish_complete_directories "$token"
    end
    set -e lines[1]
    printf '%s\\n' $lines
end
complete -c reflake -f -a '(__reflake_complete)'
`,
} as const;

/** Prints the script of a shell. */
export function completionCommand(
  { shell }: GlobalOptions & { readonly shell: keyof typeof SHELLS },
  _io: Io,
  { report }: Reporting,
): End {
  report({ type: 'text', name: `completion for ${shell}`, text: SHELLS[shell] });
  return { exit: EXIT.ok };
}

/** The answer to a shell. `words`: up to the one that is being typed. Never fails, and never says why it has nothing. */
export async function answerShell(words: readonly string[], io: Io): Promise<number> {
  const { paths, candidates } = await complete(words, knownHere(optionsIn(words), io));
  const lines = candidates.map(([word, what]) => `${word}\t${escapeLine(what)}`);
  io.out(`${[paths, ...lines].join('\n')}\n`);
  return EXIT.ok;
}

/** The defaults, with the --root and --state that are typed already: they say which machine is meant. */
function optionsIn(words: readonly string[]): GlobalOptions {
  const typed = (name: string): string | undefined =>
    words.flatMap((word, at) =>
      word === name ? (words[at + 1] ?? []) : word.startsWith(`${name}=`) ? word.slice(name.length + 1) : [],
    )[0];
  const defaults = Object.entries<Option>(GLOBAL_OPTIONS).map(([name, option]) => [memberOf(name), option.default]);
  return { ...Object.fromEntries(defaults), root: typed('--root') || '/', state: typed('--state') };
}
