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
