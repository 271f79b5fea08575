#!/usr/bin/env bash
# Install the real peers that tests talk to (dcmtk, Orthanc), where they are missing and where that is allowed.
# Otherwise one line names what is missing, and the tests that need it skip; in CI (CI=true) that is a failure.
set -euo pipefail

# dcmsend stands for dcmtk: the other names of dcmtk's programs exist in pynetdicom as well.
missing() {
  PATH="$PATH:${PEER_FOLDERS-/usr/sbin:/sbin}"
  type -P dcmsend >/dev/null || echo dcmtk
  type -P Orthanc >/dev/null || echo orthanc
}

mapfile -t wanted < <(missing)
[ "${#wanted[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  # RUNLEVEL=1 keeps the package from starting a server of its own: tests start theirs, on free ports.
  install() {
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "${wanted[@]}"
  }
  { apt-get update --quiet && install; } >"$log" 2>&1 </dev/null || tail -n 3 "$log" >&2
  mapfile -t wanted < <(missing)
  [ "${#wanted[@]}" -gt 0 ] || exit 0
fi

echo "peers missing: ${wanted[*]} (Debian packages of these names); tests that need them will skip"
[ "${CI:-}" != true ] || exit 1
