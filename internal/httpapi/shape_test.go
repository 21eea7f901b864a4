package httpapi_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallystick/internal/advice"
	"tallystick/internal/httpapi"
	"tallystick/internal/ingest"
	"tallystick/internal/query"
	"tallystick/internal/reconcile"
	"tallystick/internal/selector"
	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// Ensure the schemas have the fields of the types, and demand those of an answer
// that are always there.
func TestSchemasAreTheTypes(t *testing.T) {
	schemas := document(t).Components.Schemas
	f := func(name string, v any, required bool) {
		t.Helper()
		s := schemas[name]
		if s == nil {
			t.Errorf("there is no schema %s", name)
			return
		}
		all, always := fields(reflect.TypeOf(v))
		if diff := cmp.Diff(all, slices.Sorted(maps.Keys(s.Value.Properties))); diff != "" {
			t.Errorf("%s has other properties than its type (-):\n%s", name, diff)
		}
		if got := slices.Sorted(slices.Values(s.Value.Required)); required && !slices.Equal(got, always) {
			t.Errorf("%s requires %q, want %q", name, got, always)
		}
		if closed := s.Value.AdditionalProperties.Has; closed == nil || *closed {
			t.Errorf("%s allows additional properties", name)
		}
	}
	f("Transfer", transfer.Transfer{}, true)
	f("Claim", transfer.Claim{}, false)
	f("SizeRange", transfer.Range{}, true)
	f("OpsDetail", transfer.OpsDetail{}, true)
	f("Squares", transfer.Squares{}, true)
	f("Trace", transfer.Trace{}, true)
	f("TraceTotals", transfer.Totals{}, true)
	f("Auth", transfer.Auth{}, false)
	f("Token", transfer.Token{}, false)
	f("Life", transfer.Life{}, true)
	f("Loss", transfer.Loss{}, true)
	f("Event", transfer.Event{}, true)
	f("Advice", advice.Item{}, true)
	f("Balance", reconcile.Result{}, true)
	f("BalanceSide", reconcile.Side{}, true)
	f("Bytes", transfer.Bytes{}, false)
	f("Ops", transfer.Ops{}, false)
	f("Verdict", transfer.Verdict{}, true)
	f("Report", validate.Report{}, true)
	f("Selection", validate.Selection{}, true)
	f("Totals", validate.Totals{}, true)
	f("Group", validate.Group{}, true)
	f("Tolerance", validate.Tolerance{}, true)
	f("Bin", validate.Bin{}, true)
	f("LossTotal", validate.LossTotal{}, true)
	f("Result", ingest.Result{}, true)
	f("Reject", ingest.Reject{}, true)
	f("QueryRequest", query.Request{}, false)
	f("Selector", query.Selector{}, true)
	f("Range", query.Range{}, true)
	f("Series", query.Series{}, true)
	f("Metric", query.Metric{}, true)
	f("MetricList", httpapi.MetricList{}, true)
	f("TreePage", httpapi.TreePage{}, true)
	f("TreeLevel", httpapi.TreeLevel{}, true)
	f("Stats", query.Stats{}, true)
	f("Level", selector.Path{}, true)
	f("Part", selector.Part{}, true)

	var kinds, causes []string
	for _, k := range validate.Kinds() {
		kinds = append(kinds, string(k))
	}
	for _, c := range validate.Causes() {
		causes = append(causes, string(c))
	}
	for name, want := range map[string][]string{"Counts": kinds, "CauseCounts": causes} {
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(schemas[name].Value.Properties)); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	var words []string
	for _, w := range schemas["Cause"].Value.Enum {
		words = append(words, fmt.Sprint(w))
	}
	if slices.Sort(words); !slices.Equal(words, causes) {
		t.Errorf("Cause is one of %q, want %q", words, causes)
	}
}

// fields returns the names of a struct's fields in JSON, and of those that are
// never left out.
func fields(t reflect.Type) (all, always []string) {
	for field := range t.Fields() {
		if field.Anonymous {
			a, b := fields(field.Type)
			all, always = append(all, a...), append(always, b...)
			continue
		}
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		all = append(all, name)
		if option == "" {
			always = append(always, name)
		}
	}
	slices.Sort(all)
	slices.Sort(always)
	return all, always
}
