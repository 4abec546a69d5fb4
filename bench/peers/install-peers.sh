#!/usr/bin/env bash
# Installs Debian's PostgreSQL and NATS server, without making a database or a service of them.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] ||
  echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
apt-get update -qq
apt-get install -y -qq --no-install-recommends postgresql nats-server
