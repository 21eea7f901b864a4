package ccms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

// ReadJSON reads a snapshot in JSON. It calls use with each series, which is good
// until use returns, up to the first error: a *FormatError, or what r returns.
func ReadJSON(r io.Reader, use func(*Series)) error {
	d := jsonReader{in: json.NewDecoder(r), use: use}
	err := d.level(nil)
	if err == nil {
		if _, end := d.in.Token(); !errors.Is(end, io.EOF) {
			err = ErrLong
		}
	}
	return d.place(err)
}

type jsonReader struct {
	in  *json.Decoder
	use func(*Series)
}

// place gives an error of the format its place, and leaves others as they are.
func (d *jsonReader) place(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return &FormatError{d.in.InputOffset(), ErrShort}
	case errors.As(err, &syntax), errors.As(err, &kind), errors.Is(err, errJSON),
		errors.Is(err, ErrLong), errors.Is(err, ErrDeep):
		return &FormatError{d.in.InputOffset(), err}
	}
	return err
}

var errJSON = errors.New("not what a snapshot has here")

// object calls member with each key, whose value is next. A null is an empty one.
func (d *jsonReader) object(member func(key string) error) error {
	t, err := d.in.Token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('{') {
		return fmt.Errorf("%w: %v", errJSON, t)
	}
	for d.in.More() {
		key, err := d.in.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string) // of a member it is one
		if err := member(name); err != nil {
			return err
		}
	}
	_, err = d.in.Token()
	return err
}

func (d *jsonReader) level(names []string) error {
	if len(names) > maxDepth {
		return ErrDeep
	}
	return d.object(func(key string) error {
		switch key {
		case "metrics":
			return d.object(func(name string) error { return d.series(names, name) })
		case "children":
			return d.object(func(name string) error { return d.level(append(slices.Clip(names), name)) })
		}
		var rest json.RawMessage // from, to, and what others may add
		return d.in.Decode(&rest)
	})
}

func (d *jsonReader) series(names []string, metric string) error {
	var s struct {
		Frequency int64  `json:"frequency"`
		Start     int64  `json:"start"`
		Data      values `json:"data"`
	}
	if err := d.in.Decode(&s); err != nil {
		return err
	}
	d.use(&Series{Level: names, Metric: metric, Step: s.Frequency, Start: s.Start, Values: s.Data})
	return nil
}

// values are numbers and null, which is NaN.
type values []float64

func (v *values) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) < 2 || b[0] != '[' {
		return fmt.Errorf("%w: data is no list", errJSON)
	}
	b = b[1 : len(b)-1]
	for len(bytes.TrimSpace(b)) > 0 {
		var word []byte
		word, b, _ = bytes.Cut(b, []byte(","))
		f, err := value(bytes.TrimSpace(word))
		if err != nil {
			return err
		}
		*v = append(*v, f)
	}
	return nil
}

func value(word []byte) (float64, error) {
	if string(word) == "null" {
		return math.NaN(), nil
	}
	if len(word) == 0 || word[0] != '-' && (word[0] < '0' || word[0] > '9') {
		return 0, fmt.Errorf("%w: %.20q is no number", errJSON, word)
	}
	f, err := strconv.ParseFloat(string(word), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // then it is infinite, and refused as such
		return 0, fmt.Errorf("%w: %.20q is no number", errJSON, word)
	}
	return f, nil
}
