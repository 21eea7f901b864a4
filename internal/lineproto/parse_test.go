package lineproto_test

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallystick/internal/lineproto"
)

// parse returns one text per line: "N: c/h/type=id/stype=id metric=value@time" or
// "line:column: reason".
func parse(body string, o lineproto.Options) []string {
	return texts(lineproto.Parse([]byte(body), o), -1)
}

// texts returns those of the first n steps, of all if n is negative.
func texts(steps iter.Seq2[*lineproto.Line, *lineproto.Error], n int) (out []string) {
	for l, err := range steps {
		if len(out) == n {
			break
		}
		if err != nil {
			out = append(out, fmt.Sprintf("%d:%d: %s", err.Line, err.Column, err.Reason))
			continue
		}
		out = append(out, fmt.Sprint(l.Number, ": ", show(l)))
	}
	return out
}

func show(l *lineproto.Line) string {
	at := "none"
	if l.HasTime {
		at = strconv.FormatInt(l.Time, 10)
	}
	var fields strings.Builder
	for _, f := range l.Fields {
		fmt.Fprintf(&fields, ".%s=%v", f.Name, f.Value)
	}
	var others strings.Builder
	for _, tag := range l.Others {
		fmt.Fprintf(&others, "/%s:%s", tag.Key, tag.Value)
	}
	return fmt.Sprintf("%s/%s/%s=%s/%s=%s%s %s%s@%s",
		l.Cluster, l.Host, l.Type, l.TypeID, l.SType, l.STypeID, others.String(), l.Metric, strings.TrimPrefix(fields.String(), ".value"), at)
}

func TestParse(t *testing.T) {
	f := func(name, body string, want ...string) {
		t.Helper()
		if got := parse(body, lineproto.Options{}); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: parse %q:\ngot  %q\nwant %q", name, body, got, want)
		}
	}
	f("empty", "")
	f("comments", "# comment\n\n   \nm,cluster=c,hostname=h value=1 17\n\n", "4: c/h/=/= m=1@17")
	f("crlf", "m,host=h value=1 17\r\nm,host=i value=2\r\n\r\n", "1: /h/=/= m=1@17", "2: /i/=/= m=2@none")
	f("all tags, any order", "m,stype-id=j,stype=s,type-id=i,type=t,host=h,cluster=c,unit=GB value=1",
		"1: c/h/t=i/s=j m=1@none")
	f("hostname before host", "m,host=a,hostname=b value=1\nm,hostname=b,host=a value=1", "1: /b/=/= m=1@none", "2: /b/=/= m=1@none")

	// CCMS.md section 2: what the reference does wrong.
	f("no cluster after a cluster", "m,cluster=A,hostname=h value=1 17\nm,hostname=h value=2 18",
		"1: A/h/=/= m=1@17", "2: /h/=/= m=2@18")
	f("no host after a host", "m,cluster=C,hostname=h value=1 17\nm,cluster=C value=2 18",
		"1: C/h/=/= m=1@17", "2: C//=/= m=2@18")
	f("no time after a time", "m,hostname=h value=1 17\nm,hostname=i value=2", "1: /h/=/= m=1@17", "2: /i/=/= m=2@none")
	f("milliseconds", "m,host=h value=1 1795318900123", "1: /h/=/= m=1@1795318900")
	f("microseconds", "m,host=h value=1 1795318900123456", "1: /h/=/= m=1@1795318900")
	f("nanoseconds", "m,host=h value=1 1795318900123456789", "1: /h/=/= m=1@1795318900")
	f("node with stype", "m,host=h,type=node,stype=filesystem,stype-id=/home value=1",
		"1: /h/node=/filesystem=/home m=1@none")
	f("one bad line", "m,host=a value=1\nm,host=b foo=2\nm,host=c value=3",
		"1: /a/=/= m=1@none", "2:10: field", "3: /c/=/= m=3@none")

	f("values", "m value=1i\nm value=2u\nm value=-3.5\nm value=1e3\nm value=true\nm value=F",
		"1: //=/= m=1@none", "2: //=/= m=2@none", "3: //=/= m=-3.5@none", "4: //=/= m=1000@none",
		"5: //=/= m=1@none", "6: //=/= m=0@none")
	f("last value counts", "m value=1,value=2", "1: //=/= m=2@none")
	f("escapes", `m\ n,hostname=a\ b,cluster=a\,b\=c value=4`, `1: a,b=c/a b/=/= m n=4@none`)
	f("utf-8", "m,host=ü value=4", "1: /ü/=/= m=4@none")

	f("string", `m,host=h value="x" 17`, "1:10: string")
	f("other field first", `m text="a b",value=1 17`, "1:3: field")
	f("other field", `m value=1,text="a,b=\"c" 17`, "1:11: field")
	f("not numbers", "m value=NaN\nm value=+Inf\nm value=-inf 1\nm a=1,value=inf,b=2",
		"1:9: not-a-number", "2:9: not-a-number", "3:9: not-a-number", "4:13: not-a-number")
	f("out of range", "m value=1e400\nm value=9223372036854775808i", "1:9: range", "2:9: range")
	f("no field", "m,host=h 1700000040\nm\nm,host=h\nm ", "1:20: syntax", "2:2: syntax", "3:9: syntax", "4:3: syntax")
	f("empty tag", "m,hostname= value=1 17", "1:12: syntax")
	f("tag twice", "m,cluster=a,hostname=h,cluster=b value=1", "1:24: bad-tag")
	f("same tag twice, escaped", `m,a=\,,cluster=a,cluster=a value=1`, "1:18: bad-tag")
	f("json", "{\"metric\":\"cpu_load\"}\n", "1:22: syntax")
	f("bad utf-8", "m,host=\xff value=1", "1:8: syntax")
	f("times", "m value=1 garbage\nm value=1 17.5\nm value=1 1-2\nm value=1 99999999999999999999\nm value=1 17 18\nm value=1 +17",
		"1:11: time", "2:11: time", "3:11: time", "4:11: time", "5:14: time", "6:11: time")
	f("negative time", "m value=1 -100", "1: //=/= m=1@-100")

	f("newline in quotes", "m a=\"x\ny\",value=1 17\nm value=2", "1:3: field", "3: //=/= m=2@none")
	f("value behind a newline in quotes", "m a=\"x\ny\",b=1 17\nm value=2", "1:3: field", "3: //=/= m=2@none")
	f("time behind a newline in quotes", "m value=1,a=\"x\n\" 1x\nm value=2", "1:11: field", "3: //=/= m=2@none")
	f("quotes that are not closed", "m value=\"x\nm value=1\nm value=2", "1:9: syntax", "2: //=/= m=1@none", "3: //=/= m=2@none")
	f("quotes closed by the next line's", "m value=\"x\nm a=\"y\"\nm value=2", "1:9: syntax", "2:3: field", "3: //=/= m=2@none")
	f("quotes where they mean nothing", "m,host=\"a value=1\nm,host=b\" value=2", `1: /"a/=/= m=1@none`, `2: /b"/=/= m=2@none`)
	f("quotes in a comment", "# it says \"x=\"\nm value=2", "2: //=/= m=2@none")
}

func TestParseAll(t *testing.T) {
	f := func(name, body string, want ...string) {
		t.Helper()
		if got := parse(body, lineproto.Options{All: true}); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: parse %q:\ngot  %q\nwant %q", name, body, got, want)
		}
	}
	f("as Telegraf sends", "cpu,cpu=cpu0,host=h usage_user=1.5,usage_idle=98i,n=3u,on=true,off=F 1795318900000000000\nm value=1",
		"1: /h/=/=/cpu:cpu0 cpu.usage_user=1.5.usage_idle=98.n=3.on=1.off=0@1795318900", "2: //=/= m=1@none")
	f("other tags", `m,b=1,host=h,a=2 v=1`+"\n"+`m,b=1\ 2,host=h,a=ü v=1`,
		"1: /h/=/=/b:1/a:2 m.v=1@none", "2: /h/=/=/b:1 2/a:ü m.v=1@none")
	f("a field twice", "m a=1,a=2", "1: //=/= m.a=1.a=2@none")
	f("strings", "m,host=h a=\"x\",b=2,c=\"y,\nz\",d=\"=\",e=4 17\nm a=1",
		"1: /h/=/= m.b=2.e=4@17", "1:10: string", "1:20: string", "2:4: string", "3: //=/= m.a=1@none")
	f("strings only", "m a=\"x\",b=\"y\"\nm a=1", "1:3: string", "1:9: string", "2: //=/= m.a=1@none")
	f("strings of a line that is wrong", "m a=\"x\",b=1 1x", "1:13: time")
	f("escapes", `m b\,c=2,a\ b=1`, "1: //=/= m.b,c=2.a b=1@none")
	f("a line is taken whole or not at all", "m a=1,b=x\nm a=1,b=NaN\nm a=1,\nm a=1,=2\nm a=1,b= 3\nm a=1 x",
		"1:9: syntax", "2:9: not-a-number", "3:7: syntax", "4:7: syntax", "5:9: syntax", "6:7: time")
	f("error of many", "m a=\"x\",b=1e999", "1:11: range")
}

// A line whose key is known is told without tags, and only then.
func TestParseKnown(t *testing.T) {
	var asked []string
	o := lineproto.Options{Known: func(line []byte) int {
		key, _, _ := strings.Cut(string(line), " ")
		asked = append(asked, key)
		if key != "m,host=h" {
			return 0
		}
		return len(key)
	}}
	body := "m,host=h value=1 17\nm,host=i value=2\nm,host=h value=NaN\nm,host=h  value=true\nm,host=ü value=3\n# m,host=h value=1\n"
	got := strings.Join(parse(body, o), "\n")
	if want := "1: //=/= =1@17\n2: /i/=/= m=2@none\n3:16: not-a-number\n4: //=/= =1@none\n5: /ü/=/= m=3@none"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if want := "m,host=h|m,host=i|m,host=h|m,host=h|m,host=ü|#"; strings.Join(asked, "|") != want {
		t.Errorf("asked for %q, want %s", asked, want)
	}
	for l := range lineproto.Parse([]byte(body), o) {
		if l != nil && (l.Key == nil) != (l.Number == 5) {
			t.Errorf("line %d: key is %q", l.Number, l.Key)
		}
	}
}

// The places of strings are found in one pass: a line may be all of them.
func TestManyStrings(t *testing.T) {
	body := []byte("m " + strings.Repeat("a=\"\n\",", 1<<16) + "a=1")
	start, n := time.Now(), 0
	for _, err := range lineproto.Parse(body, lineproto.Options{All: true}) {
		if n++; n > 1 && (err.Line != n-1 || err.Column != 3) {
			t.Fatalf("string %d: got %v", n, err)
		}
	}
	if took := time.Since(start); took > 10*time.Second || n != 1<<16+1 {
		t.Errorf("%d strings took %v", n, took)
	}
}

func TestParsePrecision(t *testing.T) {
	f := func(precision string, at, want int64) {
		t.Helper()
		p, err := lineproto.ParsePrecision(precision)
		if err != nil {
			t.Fatal(err)
		}
		wants := fmt.Sprintf("1: //=/= m=1@%d", want)
		if got := parse(fmt.Sprintf("m value=1 %d", at), lineproto.Options{Precision: p}); len(got) != 1 || got[0] != wants {
			t.Errorf("%d in %s: got %q, want %q", at, precision, got, wants)
		}
	}
	f("s", 1700000040, 1700000040)
	f("s", 1700000040000, 1700000040000)
	f("ms", 1999, 1)
	f("ms", -1, -1)
	f("ms", -1000, -1)
	f("ms", -1001, -2)
	f("us", 1999999, 1)
	f("ns", 1700000040999999999, 1700000040)
	f("ns", -1<<63, -9223372037)
	f("auto", 99999999999, 99999999999)
	f("auto", 100000000000, 100000000)
	f("auto", 99999999999999, 99999999999)
	f("auto", 100000000000000, 100000000)
	f("auto", 99999999999999999, 99999999999)
	f("auto", 100000000000000000, 100000000)
	f("auto", -100000000001, -100000001)
	f("auto", -1<<63, -9223372037)
	f("", 17, 17)
	f("m", 2, 120)
	f("h", -2, -7200)
	f("h", 1<<62, 1<<63-1)
	f("m", -1<<62, -1<<63)
	if _, err := lineproto.ParsePrecision("weeks"); err == nil {
		t.Error(`precision "weeks" is taken, want an error`)
	}
}

// A text quotes the line, so its length is the sender's choice.
func TestErrorTextIsBounded(t *testing.T) {
	for _, body := range []string{
		"m " + strings.Repeat("x", 1<<16) + " 17",
		"m,host=" + strings.Repeat("ü", 1<<16) + "\xff value=1",
		"m value=1 " + strings.Repeat("ü", 1<<16),
		"m " + strings.Repeat("ü", 1<<16) + "=1",
	} {
		for _, err := range lineproto.Parse([]byte(body), lineproto.Options{}) {
			if err == nil || len(err.Text) > lineproto.MaxText {
				t.Errorf("%.20q: got error %.300v, want one of at most %d bytes", body, err, lineproto.MaxText)
			}
		}
	}
}

// Quotes that span lines and turn out to be wrong must not be read again from
// every line inside of them: that would take minutes, and hours for a large body.
func TestCutIsLinear(t *testing.T) {
	for _, line := range []string{
		"m k=1\",f=\"\n", "m f=\",g=\",h=\"\n", "m f=\"\\\n", "m value=\"x\n", "m a=\"\",b=\"\n",
	} {
		for _, last := range []string{"", "\"", "\" x"} { // the last quotes are closed, or not
			body := []byte(strings.Repeat(line, 1<<19/len(line)) + last)
			start, n := time.Now(), 0
			for range lineproto.Parse(body, lineproto.Options{}) {
				n++
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%d lines %q and %q took %v", n, line, last, took)
			}
		}
	}
}

func TestParseStops(t *testing.T) {
	for _, body := range []string{"m value=1\nm value=2", "m\nm"} {
		n := 0
		for range lineproto.Parse([]byte(body), lineproto.Options{}) {
			n++
			break
		}
		if n != 1 {
			t.Errorf("%q: got %d steps, want 1", body, n)
		}
	}
}

func TestParseAllocs(t *testing.T) {
	body := plainBody(1000)
	f := func(name string, want float64, parse func([]byte, lineproto.Options) iter.Seq2[*lineproto.Line, *lineproto.Error]) {
		t.Helper()
		got := testing.AllocsPerRun(10, func() {
			for _, err := range parse(body, lineproto.Options{}) {
				if err != nil {
					t.Fatal(err)
				}
			}
		})
		if got > want {
			t.Errorf("%s: 1000 plain lines: got %v allocations, want at most %v for all of them", name, got, want)
		}
	}
	f("at once", 20, lineproto.Parse)
	var p lineproto.Parser
	f("again", 5, func(body []byte, o lineproto.Options) iter.Seq2[*lineproto.Line, *lineproto.Error] {
		return p.Parse(body, o)
	})
}

// A Parser keeps nothing of a body, and gives of the next one what a new one does.
func TestParserAgain(t *testing.T) {
	var p lineproto.Parser
	bodies := []string{
		"m,a=b,host=h,cluster=c value=1,x=2 17\n", "m\n", "n,b=\\ c value=\"s\",y=3i\n", strings.Repeat("f=1,", 1000) + "\n", "m value=1",
		"o,hostname=x,type=t,type-id=1 " + strings.Repeat("f=1,", 1000) + "g=2 5\n",
	}
	for i := range 100 {
		body, o := []byte(bodies[i*7%len(bodies)]), lineproto.Options{All: true}
		want := parse(string(body), o)
		if i%5 == 4 { // it is left early
			want = want[:1]
		}
		if got := texts(p.Parse(body, o), len(want)); !slices.Equal(got, want) {
			t.Fatalf("body %d: got %s, want %s", i, got, want)
		}
		clear(body)
	}
}

// The memory of a body may be used for the next one: what a Parser remembers of a body, it forgets.
func TestParserOfUsedMemory(t *testing.T) {
	var p lineproto.Parser
	body := []byte("m value=1 00")
	o := lineproto.Options{Known: func([]byte) int { return len("m") }}
	for i := range 100 {
		copy(body, fmt.Sprintf("m value=1 %02d", i))
		if got, want := texts(p.Parse(body, o), -1), parse(string(body), o); !slices.Equal(got, want) {
			t.Fatalf("%q: got %s, want %s", body, got, want)
		}
	}
}

func plainBody(lines int) []byte {
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "flops_any,cluster=alex,hostname=a%04d,type=hwthread,type-id=%d value=%d.25 1700000040\n", i/64, i%64, i)
	}
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	body := plainBody(1000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range lineproto.Parse(body, lineproto.Options{}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
