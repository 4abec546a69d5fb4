#!/usr/bin/env bash
# Gets nats-server 2.10 or later, which the tests of the log on NATS JetStream run, and prints where it is: the one on the PATH, else
# Debian 13's, unpacked in the user's cache. Takes apt-get and the network, and no rights. Starts nothing.
set -euo pipefail

recent() { [[ "$("$1" --version 2>/dev/null)" =~ v([0-9]+)\.([0-9]+) ]] && ((BASH_REMATCH[1] > 2 || BASH_REMATCH[1] == 2 && BASH_REMATCH[2] >= 10)); }

if recent nats-server; then
  command -v nats-server
  exit 0
fi
target=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/headrace/nats-server
if recent "$target"; then
  echo "$target"
  exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "install-nats: this takes Debian or Ubuntu; install nats-server 2.10 or later by hand, so that it is on the PATH" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/unpacked"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] http://deb.debian.org/debian trixie main" >"$work/sources.list"
apt=(apt-get -qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$work/lists"
  -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root -o Acquire::Retries=3)
cd "$work"
"${apt[@]}" update
"${apt[@]}" download nats-server
dpkg-deb -x nats-server_*.deb unpacked
mkdir -p "$(dirname "$target")"
# Whole or not at all, also when two do this at once.
cp unpacked/usr/sbin/nats-server "$target.$$"
mv "$target.$$" "$target"
echo "$target"
