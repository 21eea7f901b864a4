package lineproto_test

import (
	"testing"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"tallystick/internal/lineproto"
)

// FuzzParse compares Parse with the library, which decodes the body as a whole:
// up to the first line that is not line protocol, both see the same lines.
// Behind it they may differ in where the next line begins.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"m,cluster=c,hostname=h,type=hwthread,type-id=3 value=1.5 1700000040\n",
		"m,host=h value=1i\r\n# comment \"\n\n m value=2u  17 \n",
		"m a=\"x\ny \\\" \",value=1 17\nm value=2",
		`m\ n,host=a\,b,ty\=pe=x value=true`,
		"m value=\"x\nm value=1\n", "m\\ value=NaN\nm value=1e400", "m,host=ü val\\=ue=0x1p-2 -5",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		want := library(body)
		for l, err := range lineproto.Parse(body, lineproto.Auto) {
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

// library returns what the lines of body are until the first that is wrong.
func library(body []byte) []string {
	var out []string
	d := lineprotocol.NewDecoderWithBytes(body)
	for d.Next() {
		line, ok := libraryLine(d)
		if !ok {
			break
		}
		out = append(out, line)
	}
	return out
}

func libraryLine(d *lineprotocol.Decoder) (string, bool) {
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
		}
	}
	reason, fields := "", 0
	for ; err == nil; fields++ {
		var k []byte
		var v lineprotocol.Value
		if k, v, err = d.NextField(); k == nil {
			break
		}
		switch v.Kind() {
		case lineprotocol.Float:
			l.Value = v.FloatV()
		case lineprotocol.Int:
			l.Value = float64(v.IntV())
		case lineprotocol.Uint:
			l.Value = float64(v.UintV())
		case lineprotocol.Bool:
			l.Value = map[bool]float64{true: 1}[v.BoolV()]
		default:
			if reason == "" && string(k) == "value" {
				reason = lineproto.String
			}
		}
		if string(k) != "value" && reason == "" {
			reason = lineproto.BadField
		}
	}
	if err != nil || fields == 0 {
		return "", false
	}
	b, err := d.TimeBytes()
	if twice {
		return lineproto.BadTag, err == nil
	}
	if reason != "" {
		return reason, err == nil
	}
	if err != nil {
		return "", false
	}
	return libraryRest(&l, tags, b)
}

func libraryRest(l *lineproto.Line, tags map[string]string, at []byte) (string, bool) {
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
		for one, err := range lineproto.Parse(append([]byte("m value=1 "), at...), lineproto.Auto) {
			if err != nil {
				return err.Reason, true
			}
			l.Time, l.HasTime = one.Time, true
		}
	}
	return show(l), true
}
