#!/bin/sh
# Makes the user and the folders, and lets systemd see the units, where it runs.
set -e
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers /usr/lib/sysusers.d/tallystick.conf
	systemd-tmpfiles --create /usr/lib/tmpfiles.d/tallystick.conf
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart tallystick.service # on an upgrade: what runs, runs on with the new binary
fi
