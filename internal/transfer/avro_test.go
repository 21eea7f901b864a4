package transfer_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/linkedin/goavro/v2"

	"tallystick/api"
	"tallystick/internal/transfer"
)

// fill gives every field that v can reach a value of its own, so that a field
// that the Avro form forgets is missed.
func fill(t *testing.T, v reflect.Value, n *int64) {
	t.Helper()
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("s", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(*n)
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(t, field, n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	default:
		t.Fatalf("a field is a %s: teach avro.go and this test", v.Type())
	}
}

func full[T any](t *testing.T) *T {
	t.Helper()
	var v T
	var n int64
	fill(t, reflect.ValueOf(&v).Elem(), &n)
	return &v
}

// through writes m as Avro and reads it back.
func through(t *testing.T, schema string, m map[string]any) map[string]any {
	t.Helper()
	codec, err := goavro.NewCodec(schema)
	if err != nil {
		t.Fatal(err)
	}
	m["raw"] = nil
	b, err := codec.BinaryFromNative(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	v, rest, err := codec.NativeFromBinary(b)
	if err != nil || len(rest) != 0 {
		t.Fatalf("got error %v and %d bytes left, want none", err, len(rest))
	}
	return v.(map[string]any)
}

func TestTransferThroughAvro(t *testing.T) {
	f := func(name string, want *transfer.Transfer) {
		t.Helper()
		got, err := transfer.FromNative(through(t, api.SavedTransfer(), want.Native()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	f("all fields", full[transfer.Transfer](t))
	f("no optional field", &transfer.Transfer{ID: "1.2.3", End: transfer.Open, Quality: transfer.Unknown})
	f("size unknown", &transfer.Transfer{ID: "1.2.3", Size: -1, End: transfer.Lost, Quality: transfer.LowerBound})
	f("operations, all zero", &transfer.Transfer{
		ID: "1", Ops: &transfer.Ops{}, End: transfer.Closed, Quality: transfer.Exact,
	})
	f("largest numbers", &transfer.Transfer{
		ID: "1", Bytes: transfer.Bytes{Read: math.MaxInt64, ReadV: math.MinInt64}, PID: math.MaxInt,
		End: transfer.Closed, Quality: transfer.Exact,
	})
}

func TestClaimThroughAvro(t *testing.T) {
	f := func(name string, want *transfer.Claim) {
		t.Helper()
		got, err := transfer.ClaimFromNative(through(t, api.Claim(), want.Native()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if math.Float64bits(got.Opened) != math.Float64bits(want.Opened) {
			t.Errorf("%s: got opened %x, want %x", name, math.Float64bits(got.Opened), math.Float64bits(want.Opened))
		}
	}
	f("all fields", full[transfer.Claim](t))
	f("no optional field", &transfer.Claim{Run: "r", ID: "1", Opened: 1, Outcome: transfer.Killed})
	f("received nothing", &transfer.Claim{
		Run: "r", ID: "1", Opened: 0.1 + 0.2, Received: &transfer.Bytes{}, Outcome: transfer.Failed,
	})
}

// The HTTP API and the Avro schemas name the same things alike.
func TestSchemaNamesAreJSONNames(t *testing.T) {
	f := func(typ reflect.Type, m map[string]any) {
		t.Helper()
		for field := range typ.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			found := name == "-" // not for those who ask
			for k := range m {
				found = found || k == name || strings.HasPrefix(k, name+"_")
			}
			if !found {
				t.Errorf("%s: no Avro field %s or %[2]s_…", typ, name)
			}
		}
	}
	f(reflect.TypeFor[transfer.Transfer](), full[transfer.Transfer](t).Native())
	f(reflect.TypeFor[transfer.Claim](), full[transfer.Claim](t).Native())
}

func TestFromNativeRefuses(t *testing.T) {
	f := func(change func(m map[string]any), want string) {
		t.Helper()
		m := full[transfer.Transfer](t).Native()
		change(m)
		_, err := transfer.FromNative(m)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f(func(m map[string]any) { delete(m, "id") }, "no id")
	f(func(m map[string]any) { m["id"] = "" }, "no id")
	f(func(m map[string]any) { m["path"] = int64(1) }, "path is a int64, want a string")
	f(func(m map[string]any) { m["ops_read"] = nil }, "1 of the 4 fields ops_read to ops_write are null")
	f(func(m map[string]any) { m["opened_to"] = nil }, "1 of the 2 fields")
}

func TestClaimFromNativeRefuses(t *testing.T) {
	f := func(change func(m map[string]any), want string) {
		t.Helper()
		m := full[transfer.Claim](t).Native()
		change(m)
		_, err := transfer.ClaimFromNative(m)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f(func(m map[string]any) { m["run"] = "" }, "no run")
	f(func(m map[string]any) { m["opened"] = "1" }, "opened is a string, want a float64")
	f(func(m map[string]any) { m["received_write"] = nil }, "1 of the 3 fields")
}

// What an older version did not write yet reads as absent.
func TestFromNativeOfOlderVersion(t *testing.T) {
	got, err := transfer.FromNative(map[string]any{"id": "1", "end": "open", "quality": "exact"})
	want := &transfer.Transfer{ID: "1", Size: -1, End: transfer.Open, Quality: transfer.Exact}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("got error %v (-want +got):\n%s", err, d)
	}
}
