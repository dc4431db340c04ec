#!/bin/sh
# Compiles the modules, as the service cannot write there; restarts a running service after an upgrade.
set -e
find /opt/glue-mv-exporter/lib -name __pycache__ -prune -exec rm -rf {} +
for version in 3.14 3.13 3.12 3.11; do
  if [ -x "/usr/bin/python$version" ]; then
    "/usr/bin/python$version" -I -m compileall -q /opt/glue-mv-exporter/lib
    break
  fi
done
# The first start is the administrator's, once the configuration names something to watch.
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart glue-mv-exporter.service
fi
