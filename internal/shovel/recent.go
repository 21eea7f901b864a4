package shovel

import "sync"

// recentBytes bounds the packs that are kept in memory: more than a block of the engine's, which
// are of 8 MiB, and what it reads ahead. It is half a second of 30,000 datagrams a second.
const recentBytes = 10 << 20

// recent knows the packs that came into a stream last, and has those of them that are still to be
// sent. Outputs that keep up take them from here, so that nobody reads the block that is being
// written: the engine has one that was both written and read in memory for ten seconds
// (defaultCacheBufferExpiration of nats-server's filestore.go), which at 30,000 datagrams a second
// would be 180 MB.
type recent struct {
	mu    sync.Mutex
	first uint64 // number of the first of them in the stream
	sent  uint64 // of the last that nobody needs
	packs []kept
	bytes int           // of all of them
	added int64         // bytes, ever
	came  chan struct{} // closed when another one comes
}

// A kept is a pack, nil if nobody needs it, and its size.
type kept struct {
	data []byte
	size int
}

// newRecent returns one that has none yet, of a stream whose last pack has that number.
func newRecent(last uint64) *recent {
	return &recent{first: last + 1, came: make(chan struct{})}
}

// add adds the pack of that number, which nobody changes from now on.
func (r *recent) add(seq uint64, pack []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seq != r.first+uint64(len(r.packs)) {
		r.first, r.packs, r.bytes = seq, nil, 0
	}
	r.packs = append(r.packs, kept{pack, len(pack)})
	r.added += int64(len(pack))
	for r.bytes += len(pack); r.bytes > recentBytes && len(r.packs) > 1; r.first++ {
		r.bytes -= r.packs[0].size
		r.packs[0].data = nil
		r.packs = r.packs[1:]
	}
	close(r.came)
	r.came = make(chan struct{})
}

// forget lets go of the packs up to that number: all outputs have sent them.
func (r *recent) forget(sent uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for seq := max(r.sent+1, r.first); seq <= sent && seq-r.first < uint64(len(r.packs)); seq++ {
		r.packs[seq-r.first].data = nil
	}
	r.sent = max(r.sent, sent)
}

// get returns the pack of that number; nil and what is closed when another one comes if it is
// not there yet; nil and nil if it is not there any more.
func (r *recent) get(seq uint64) (pack []byte, came <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case seq < r.first:
		return nil, nil
	case seq-r.first < uint64(len(r.packs)):
		return r.packs[seq-r.first].data, nil
	}
	return nil, r.came
}

// since returns the number of the first pack that is known, and the bytes that were ever added.
func (r *recent) since() (first uint64, added int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.first, r.added
}
