#!/bin/sh
# dpkg's purge removes the state, too; systemd keeps that of a dynamic user under private.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
if [ "$1" = purge ]; then
  rm -rf /var/lib/private/glue-mv-exporter /var/lib/glue-mv-exporter
fi
