#!/usr/bin/env bash
# Installs Debian's PostgreSQL, whose binaries the tests of the store on PostgreSQL run. Asks for nothing, makes no cluster,
# starts nothing; does nothing where there is one of version 15 or later.
set -euo pipefail

for bin in /usr/lib/postgresql/*/bin; do
  version=$(basename "$(dirname "$bin")")
  if [ -x "$bin/initdb" ] && [ "${version%%.*}" -ge 15 ]; then exit 0; fi
done
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "install-postgres: this takes root on Debian or Ubuntu; install PostgreSQL 15 or later by hand" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
apt-get -o DPkg::Lock::Timeout=300 update -qq
apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends postgresql
