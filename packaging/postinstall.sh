#!/bin/sh
# Makes the user and the folders, and lets systemd see the units, where it runs.
set -e
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers /usr/lib/sysusers.d/tallystick.conf
	systemd-tmpfiles --create /usr/lib/tmpfiles.d/tallystick.conf
fi
if getent group tallystick >/dev/null; then
	chgrp tallystick /etc/tallystick/shovel.yaml # it may have passwords
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# On an upgrade: what runs, runs on with the new binary. What waits in a queue is on disk.
	systemctl try-restart tallystick.service tallystick-shovel.service
fi
