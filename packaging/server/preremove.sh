#!/bin/sh
# Stops it before it goes; not on an upgrade, of which deb says "upgrade" and rpm 1.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now tallystick.socket tallystick-udp.socket tallystick.service || true
	fi
	;;
esac
