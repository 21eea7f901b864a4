package lineproto_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"tallystick/internal/lineproto"
)

// FuzzParse compares Parse with the library, which decodes the body as a whole:
// up to the first line that is not line protocol, both see the same lines.
// Behind it they may differ in where the next line begins. Lines whose keys are
// known must be told the same but for what the key says.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"m,cluster=c,hostname=h,type=hwthread,type-id=3 value=1.5 1700000040\n",
		"m,host=h value=1i\r\n# comment \"\n\n m value=2u  17 \n",
		"m a=\"x\ny \\\" \",value=1 17\nm value=2",
		`m\ n,host=a\,b,ty\=pe=x value=true`,
		"m value=\"x\nm value=1\n", "m\\ value=NaN\nm value=1e400", "m,host=ü val\\=ue=0x1p-2 -5",
		"cpu,host=h a=1,b=\"x\",c=t,value=3u 1700000040000\ncpu,host=h a=1,a=F,=3",
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, all bool) {
		want := library(body, all)
		compareKnown(t, body, all)
		for l, err := range lineproto.Parse(body, lineproto.Options{All: all}) {
			if len(want) == 0 {
				return
			}
			var got string
			if err == nil {
				got = show(l)
			} else {
				got = err.Reason
				if err.Line < 1 || err.Column < 1 || err.Text == "" || len(err.Text) > lineproto.MaxText {
					t.Errorf("error without place or text, or with too much of it: %+v", *err)
				}
			}
			if got != want[0] {
				t.Fatalf("got %q, want %q", got, want[0])
			}
			want = want[1:]
		}
		if len(want) > 0 {
			t.Fatalf("got nothing, want %q", want)
		}
	})
}

// compareKnown parses the body, and then again with all its keys known.
func compareKnown(t *testing.T, body []byte, all bool) {
	t.Helper()
	keys := map[string]string{}
	var want []string
	for l, err := range lineproto.Parse(body, lineproto.Options{All: all}) {
		if err != nil {
			want = append(want, err.Error())
			continue
		}
		want = append(want, show(l))
		if l.Key != nil {
			bare := *l
			bare.Fields, bare.HasTime = []lineproto.Field{{Name: []byte("value")}}, false
			keys[string(l.Key)] = show(&bare)
		}
	}
	known := func(line []byte) int {
		key, _, _ := bytes.Cut(line, []byte{' '})
		if keys[string(key)] == "" {
			return 0
		}
		return len(key)
	}
	n := 0
	for l, err := range lineproto.Parse(body, lineproto.Options{All: all, Known: known}) {
		switch {
		case n == len(want):
			t.Fatal("more lines, knowing their keys")
		case err != nil && err.Error() != want[n]:
			t.Fatalf("got %q, want %q", err.Error(), want[n])
		case err == nil && l.Known:
			l.Metric = []byte("?") // what the key says is not told
			if known := keys[string(l.Key)]; !sameRest(show(l), want[n], known) {
				t.Fatalf("got %q, want %q of key %q", show(l), want[n], known)
			}
		case err == nil && show(l) != want[n]:
			t.Fatalf("got %q, want %q", show(l), want[n])
		}
		n++
	}
	if n != len(want) {
		t.Fatalf("%d lines, want %d", n, len(want))
	}
}

// sameRest reports whether got, without a key, is want but for the key.
func sameRest(got, want, key string) bool {
	key = strings.TrimSuffix(key, "=0@none")
	return strings.HasPrefix(want, key) && strings.TrimPrefix(got, "//=/= ?") == want[len(key):]
}

// library returns what the lines of body are until the first that is wrong.
func library(body []byte, all bool) []string {
	var out []string
	d := lineprotocol.NewDecoderWithBytes(body)
	for d.Next() {
		lines, ok := libraryLine(d, all)
		if !ok {
			break
		}
		out = append(out, lines...)
	}
	return out
}

func libraryLine(d *lineprotocol.Decoder, all bool) ([]string, bool) {
	var l lineproto.Line
	name, err := d.Measurement()
	l.Metric = append(l.Metric, name...)
	tags, twice := map[string]string{}, false
	for err == nil {
		var k, v []byte
		if k, v, err = d.NextTag(); k == nil {
			break
		}
		switch string(k) {
		case "cluster", "hostname", "host", "type", "type-id", "stype", "stype-id":
			if _, is := tags[string(k)]; is {
				twice = true
			}
			tags[string(k)] = string(v)
		default:
			if all {
				l.Others = append(l.Others, lineproto.Tag{Key: bytes.Clone(k), Value: bytes.Clone(v)})
			}
		}
	}
	if err != nil {
		return nil, false
	}
	reason, texts, ok := libraryFields(d, &l, all)
	if !ok {
		return nil, false
	}
	b, err := d.TimeBytes()
	if twice {
		return []string{lineproto.BadTag}, err == nil
	}
	if reason != "" {
		return []string{reason}, err == nil
	}
	if err != nil {
		return nil, false
	}
	line, whole := libraryRest(&l, tags, b)
	if !whole {
		return []string{line}, true
	}
	var out []string
	if len(l.Fields) > 0 {
		out = append(out, line)
	}
	for range texts {
		out = append(out, lineproto.String)
	}
	return out, true
}

// libraryFields reads the fields of a line: the numbers, how many strings there
// are, and why the line is refused.
func libraryFields(d *lineprotocol.Decoder, l *lineproto.Line, all bool) (reason string, texts int, ok bool) {
	fields := 0
	for ; ; fields++ {
		k, v, err := d.NextField()
		if err != nil {
			return "", 0, false
		}
		if k == nil {
			break
		}
		f := lineproto.Field{Name: bytes.Clone(k)}
		switch v.Kind() {
		case lineprotocol.Float:
			f.Value = v.FloatV()
		case lineprotocol.Int:
			f.Value = float64(v.IntV())
		case lineprotocol.Uint:
			f.Value = float64(v.UintV())
		case lineprotocol.Bool:
			f.Value = map[bool]float64{true: 1}[v.BoolV()]
		default:
			if texts++; !all && reason == "" && string(k) == "value" {
				reason = lineproto.String
			}
			if all {
				continue
			}
		}
		if !all && string(k) != "value" && reason == "" {
			reason = lineproto.BadField
		}
		if !all {
			l.Fields = l.Fields[:0]
		}
		l.Fields = append(l.Fields, f)
	}
	return reason, texts, fields > 0
}

// libraryRest returns the line, or why its time is wrong.
func libraryRest(l *lineproto.Line, tags map[string]string, at []byte) (line string, whole bool) {
	for i, to := range []*[]byte{&l.Cluster, &l.Type, &l.TypeID, &l.SType, &l.STypeID} {
		*to = []byte(tags[[]string{"cluster", "type", "type-id", "stype", "stype-id"}[i]])
	}
	l.Host = []byte(tags["host"])
	if h, ok := tags["hostname"]; ok {
		l.Host = []byte(h)
	}
	if at != nil {
		// The line alone, with the time alone: what is left to compare is that
		// the time belongs to this line.
		for one, err := range lineproto.Parse(append([]byte("m value=1 "), at...), lineproto.Options{}) {
			if err != nil {
				return err.Reason, false
			}
			l.Time, l.HasTime = one.Time, true
		}
	}
	return show(l), true
}
