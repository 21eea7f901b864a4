package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"tallystick/internal/ingest"
)

// items decodes what is in a message and hands it over: one object, several one
// behind the other, or an array of them. One that cannot be decoded does not stop
// the others; behind something that is not JSON nothing can be found.
func items[T any](data []byte, decode func([]byte) (T, *ingest.MessageError), put func([]T) ingest.Result) ingest.Result {
	raws, broken := split(data)
	return assemble(raws, broken, decode, put)
}

// lineItems is items of what has one on each line: whatever is on one harms no other.
func lineItems[T any](data []byte, decode func([]byte) (T, *ingest.MessageError), put func([]T) ingest.Result) ingest.Result {
	var raws [][]byte
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			raws = append(raws, line)
		}
	}
	return assemble(raws, nil, decode, put)
}

// assemble decodes raws and hands them over. broken is what is wrong behind them.
func assemble[T any](
	raws [][]byte, broken *ingest.MessageError, decode func([]byte) (T, *ingest.MessageError), put func([]T) ingest.Result,
) ingest.Result {
	var (
		good    []T
		places  []int
		rejects []ingest.Reject
	)
	for i, raw := range raws {
		item, bad := decode(raw)
		if bad != nil {
			rejects = append(rejects, ingest.Reject{Index: i, Reason: bad.Reason, Text: bad.Text})
			continue
		}
		good, places = append(good, item), append(places, i)
	}
	if broken != nil {
		rejects = append(rejects, ingest.Reject{Index: len(raws), Reason: broken.Reason, Text: broken.Text})
	}
	var r ingest.Result
	if len(good) > 0 {
		r = put(good)
	}
	for i, e := range r.Errors {
		r.Errors[i].Index = places[e.Index]
	}
	r.Rejected += len(rejects)
	r.Errors = append(r.Errors, rejects...)
	return r
}

// split cuts a message into its JSON values. An error is about what follows them.
func split(data []byte) (raws [][]byte, broken *ingest.MessageError) {
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '{' && data[len(data)-1] == '}' && bytes.IndexByte(data[1:], '{') < 0 {
		return [][]byte{data}, nil // one flat object, as shovelers send it: the decoder reads it once
	}
	if bytes.HasPrefix(data, []byte("[")) {
		var in []json.RawMessage
		if err := json.Unmarshal(data, &in); err != nil {
			return nil, ingest.Unfit(err)
		}
		for _, raw := range in {
			raws = append(raws, raw)
		}
		return raws, nil
	}
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		var raw json.RawMessage
		switch err := d.Decode(&raw); {
		case errors.Is(err, io.EOF) && len(raws) > 0:
			return raws, nil
		case err != nil:
			return raws, ingest.Unfit(err)
		}
		raws = append(raws, raw)
	}
}
