#!/bin/sh
# Makes the user and the folder of the queue, and lets systemd see the unit, where it runs.
set -e
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers /usr/lib/sysusers.d/tallystick-shovel.conf
	systemd-tmpfiles --create /usr/lib/tmpfiles.d/tallystick-shovel.conf
fi
if getent group tallystick >/dev/null; then
	chgrp tallystick /etc/tallystick/shovel.yaml # it may have passwords
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# On an upgrade: what runs, runs on with the new binary. What waits in the queue is on disk.
	systemctl try-restart tallystick-shovel.service
fi
