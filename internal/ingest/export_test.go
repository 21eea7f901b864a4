package ingest

// Value puts v into a record and reads it back. It returns how many bytes it took there.
func Value(v float64) (back float64, size int, err error) {
	b := appendValue(nil, v)
	r := recordReader{rest: b}
	back = r.value()
	if len(r.rest) > 0 {
		r.fail()
	}
	return back, len(b), r.err
}

// KeyBytes returns the bytes of keys as they are counted, and as they are: each key, and each
// tags once.
func (i *Ingest) KeyBytes() (counted, are int64) {
	for n := range i.keys.shards {
		s := &i.keys.shards[n]
		counted += s.bytes
		held := make(map[*tags]int)
		for _, e := range s.known {
			are += int64(e.bytes)
			if held[e.tags]++; held[e.tags] == 1 {
				are += e.tags.bytes
			}
		}
		for t, n := range held {
			if t.held != n {
				return counted, -1
			}
		}
	}
	return counted, are
}
