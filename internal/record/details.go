package record

import "tallystick/internal/transfer"

// detailOf returns what is known of t's operations: not yet anything.
func detailOf(*transfer.Transfer) detail { return detail{} }

// identityOf returns who made t: not yet anything but the login name.
func identityOf(*transfer.Transfer) identity { return identity{} }
