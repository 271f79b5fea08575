#!/usr/bin/env bash
# Install the real peers that tests talk to (dcmtk, Orthanc, a browser and its viewer), where they are missing and
# where that is allowed. Otherwise one line names what is missing, and the tests that need it skip; in CI (CI=true)
# that is a failure.
set -euo pipefail
cd "${0%/*}/.."
viewer=tests/viewer
plugins=${PEER_PLUGINS-/usr/share/orthanc/plugins}

# dcmsend stands for dcmtk: the other names of dcmtk's programs exist in pynetdicom as well.
missing() {
  PATH="$PATH:${PEER_FOLDERS-/usr/sbin:/sbin}"
  type -P dcmsend >/dev/null || echo dcmtk
  type -P Orthanc >/dev/null || echo orthanc
  [ -e "$plugins/libOrthancDicomWeb.so" ] || echo orthanc-dicomweb
  [ -e "$plugins/libOrthancWSI.so" ] || echo orthanc-wsi
  type -P chromium >/dev/null || echo chromium
  type -P node >/dev/null || echo nodejs
  type -P npm >/dev/null || echo npm
}

# npm writes its own copy of the lock when it is done: older than the lock, or not there, is not installed.
viewer_missing() {
  [ ! "$viewer/node_modules/.package-lock.json" -nt "$viewer/package-lock.json" ]
}

# Run something, and show the end of what it says only where it fails.
quietly() {
  local log
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || tail -n 3 "$log" >&2
  rm -f "$log"
}

# RUNLEVEL=1 keeps the package from starting a server of its own: tests start theirs, on free ports.
install() {
  apt-get update --quiet &&
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "${wanted[@]}"
}

mapfile -t wanted < <(missing)
if [ "${#wanted[@]}" -gt 0 ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  quietly install
  mapfile -t wanted < <(missing)
fi
if viewer_missing && command -v npm >/dev/null; then
  quietly npm ci --prefix "$viewer" --ignore-scripts --no-audit --no-fund
fi
if viewer_missing; then wanted+=("$viewer/node_modules"); fi
[ "${#wanted[@]}" -gt 0 ] || exit 0

echo "peers missing: ${wanted[*]} (Debian packages of these names, and npm's); tests that need them will skip"
[ "${CI:-}" != true ] || exit 1
