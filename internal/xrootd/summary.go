package xrootd

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"math"
	"strconv"
	"strings"
)

// A Summary is the outside of a summary datagram and the counters that the
// totals can be checked against.
type Summary struct {
	Source   string // host:port
	Site     string
	Program  string
	Instance string
	Version  string
	PID      int
	Started  int64 // tos
	Sent     int64 // tod
	// Counters has every number in the document by its path, such as
	// "link/out" or "xrootd/ops/open".
	Counters map[string]float64
}

// What is accepted of a summary. The deepest that servers send is 5, the most
// numbers about 150 and 6 for each exported path; the limits keep a forged
// document from growing into many times its own size.
const (
	maxDepth    = 16
	maxCounters = 4096
	maxPath     = 256 // bytes
)

// A counters collects the numbers of a document by the path that they stand at.
type counters struct {
	path   []byte
	starts []int // where the steps of path begin
	values map[string]float64
}

// push goes one step down.
func (c *counters) push(step string, at int) *Error {
	if len(c.starts) == maxDepth {
		return errorAt(at, ReasonLimit, "more than %d levels", maxDepth)
	}
	if len(c.path)+1+len(step) > maxPath {
		return errorAt(at, ReasonLimit, "a path of more than %d bytes", maxPath)
	}
	c.starts = append(c.starts, len(c.path))
	if len(c.path) > 0 && step != "" {
		c.path = append(c.path, '/')
	}
	c.path = append(c.path, step...)
	return nil
}

// pop goes one step up.
func (c *counters) pop() {
	last := len(c.starts) - 1
	c.path, c.starts = c.path[:c.starts[last]], c.starts[:last]
}

// set keeps text as the number at the current path, if it is one.
func (c *counters) set(text string, at int) *Error {
	v, ok := finite(text)
	if !ok {
		return nil
	}
	if len(c.values) == maxCounters {
		return errorAt(at, ReasonLimit, "more than %d counters", maxCounters)
	}
	c.values[string(c.path)] = v
	return nil
}

// finite reads a number that is neither infinite nor none.
func finite(text string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil && !math.IsInf(v, 0) && !math.IsNaN(v)
}

// summaryXML decodes <statistics …><stats id="link"><num>1</num>…</stats>…</statistics>,
// where <stats id="X"> is the step X of a path.
func (d *Datagram) summaryXML(b []byte) *Error {
	dec := xml.NewDecoder(bytes.NewReader(b))
	dec.Strict = false // paths stand in it as they are, with & and all
	c := counters{values: map[string]float64{}}
	d.Summary.Counters = c.values
	for {
		at := int(dec.InputOffset())
		token, err := dec.RawToken()
		if err != nil {
			return errorAt(int(dec.InputOffset()), ReasonXML, "%v", err)
		}
		var fault *Error
		switch t := token.(type) {
		case xml.StartElement:
			fault = d.startXML(&c, t, at)
		case xml.CharData:
			// The cache's hits come with a stray bracket: <hits>0></hits>.
			if len(c.starts) > 0 {
				fault = c.set(string(bytes.TrimRight(bytes.TrimSpace(t), ">")), at)
			}
		case xml.EndElement:
			if len(c.starts) == 0 {
				return errorAt(at, ReasonXML, "</%s> ends nothing", t.Name.Local)
			}
			if c.pop(); len(c.starts) == 0 {
				return nil
			}
		}
		if fault != nil {
			return fault
		}
	}
}

// startXML takes the beginning of an element. The first must be statistics.
func (d *Datagram) startXML(c *counters, e xml.StartElement, at int) *Error {
	if d.Kind == KindSummary {
		step := e.Name.Local
		if id := attribute(e, "id"); step == "stats" && id != "" {
			step = id
		}
		return c.push(step, at)
	}
	if e.Name.Local != "statistics" {
		return errorAt(at, ReasonXML, "<%s> is no summary", e.Name.Local)
	}
	d.Kind = KindSummary
	for _, a := range e.Attr {
		d.Summary.set(a.Name.Local, a.Value)
	}
	d.Header.Stod = d.Summary.Started
	return c.push("", at)
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// set takes what the document says of itself.
func (s *Summary) set(key, value string) {
	switch key {
	case "src":
		s.Source = value
	case "site":
		s.Site = value
	case "pgm":
		s.Program = value
	case "ins":
		s.Instance = value
	case "ver":
		s.Version = value
	case "pid":
		s.PID = int(toInt(value))
	case "tos":
		s.Started = toInt(value)
	case "tod":
		s.Sent = toInt(value)
	}
}

// summaryJSON decodes {"statistics":{"tod":1,…,"stats_link":{"num":1,…}}}, where
// stats_X is the step X of a path, and the place in an array is a step.
func (d *Datagram) summaryJSON(b []byte) *Error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	c := counters{values: map[string]float64{}}
	d.Summary.Counters = c.values
	err := d.walkJSON(dec, &c)
	d.Header.Stod = d.Summary.Started
	return err
}

// A level is an object or array that walkJSON is in.
type level struct {
	array bool
	n     int    // elements of an array so far
	key   string // of an object: the key whose value is next
	named bool   // whether key has been read
}

// walkJSON takes one token after the other; levels of the document are levels of
// c, whose first two, the document and its statistics, have empty steps.
func (d *Datagram) walkJSON(dec *json.Decoder, c *counters) *Error {
	var levels []level
	for {
		at := int(dec.InputOffset())
		token, err := dec.Token()
		if err != nil {
			return errorAt(int(dec.InputOffset()), ReasonJSON, "%v", err)
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			levels = levels[:len(levels)-1]
			if c.pop(); len(levels) == 0 {
				return nil
			}
			continue
		}
		step, isKey := "", false
		if len(levels) > 0 {
			step, isKey = levels[len(levels)-1].next(token)
		}
		if isKey {
			continue
		}
		if fault := d.valueJSON(c, &levels, step, token, at); fault != nil {
			return fault
		}
	}
}

// next tells which step the value token stands at, unless token is a key.
func (l *level) next(token json.Token) (step string, isKey bool) {
	switch {
	case l.array:
		l.n++
		return strconv.Itoa(l.n - 1), false
	case l.named:
		l.named = false
		return l.key, false
	}
	l.key, _ = token.(string)
	l.named = true
	return "", true
}

// valueJSON takes a value, or goes down into it.
func (d *Datagram) valueJSON(c *counters, levels *[]level, step string, token json.Token, at int) *Error {
	if len(*levels) == 2 {
		d.Summary.setJSON(step, token)
		step = strings.TrimPrefix(step, "stats_")
	}
	if len(*levels) < 2 {
		step = ""
	}
	if err := c.push(step, at); err != nil {
		return err
	}
	if delim, ok := token.(json.Delim); ok {
		if len(*levels) == 1 {
			d.Kind = KindSummary
		}
		*levels = append(*levels, level{array: delim == '['})
		return nil
	}
	defer c.pop()
	if n, ok := token.(json.Number); ok && len(*levels) > 2 {
		return c.set(n.String(), at)
	}
	return nil
}

func (s *Summary) setJSON(key string, token json.Token) {
	switch v := token.(type) {
	case string:
		s.set(key, v)
	case json.Number:
		s.set(key, v.String())
	}
}
