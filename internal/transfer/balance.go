package transfer

// A Balance lays what went over the links of a server, as its summary counts it,
// beside what its f stream and its cache told of files, over some time of one of its
// lives. Over a short time they differ by what is told late: files that are open,
// and an interval of the f stream.
type Balance struct {
	SID     uint64 `json:"sid"`  // the server's fingerprint, 0 if only summaries came of it
	Stod    int64  `json:"stod"` // the start of this life of it
	Site    string `json:"site"`
	Server  string `json:"server"`
	Address string `json:"address"`

	Between Interval `json:"between"` // the times of the first and the last summary, by the server's clock
	Reports int64    `json:"reports"` // how many came after the first

	In  int64 `json:"in"`  // bytes received over all links
	Out int64 `json:"out"` // bytes sent
	// Around is about how many bytes of either may be requests and answers around
	// the data of files.
	Around int64 `json:"around"`

	Told   Bytes `json:"told"`  // by the f stream
	Cache  int64 `json:"cache"` // given to readers by the cache, as its g-stream tells
	Opens  int64 `json:"opens"` // told by the f stream, as what follows
	Closes int64 `json:"closes"`
	Empty  int64 `json:"empty"` // of these, forced ones that count nothing (XROOTD.md fact 2)
	Puts   int64 `json:"puts"`  // of these, of files opened by HTTP to write, those that count no byte written
	Lost   int64 `json:"lost"`  // packets of the f stream, at least
	Open   int64 `json:"open"`  // files that were open at the end
	// Closing tells whether any close came since the start of the life.
	Closing bool `json:"closing"`
	// Proxy tells whether it is a proxy or cache: its summary has the counters of one.
	Proxy bool `json:"proxy"`
}

// Plus returns the balance of b and c together, which are of one life.
func (b Balance) Plus(c Balance) Balance {
	if c.Between[1] > b.Between[1] {
		b.Site, b.Server, b.Address, b.Open = c.Site, c.Server, c.Address, c.Open
	}
	b.Between = Interval{min(b.Between[0], c.Between[0]), max(b.Between[1], c.Between[1])}
	b.Reports += c.Reports
	b.In += c.In
	b.Out += c.Out
	b.Around += c.Around
	b.Told = b.Told.Plus(c.Told)
	b.Cache += c.Cache
	b.Opens += c.Opens
	b.Closes += c.Closes
	b.Empty += c.Empty
	b.Puts += c.Puts
	b.Lost += c.Lost
	b.Closing = b.Closing || c.Closing
	b.Proxy = b.Proxy || c.Proxy
	return b
}
