#!/usr/bin/env bash
# Installs Debian's Chromium, which the browser tests run in. Asks for nothing; does nothing where there is one.
set -euo pipefail

if command -v chromium >/dev/null; then exit 0; fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "install-chromium: this takes root on Debian or Ubuntu; install Chromium by hand" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium
