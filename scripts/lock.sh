#!/usr/bin/env bash
# Write requirements/*.lock: every version and hash, for every platform and Python at once, and no index address.
# Usage: scripts/lock.sh UV [extra arguments of uv pip compile, such as --upgrade-package NAME]
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$1
shift
compile() {
  local group=$1 target=$2
  shift 2
  local groups=()
  [ -z "$group" ] || groups=(--group "$group")
  "$uv" pip compile pyproject.toml "${groups[@]}" --output-file "$target" --quiet \
    --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header "$@"
}
compile "" requirements/runtime.lock "$@"
compile dev requirements/dev.lock --all-extras "$@"
if grep -nE '://|^--' requirements/runtime.lock requirements/dev.lock; then
  echo "an address or an option got into a lock file" >&2
  exit 1
fi
