package httpapi

import (
	"net/http"
	"strconv"

	"tallystick/internal/query"
	"tallystick/internal/selector"
)

// Series are written value by value into the buffer of the answer:
// encoding/json would first put each together, twice.

func writeSeries(w http.ResponseWriter, series []query.Series) error {
	e := newEncoder(w, typeJSON)
	e.text(`{"series":[`)
	for i := range series {
		if i > 0 {
			e.text(",")
		}
		e.text("\n")
		if err := e.series(&series[i]); err != nil {
			return err
		}
	}
	e.text("]}\n")
	return e.Flush()
}

func writeSeriesLines(w http.ResponseWriter, series []query.Series) error {
	e := newEncoder(w, typeNDJSON)
	for i := range series {
		if err := e.series(&series[i]); err != nil {
			return err
		}
		e.text("\n")
	}
	return e.Flush()
}

func (e *encoder) series(s *query.Series) error {
	e.append(appendHead(e.AvailableBuffer(), s))
	if len(s.Values) > 0 {
		e.text(`,"values":`)
		if err := appendAll(e, s.Values, query.Value.AppendJSON); err != nil {
			return err
		}
	}
	if s.Stats != nil {
		e.text(`,"stats":`)
		e.append(s.Stats.AppendJSON(e.AvailableBuffer()))
	}
	if len(s.Counts) > 0 {
		e.text(`,"counts":`)
		if err := appendAll(e, s.Counts, appendCount); err != nil {
			return err
		}
	}
	e.text("}")
	return nil
}

// append writes what was appended to the available buffer. An error is that of
// every later write, and of Flush.
func (e *encoder) append(b []byte) { _, _ = e.Write(b) }

// appendHead adds all that a series has besides its values, and no end.
func appendHead(b []byte, s *query.Series) []byte {
	b = append(b, `{"level":`...)
	b = appendLevel(b, s.Level)
	if s.Group != nil {
		b = strconv.AppendInt(append(b, `,"group":`...), int64(*s.Group), 10)
	}
	if s.Range != 0 {
		b = strconv.AppendInt(append(b, `,"range":`...), int64(s.Range), 10)
	}
	b = appendString(append(b, `,"metric":`...), s.Metric)
	if s.Unit != "" {
		b = appendString(append(b, `,"unit":`...), s.Unit)
	}
	b = strconv.AppendInt(append(b, `,"step":`...), s.Step, 10)
	return strconv.AppendInt(append(b, `,"from":`...), s.From, 10)
}

// appendLevel adds what encoding/json would.
func appendLevel(b []byte, p selector.Path) []byte {
	b = append(b, '{')
	b = appendField(b, "cluster", p.Cluster)
	b = appendField(b, "node", p.Node)
	b = appendPart(b, "component", p.Component)
	b = appendPart(b, "subcomponent", p.Sub)
	return append(b, '}')
}

func appendPart(b []byte, name string, p selector.Part) []byte {
	if p == (selector.Part{}) {
		return b
	}
	b = append(appendKey(b, name), '{')
	b = appendField(b, "type", p.Type)
	b = appendField(b, "id", p.ID)
	return append(b, '}')
}

// appendField adds a field of an object, unless it is empty.
func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(appendKey(b, name), value)
}

func appendKey(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, `":`...)
}

func appendCount(n uint32, b []byte) []byte { return strconv.AppendUint(b, uint64(n), 10) }

// appendAll writes an array, item by item through the buffer.
func appendAll[T any](e *encoder, items []T, add func(T, []byte) []byte) error {
	const longest = 32 // an item, with the comma
	b := append(e.AvailableBuffer(), '[')
	for i, v := range items {
		if i > 0 {
			b = append(b, ',')
		}
		if b = add(v, b); len(b)+longest > e.Available() {
			if _, err := e.Write(b); err != nil {
				return err
			}
			b = e.AvailableBuffer()
		}
	}
	_, err := e.Write(append(b, ']'))
	return err
}
