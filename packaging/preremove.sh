#!/bin/sh
# Stops both before they go; not on an upgrade, of which deb says "upgrade" and rpm 1.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now tallystick.socket tallystick-udp.socket tallystick.service tallystick-shovel.service || true
	fi
	;;
esac
