#!/bin/bash
# Unpacks Nix 2.26 and 2.34 beside the installed one, for the comparisons of `npm run test:nix`: the packages of newer
# Debian suites, fetched and verified by this machine's apt, put into a cache directory. Needs no root, installs nothing,
# and takes no time when all is there.
#
# Makes DIR/2.26/bin and DIR/2.34/bin, where nix, nix-instantiate, nix-hash and nix-store run with the libraries of
# their own suite; put one before PATH. They work on a store given with --store: /nix stays the installed one's.
#
#   REFLAKE_NIX_VERSIONS    DIR; ${XDG_CACHE_HOME:-$HOME/.cache}/reflake-nix if not set
#   REFLAKE_NIX_SUITE_226   the suite that has 2.26 (trixie)
#   REFLAKE_NIX_SUITE_234   the suite that has 2.34 or newer (sid)
#   REFLAKE_NIX_MIRROR      the Debian archive; the one that this machine's apt uses for its own suite if not set
set -euo pipefail

dir=${REFLAKE_NIX_VERSIONS:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/reflake-nix}
keys=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
  echo "nix-versions: $1" >&2
  exit 1
}

# NAME SUITE: whether the version is here, as it was asked for, and runs.
is_here() {
  [ "$(cat "$dir/$1/suite" 2> /dev/null)" = "$2" ] && "$dir/$1/bin/nix" --version > /dev/null 2>&1
}

# The archive that the machine's sources name for the release it runs: not its security updates, nor anyone else's.
mirror() {
  local release
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk -v release="$release" '$1 == release || $1 == "stable" { print $2; exit }'
}

# NAME SUITE: fetches and unpacks into DIR/NAME. The libraries that Nix loads are all it needs to run: no perl, no shell.
make() {
  local name=$1 suite=$2 work packages libraries
  echo "nix-versions: fetching Nix $name from Debian $suite" >&2
  work=$(mktemp -d "$dir/.$name.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/{state/lists/partial,cache/archives/partial,debs,root}
  : > "$work/state/status"
  echo "deb [signed-by=$keys] $archive $suite main" > "$work/sources.list"
  # All but where things lie stays as this machine has it: proxies, certificates, time limits.
  cat > "$work/apt.conf" << CONF
Dir::State "$work/state";
Dir::State::status "$work/state/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
CONF
  export APT_CONFIG=$work/apt.conf
  apt-get -qq update > "$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail "no package lists of $suite from $archive"; }
  packages=$(apt-get -s install nix-bin 2> "$work/log" | awk '/^Inst / { print $2 }') ||
    { cat "$work/log" >&2; fail "the suite $suite has no nix-bin that can be installed"; }
  packages=$(grep -E '^(nix-bin|lib.*)$' <<< "$packages" | grep -vE '^lib(perl|.*-perl$|pam|semanage|sepol|audit|gdbm|db5)')
  # shellcheck disable=SC2086
  (cd "$work/debs" && apt-get -qq download $packages) > "$work/log" 2>&1 ||
    { tail -n 20 "$work/log" >&2; fail "the packages of $suite could not be fetched from $archive"; }
  unset APT_CONFIG
  for deb in "$work"/debs/*.deb; do
    # libc6 still has /lib and /lib64 in some suites, where others have /usr/lib alone.
    dpkg-deb -x "$deb" "$work/root"
  done

  mkdir -p "$work/new/bin"
  mv "$work/root/usr/lib" "$work/new/lib"
  for old in lib lib64; do
    if [ -d "$work/root/$old" ] && [ ! -L "$work/root/$old" ]; then cp -a "$work/root/$old/." "$work/new/lib/"; fi
  done
  mkdir "$work/new/libexec"
  mv "$work/root/usr/bin/nix" "$work/new/libexec/nix"
  libraries=$(find "$work/new/lib" -name '*.so*' -printf '%h\n' | sort -u | sed "s|^$work/new|$dir/$name|" |
    grep -E '/lib(/[^/]*-linux-gnu[^/]*)?(/nix)?$' | paste -sd:)
  local loader
  loader=$(find "$work/new/lib" -name 'ld-linux*.so.*' | sed "s|^$work/new|$dir/$name|" | head -n 1)
  for program in nix nix-instantiate nix-hash nix-store; do
    printf '#!/bin/sh\nexec %q --argv0 %s --library-path %q %q "$@"\n' \
      "$loader" "$program" "$libraries" "$dir/$name/libexec/nix" > "$work/new/bin/$program"
    chmod +x "$work/new/bin/$program"
  done
  echo "$suite" > "$work/new/suite"
  rm -rf "${dir:?}/$name"
  mv "$work/new" "$dir/$name"
  rm -rf "$work"
  trap - EXIT
  "$dir/$name/bin/nix" --version > /dev/null || fail "Nix of $suite was unpacked and does not run"
}

# NAME SUITE HIGHEST: the version that the suite has is the one meant; Debian's suites move on.
check() {
  local name=$1 suite=$2 highest=$3 found minor
  found=$("$dir/$name/bin/nix" --version | grep -oE '[0-9]+\.[0-9.]+[0-9]' | head -n 1)
  minor=$(cut -d. -f2 <<< "$found")
  if [ "${found%%.*}" != 2 ] || [ "$minor" -lt "${name#*.}" ] || [ "$minor" -gt "$highest" ]; then
    fail "Debian $suite has Nix $found, not $name: name another suite in REFLAKE_NIX_SUITE_${name/./} or an archive in REFLAKE_NIX_MIRROR"
  fi
}

wanted="2.26:${REFLAKE_NIX_SUITE_226:-trixie}:29 2.34:${REFLAKE_NIX_SUITE_234:-sid}:99"
archive=
mkdir -p "$dir"
dir=$(cd "$dir" && pwd -P)
exec 9> "$dir/.lock"
for entry in $wanted; do
  IFS=: read -r name suite highest <<< "$entry"
  if ! is_here "$name" "$suite"; then
    # Another run may be at it; what it makes is what is wanted here.
    flock 9
    if ! is_here "$name" "$suite"; then
      for tool in apt-get dpkg-deb; do
        command -v "$tool" > /dev/null || fail "Nix $name comes from Debian's packages, and there is no $tool here"
      done
      archive=${archive:-${REFLAKE_NIX_MIRROR:-$(mirror)}}
      [ -n "$archive" ] || fail "this machine's apt names no Debian archive: give one in REFLAKE_NIX_MIRROR"
      make "$name" "$suite"
    fi
    flock -u 9
  fi
  check "$name" "$suite" "$highest"
done
