package transfer

// Habits are what else was seen of a life of a server, which shows how it is
// configured.
type Habits struct {
	First int64  `json:"first"`          // when its first datagram came, Unix seconds
	Site  string `json:"site,omitempty"` // as it names it itself

	IdentEvery int64 `json:"ident_every,omitempty"` // longest time from one = record to the next, seconds; 0: there were not two
	Summaries  int64 `json:"summaries"`             // that came of it

	// The longest datagrams of each kind that a server chooses the length of, bytes.
	LongestFile    int64 `json:"longest_file,omitempty"`    // f
	LongestTrace   int64 `json:"longest_trace,omitempty"`   // t
	LongestGStream int64 `json:"longest_gstream,omitempty"` // g
}
