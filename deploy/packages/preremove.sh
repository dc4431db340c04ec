#!/bin/sh
# dpkg says "remove", rpm the number of versions that stay; an upgrade needs nothing.
set -e
case "$1" in
  remove | 0)
    if [ -d /run/systemd/system ]; then
      systemctl disable --now glue-mv-exporter.service
    fi
    find /opt/glue-mv-exporter/lib -name __pycache__ -prune -exec rm -rf {} +
    ;;
esac
