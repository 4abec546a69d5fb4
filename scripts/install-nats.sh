#!/usr/bin/env bash
# Installs Debian's nats-server, whose binary the tests of the log on NATS JetStream run. Asks for nothing, starts nothing;
# does nothing where there is one.
set -euo pipefail

if command -v nats-server >/dev/null; then exit 0; fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "install-nats: this takes root on Debian or Ubuntu; install nats-server 2.9 or later by hand, so that it is on the PATH" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# The package would start a server of its own; none of ours does.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get -o DPkg::Lock::Timeout=300 update -qq
apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends nats-server
