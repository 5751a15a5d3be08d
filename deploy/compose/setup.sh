#!/bin/sh
# Makes what the roles join with, where it is not there yet: run as often as you like. SETUP_… are for its test.
set -eu
umask 077
root=${SETUP_ROOT:-}
uid=${SETUP_UID:-10001}
for name in hub worker-1 worker-2; do
  file="$root/tokens/$name/role.token"
  if [ ! -s "$file" ]; then
    case "$name" in hub) role=hub id=hub-1 ;; *) role=worker id=$name ;; esac
    boxswain worker token create --role "$role" --id "$id" --output "$file" --log-level warn
  fi
  chown "$uid" "$root/tokens/$name" "$file" "$root/data/$name"
  chmod 0711 "$root/data/$name"
done
boxswain worker token nats-config --resolver-dir /var/lib/nats/resolver > "$root/nats/nats.conf.new"
chmod 0644 "$root/nats/nats.conf.new"
mv "$root/nats/nats.conf.new" "$root/nats/nats.conf"
chmod 0755 "$root/nats"
