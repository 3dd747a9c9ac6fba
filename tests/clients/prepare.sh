#!/usr/bin/env bash
# Installs the clients of tests/clients, each where it can be had: by apt, by pip into the Python that is named, by npm.
#
#   tests/clients/prepare.sh [PYTHON]
#
# Never fails a run: what is missing is told in a line, and its tests are skipped. Takes at most about a minute.
set -u
cd "$(dirname "$0")/../.."
python=${1:-.venv/bin/python}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/minternet-ci

by_apt() {
  local client package wanted=""
  for client in curl wget lftp ncftpget:ncftp mbsync:isync fetchmail getmail:getmail6 msmtp swaks mutt slrn tin suck; do
    package=${client#*:}
    PATH=$PATH:/usr/sbin:/usr/games command -v "${client%%:*}" >/dev/null || wanted="$wanted $package"
  done
  [ -n "$wanted" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "tests/clients: not installed, and apt cannot:$wanted" >&2
    return 0
  fi
  export DEBIAN_FRONTEND=noninteractive
  timeout 15 apt-get update -qq >/dev/null 2>&1
  # shellcheck disable=SC2086
  timeout 45 apt-get install -y -qq --no-install-recommends $wanted >/dev/null 2>&1 </dev/null && return 0
  for package in $wanted; do
    timeout 10 apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 </dev/null ||
      echo "tests/clients: apt has no $package" >&2
  done
}

by_pip() {
  timeout 60 "$python" -m pip install --quiet --disable-pip-version-check -e '.[clients,compare,docs]' >/dev/null 2>&1 ||
    echo "tests/clients: pip cannot install the extras clients, compare and docs" >&2
}

by_npm() {
  local clients="nodemailer imapflow toxiproxy-node-client"
  [ -d "$cache/node_modules/imapflow" ] && [ -d "$cache/node_modules/toxiproxy-node-client" ] && return 0
  command -v npm >/dev/null || { echo "tests/clients: no npm for $clients" >&2; return 0; }
  mkdir -p "$cache"
  # shellcheck disable=SC2086
  timeout 40 npm install --prefix "$cache" --no-audit --no-fund --loglevel=error $clients >/dev/null 2>&1 ||
    echo "tests/clients: npm cannot install $clients" >&2
}

by_apt &
by_pip &
by_npm &
wait
exit 0
