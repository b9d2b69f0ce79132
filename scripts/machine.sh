#!/bin/sh
# Makes a temporary machine of the tutorial under DIR: the tree of a freshly installed, channel-based NixOS (or of a
# machine with a plain nix.conf), good both for `reflake --root DIR` and for scripts/enter.sh, which makes it the real /.
#
#   scripts/machine.sh DIR [--shape calamares|minimal] [--nixos|--plain]
#
#   --shape   whose configuration.nix: the graphical installer's (the default) or the minimal one's
#   --nixos   the default: the system is really built and switched to, from a root channel that holds the miniature
#             nixpkgs; /etc/nix/nix.conf leads through /etc/static into the store
#   --plain   no NixOS runs: /etc/nix/nix.conf is a regular file; no channel, no /run/current-system
#
# Users: root and srid (uid 1000, group users 100). Flakes are off. Needs root (or sudo). Nothing outside DIR is written.
set -eu
umask 022
here=$(cd "$(dirname "$0")" && pwd -P)
fixtures=$here/../tests/fixtures

usage() {
  echo "usage: $0 DIR [--shape calamares|minimal] [--nixos|--plain]" >&2
  exit 64
}

[ $# -ge 1 ] || usage
[ "$(id -u)" -eq 0 ] || exec sudo -- "$0" "$@"
dir=$1
shift
shape=calamares
kind=nixos
while [ $# -gt 0 ]; do
  case $1 in
    --shape) [ $# -ge 2 ] || usage; shape=$2; shift ;;
    --nixos) kind=nixos ;;
    --plain) kind=plain ;;
    *) usage ;;
  esac
  shift
done
case $dir in -* | '') usage ;; esac
[ -d "$fixtures/machine/$shape" ] || usage
if [ -e "$dir" ] && [ -n "$(ls -A "$dir")" ]; then
  echo "$0: $dir is not empty" >&2
  exit 1
fi

mkdir -p "$dir"
chmod 755 "$dir"
cd "$dir"

# The skeleton. usr, proc, dev and opt/* are mount points of enter.sh, bin and lib its links into usr.
mkdir -p boot dev etc/nix etc/nixos home nix opt/bin opt/node opt/reflake proc root run tmp usr var/lib
ln -s usr/bin bin
ln -s usr/sbin sbin
ln -s usr/lib lib
ln -s usr/lib64 lib64
ln -s ../reflake/dist/reflake.cjs opt/bin/reflake
chmod 1777 tmp
chmod 700 root
mkdir -m 700 home/srid
chown 1000:100 home/srid

cat > etc/passwd <<'FILE'
root:x:0:0:System administrator:/root:/bin/sh
srid:x:1000:100:Srid:/home/srid:/bin/sh
nixbld1:x:30001:30000:Nix build user 1:/var/empty:/bin/false
nixbld2:x:30002:30000:Nix build user 2:/var/empty:/bin/false
nobody:x:65534:65534:Unprivileged account (don't use!):/var/empty:/bin/false
FILE
cat > etc/group <<'FILE'
root:x:0:
wheel:x:1:srid
networkmanager:x:57:srid
users:x:100:
nixbld:x:30000:nixbld1,nixbld2
nogroup:x:65534:
FILE
printf '127.0.0.1 localhost\n::1 localhost\n127.0.0.2 nixos\n' > etc/hosts

cp "$fixtures/machine/$shape/configuration.nix" "$fixtures/machine/$shape/hardware-configuration.nix" etc/nixos/
chmod 644 etc/nixos/*.nix
chown -R 0:0 etc
touch -d '2023-12-03 09:12:44 UTC' etc/nixos/hardware-configuration.nix
touch -d '2023-12-10 18:30:05 UTC' etc/nixos/configuration.nix etc/passwd etc/group etc/hosts
touch -d '2023-12-10 18:30:05 UTC' etc/nixos

if [ "$kind" = plain ]; then
  printf 'nixos\n' > etc/hostname
  printf 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n' > etc/os-release
  cat > etc/nix/nix.conf <<'FILE'
# Configuration of Nix, see nix.conf(5).

# Builders use the tools of the machine.
sandbox = false
# There is no binary cache within reach.
substituters =
FILE
  touch -d '2023-12-03 09:10:00 UTC' etc/hostname etc/os-release etc/nix/nix.conf etc/nix etc
  exit 0
fi

printf 'https://nixos.org/channels/nixos-23.11 nixos\n' > root/.nix-channels
mkdir -m 755 root/.nix-defexpr
ln -s /nix/var/nix/profiles/per-user/root/channels root/.nix-defexpr/channels
: > etc/NIXOS
touch -d '2023-12-03 09:10:00 UTC' root/.nix-channels etc/NIXOS

# Inside, as root and without a daemon: build the channel and the system, then what nixos-install does with them.
# shellcheck disable=SC2016
"$here/enter.sh" "$dir" --no-daemon --env 'NIX_CONFIG=substituters =
sandbox = false
fsync-metadata = false' -- sh -eu -c '
  profiles=/nix/var/nix/profiles
  mkdir -p $profiles/per-user/root
  set -- $(nix-build --no-out-link --quiet /opt/reflake/tests/fixtures/machine/system.nix -A channels -A system)
  ln -s "$1" $profiles/per-user/root/channels-1-link
  ln -s channels-1-link $profiles/per-user/root/channels
  ln -s "$2" $profiles/system-1-link
  ln -s system-1-link $profiles/system
  "$2/bin/switch-to-configuration" switch
' > "$dir/tmp/install.log" 2>&1 || {
  cat "$dir/tmp/install.log" >&2
  echo "$0: the system of $dir could not be built" >&2
  exit 1
}
rm -f "$dir/tmp/install.log"
touch -h -d '2023-12-10 18:31:00 UTC' etc/nix/nix.conf etc/hostname etc/os-release etc/static run/current-system
touch -d '2023-12-10 18:31:00 UTC' etc/nix etc
