package ledger

import "tallystick/internal/transfer"

// A group's name begins with what it is by, so that a run cannot be mistaken
// for a server.

func serverGroup(clean string) string { return "server " + clean }
func runGroup(run string) string      { return "run " + run }

func transferGroups(t *transfer.Transfer) []string {
	name, address := transfer.CleanServer(t.Server), transfer.CleanServer(t.Address)
	if name == address {
		return []string{serverGroup(name)}
	}
	return []string{serverGroup(name), serverGroup(address)}
}

func claimGroups(c *transfer.Claim) []string {
	return []string{runGroup(c.Run), serverGroup(transfer.CleanServer(c.Server))}
}
