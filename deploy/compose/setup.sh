#!/bin/sh
# Makes what the roles join with, where it is not there yet: run as often as you like.
set -eu
umask 077
uid=10001
for name in hub worker-1 worker-2; do
  file="/tokens/$name/role.token"
  if [ ! -s "$file" ]; then
    case "$name" in hub) role=hub id=hub-1 ;; *) role=worker id=$name ;; esac
    boxswain worker token create --role "$role" --id "$id" --output "$file" --log-level warn
  fi
  chown "$uid:$uid" "/tokens/$name" "$file"
  chown "$uid:$uid" "/data/$name"
  chmod 0711 "/data/$name"
done
boxswain worker token nats-config --resolver-dir /var/lib/nats/resolver > /nats/nats.conf.new
mv /nats/nats.conf.new /nats/nats.conf
chmod 0755 /nats
chmod 0644 /nats/nats.conf
