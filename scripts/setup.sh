#!/bin/sh
# Installs what the tests and the demo need and this machine lacks, from Debian's packages: Nix (2.8 in Debian 12), git,
# strace, and the tools that scripts/machine.sh and scripts/enter.sh call. Nothing else is changed. Says nothing and
# takes no time when all is there. Needs root or sudo only when something is missing.
#
# After it, Nix works for root: Debian's nix-bin makes /nix, the store in it is made here. An ordinary user has no store
# on such a machine unless nix-daemon runs; tests that need one use scripts/enter.sh, whose header tells the ways.
set -eu

fail() {
  echo "setup: $1" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo -- "$@"
  else
    fail "need root or sudo to run: $*"
  fi
}

# The package of each command that is not here.
missing=
lack() {
  command -v "$1" > /dev/null || [ -x "/usr/sbin/$1" ] || missing="$missing $2"
}
# nix-setup-systemd brings the build users without which root builds nothing.
lack nix 'nix-bin nix-setup-systemd'
lack git git
lack promtool prometheus
lack xmllint libxml2-utils
lack systemd-analyze systemd
lack strace strace
lack zsh zsh
lack less less
lack fish fish
lack man man-db
lack mandoc mandoc
lack script bsdutils
lack setsid util-linux
lack unshare util-linux
lack setpriv util-linux
lack flock util-linux
lack getfattr attr
lack setcap libcap2-bin
lack setfacl acl
lack chattr e2fsprogs
lack faketime faketime
lack perl perl-base
lack mount mount
lack mkfs.ext4 e2fsprogs
lack mkfs.xfs xfsprogs
lack mkfs.btrfs btrfs-progs
lack bindfs bindfs
lack mount.exfat-fuse exfat-fuse
lack mkfs.exfat exfatprogs
lack ntfs-3g ntfs-3g
lack chroot coreutils
lack find findutils
lack prlimit util-linux
lack sudo sudo
lack doas opendoas
lack su util-linux
lack cron cron

if [ -n "$missing" ]; then
  command -v apt-get > /dev/null || fail "install these by hand, there is no apt-get here:$missing"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  echo "setup: installing$missing" >&2
  # Lists may be old or absent on a fresh machine. Where they can't be had, those that are here may still do.
  as_root apt-get -o DPkg::Lock::Timeout=120 update > "$log" 2>&1 || true
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 \
    install -y --no-install-recommends $missing >> "$log" 2>&1 || {
    tail -n 20 "$log" >&2
    fail "apt-get could not install:$missing"
  }
fi

command -v node > /dev/null || fail "need Node.js 20.19 or newer"
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
  fail "need Node.js 20.19 or newer, this is $(node --version)"

[ -e /nix/var/nix/db/db.sqlite ] || as_root nix-store --init || fail "Nix could not make its store in /nix"

if [ "$(id -u)" -eq 0 ] && ! unshare --mount --pid --fork -- mount --bind /tmp /tmp 2> /dev/null; then
  fail "this container does not allow mounts, which scripts/enter.sh needs (docker: --privileged, or --cap-add SYS_ADMIN --security-opt apparmor=unconfined --security-opt seccomp=unconfined)"
fi
