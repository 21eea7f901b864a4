package nats

// Flush waits until the broker has got what it was sent.
func (c *Conn) Flush() error { return c.nc.FlushTimeout(flushTime) }
