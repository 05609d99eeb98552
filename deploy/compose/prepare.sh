#!/bin/sh
# Makes what compose.yaml needs and no checkout has: secrets, a place for the journal, and who you are.
# What is there stays as it is; run it again whenever you like. A key of your own: secrets/btcpay-shop.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets data/edge
for name in btcpay-shop postgres grafana; do
    [ -s "secrets/$name" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"secrets/$name"
done
printf 'SEALGATE_UID=%s\nSEALGATE_GID=%s\n' "$(id -u)" "$(id -g)" >.env
echo "ready: docker compose up --detach; Grafana's admin has the password in secrets/grafana"
