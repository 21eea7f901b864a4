package ldap

// UserFilter returns the filter that finds name.
func (c Config) UserFilterOf(name string) string { return c.userFilter(name) }

// UserDNOf returns the distinguished name of name.
func (c Config) UserDNOf(name string) string { return c.userDN(name) }

// GroupFilterOf returns the filter that finds the groups of name.
func (c Config) GroupFilterOf(name, dn string) string { return c.groupFilter(name, dn) }
