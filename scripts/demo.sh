#!/usr/bin/env bash
# The walk of the README on a temporary machine, with real Nix: init, plan, apply, check, drift, repair, rollback.
# Changes nothing outside a directory below $TMPDIR, which is removed at the end. Needs root (or sudo); see setup.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
[ "$(id -u)" -eq 0 ] || exec sudo -- "$0" "$@"
dir=$(mktemp -d "${TMPDIR:-/tmp}/reflake-demo-XXXXXX")
trap 'rm -rf --one-file-system "$dir"' EXIT
"$here/machine.sh" "$dir/machine" --nixos

bold= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
title() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }

# Runs a command on the machine as sudo would for srid, and shows it. The screens are those of a terminal of 80 columns,
# which script(1) is; of a line that is drawn over and over, only what it ends as is shown.
on() {
  printf '%s$ %s%s\n' "$bold" "$1" "$plain"
  local colour=never
  [ -z "$bold" ] || colour=always
  printf '%s\n' "reflake() { command reflake \"\$@\" --color $colour; }" "stty cols 80" "$1" > "$dir/machine/tmp/demo.sh"
  "$here/enter.sh" "$dir/machine" --sudo srid -- script -qec "sh /tmp/demo.sh" /dev/null | tr -d '\r' | sed -u 's/.*\x1b\[K//'
}
as_srid() {
  printf '%s$ %s%s\n' "$bold" "$1" "$plain"
  "$here/enter.sh" "$dir/machine" --user srid -- sh -c "$1"
}
expect() { # expect CODE COMMAND: shows it, and stops the demo where the exit code is another one
  local code=0
  on "$2" || code=$?
  [ "$code" -eq "$1" ] || { echo "demo: exit code $code where $1 was expected" >&2; exit 1; }
  [ "$1" -eq 0 ] || echo "(exit code $code)"
}

title "A machine as the installer left it: a channel, /etc/nixos owned by root, flakes off"
on 'ls -l /etc/nixos; cat ~root/.nix-channels'
title "1. The spec that describes it"
expect 0 'reflake init --yes --nixpkgs path:/opt/reflake/tests/fixtures/nixpkgs --activate switch && cat reflake.yaml'
title "2. What would change. Nothing is changed by this"
expect 0 'reflake plan'
title "3. Exactly that, or nothing"
expect 0 'reflake apply --yes'
as_srid 'nix flake show ~/nixos-config 2>/dev/null'
as_srid 'nix flake lock --no-update-lock-file ~/nixos-config 2>/dev/null && echo "the lock is complete"'
on 'ls -la nixos-config; readlink /run/current-system'
title "4. In sync; a second apply writes nothing"
expect 0 'reflake check && reflake apply --yes'
title "5. Disturbed by hand: check tells, apply mends"
expect 2 'sed -i "s/ \"flakes\"//" nixos-config/configuration.nix; reflake check'
expect 0 'reflake apply --yes --quiet && reflake check'
expect 2 'chown root nixos-config/flake.nix; rm nixos-config/flake.lock; reflake check'
expect 0 'reflake apply --yes --quiet && reflake check'
title "6. A configuration that does not build: files, lock and running system stay as they were"
expect 4 'sed -i "s/^}$/  test.failBuild = true;\n}/" nixos-config/configuration.nix; reflake apply --yes'
on 'sed -i "/test.failBuild/d" nixos-config/configuration.nix'
title "7. All the way back"
expect 0 'reflake history && reflake rollback --to 0 --yes && ls -l /etc/nixos'
printf '\n%sDone: the machine is the one of the beginning.%s\n' "$bold" "$plain"
