#!/bin/sh
# The check of the composite action beside it, and of a Forgejo runner, which has the same variables. Writes annotations to the log,
# the summary of the job, a SARIF file and a comment in Markdown; sets outputs; ends as the check does, unless FAIL is false.
#
# REFLAKE: the program. SPEC, HOST, ARGUMENTS: as for `reflake check`. FAIL: true or false. OUT: the directory for the files.
set -eu
set -f

out=${OUT:-${RUNNER_TEMP:?}/reflake}
mkdir -p "$out"
set -- check --repo --format github --format "sarif=$out/reflake.sarif" --format "markdown=$out/comment.md" \
  --format "json=$out/events.ndjson"
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || set -- "$@" --format "summary=$GITHUB_STEP_SUMMARY"
[ -z "${SPEC:-}" ] || set -- "$@" --spec "$SPEC"
[ -z "${HOST:-}" ] || set -- "$@" --host "$HOST"
# Words apart by spaces, as they are typed.
# shellcheck disable=SC2086
set -- "$@" ${ARGUMENTS:-}

code=0
"${REFLAKE:-reflake}" "$@" || code=$?

case $code in
  0) verdict=holds ;;
  2) verdict=differs ;;
  *) verdict=error ;;
esac
{
  echo "exit-code=$code"
  echo "verdict=$verdict"
  echo "sarif=$out/reflake.sarif"
  echo "comment=$out/comment.md"
  echo "events=$out/events.ndjson"
} >> "${GITHUB_OUTPUT:-/dev/null}"

[ "${FAIL:-true}" = true ] || exit 0
exit "$code"
