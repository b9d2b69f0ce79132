#!/bin/sh
# Runs a command with a machine made by scripts/machine.sh as its real /: a chroot in a private mount and process
# namespace, so that /etc/nixos, ~srid and /nix are the machine's own and can be renamed, and nothing stays mounted or
# running afterwards, however it ends.
#
#   scripts/enter.sh DIR [OPTION…] [--] [COMMAND [ARG…]]        (no command: a shell)
#
#   --user NAME      run as this user of the machine, in its home (default: root)
#   --sudo NAME      run as root as sudo would for NAME: SUDO_USER, SUDO_UID and SUDO_GID are set, cwd is NAME's home
#   --env KEY=VALUE  set a variable; the rest of the environment is not passed on, but for TERM, COLUMNS and NO_COLOR
#   --own-mount PATH make PATH a mount of its own: a rename across it fails with EXDEV
#   --no-daemon      don't start nix-daemon
#
# The exit code is the command's. Inside: /usr is the host's (read-only), /opt/reflake this project (read-only), PATH has
# `reflake` (dist/reflake.cjs) and the miniature `nixos-rebuild`. The network is the host's: loopback servers are reached.
#
# How Nix works inside: /nix is a store of the machine's own. root uses it directly; srid, like every user of a NixOS
# machine, goes through nix-daemon, which is started here and builds as nixbld1 and nixbld2. NIX_PATH names the root
# channel, as on NixOS. Tried without a daemon, as an ordinary user on Debian: NIX_REMOTE=local?root=DIR (DIR outside of
# the flake) locks and evaluates; it also builds, where user namespaces are allowed, with the NIX_CONFIG lines
# `sandbox = true` and `extra-sandbox-paths = /bin /usr /lib /lib64`, but its store is not the machine's /nix/store.
# Needs root (or sudo), and a container that allows mounts.
set -eu

if [ "${1:-}" = --inside ]; then
  # Process 1 of the namespace: mount, start the daemon, run the command, report its code.
  shift
  dir=$1 project=$2 node=$3 daemon=$4 mounts=$5
  shift 5
  mount --bind "$dir" "$dir"
  cd "$dir"
  # Few processes: the tests enter hundreds of times, and most of what that takes is starting them.
  mount -o bind,ro /usr usr
  mount -o bind,ro "$project" opt/reflake
  if [ -n "$node" ]; then mount --bind "$node" opt/node; fi
  mount -t proc proc proc
  mount --rbind /dev dev
  IFS='
'
  for path in $mounts; do mount --bind "$dir$path" "$dir$path"; done
  unset IFS
  if [ "$daemon" = yes ]; then
    socket=nix/var/nix/daemon-socket/socket
    [ ! -e "$socket" ] || rm -f "$socket"
    chroot . /usr/bin/env -i PATH=/usr/bin:/bin:/usr/sbin nix-daemon < /dev/null > /dev/null 2>&1 &
    tries=0
    until [ -S "$socket" ] || [ $tries -ge 500 ]; do
      sleep 0.01
      tries=$((tries + 1))
    done
  fi
  status=0
  chroot . "$@" || status=$?
  exit "$status"
fi

usage() {
  echo "usage: $0 DIR [--user NAME] [--sudo NAME] [--env KEY=VALUE] [--own-mount PATH] [--no-daemon] [--] [COMMAND…]" >&2
  exit 64
}

[ $# -ge 1 ] || usage
# Process 1 is root's.
[ -O /proc/1 ] || exec sudo -- "$0" "$@"
script=$(readlink -f "$0")
project=${script%/scripts/*}
dir=$(readlink -f "$1")
shift
[ -f "$dir/etc/passwd" ] || {
  echo "$0: $dir is not a machine made by scripts/machine.sh" >&2
  exit 64
}

# The uid, gid or home of user $1 of the machine, as $2 says.
field() {
  while IFS=: read -r name _ uid gid _ home _; do
    [ "$name" = "$1" ] || continue
    case $2 in uid) echo "$uid" ;; gid) echo "$gid" ;; home) echo "$home" ;; esac
    return
  done < "$dir/etc/passwd"
  echo "$script: the machine has no user $1" >&2
  exit 64
}

user=root
person=''
daemon=yes
mounts=''
newline='
'
count=0
while [ $# -gt 0 ]; do
  case $1 in
    --user) [ $# -ge 2 ] || usage; user=$2; shift 2 ;;
    --sudo) [ $# -ge 2 ] || usage; person=$2; shift 2 ;;
    --env) [ $# -ge 2 ] || usage; count=$((count + 1)); eval "env_$count=\$2"; shift 2 ;;
    --own-mount) [ $# -ge 2 ] || usage; mounts=$mounts$newline$2; shift 2 ;;
    --no-daemon) daemon=no; shift ;;
    --) shift; break ;;
    -*) usage ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || set -- /bin/sh

node=''
bin=$(command -v node || true)
if [ -n "$bin" ]; then
  real=$(readlink -f "$bin")
  case $real in /usr/*) ;; *) node=${real%/bin/*} ;; esac
fi

home=$(field "$user" home)
start=$home
[ -z "$person" ] || start=$(field "$person" home)
if [ "$user" != root ]; then
  set -- setpriv --reuid "$(field "$user" uid)" --regid "$(field "$user" gid)" --init-groups -- "$@"
fi
while [ "$count" -gt 0 ]; do
  eval "set -- \"\$env_$count\" \"\$@\""
  count=$((count - 1))
done
if [ -n "$person" ]; then
  set -- SUDO_USER="$person" SUDO_UID="$(field "$person" uid)" SUDO_GID="$(field "$person" gid)" "$@"
fi
channels=/nix/var/nix/profiles/per-user/root/channels
if [ -L "$dir$channels" ]; then
  set -- "NIX_PATH=nixpkgs=$channels/nixos:nixos-config=/etc/nixos/configuration.nix:$channels" "$@"
fi
for name in TERM COLUMNS NO_COLOR; do
  eval "value=\${$name:-}"
  [ -z "$value" ] || set -- "$name=$value" "$@"
done
set -- /usr/bin/env -i -C "$start" \
  PATH=/opt/bin:/opt/node/bin:/opt/reflake/tests/fixtures/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
  LANG=C.UTF-8 HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/sh "$@"

exec unshare --mount --pid --fork --kill-child -- \
  "$script" --inside "$dir" "$project" "$node" "$daemon" "$mounts" "$@"
