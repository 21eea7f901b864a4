package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gorilla/mux"

	"tallystick/api"
)

// maxQuestion bounds the bodies that are read whole: a query of a thousand
// selectors with long names fits.
const maxQuestion = 1 << 20

// A contract is api/openapi.yaml.
type contract struct{ doc *openapi3.T }

// loadContract reads it. That it is valid is a matter of tests (document).
func loadContract() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(api.OpenAPI()))
	if err != nil {
		return nil, fmt.Errorf("load contract: %w", err)
	}
	return &contract{doc}, nil
}

// An operation is what the contract says of one route.
type operation struct {
	route   *routers.Route
	options *openapi3filter.Options
	params  map[string]bool // the query parameters that it has
	bulk    bool            // nothing but the query is checked

	good atomic.Pointer[string] // a raw query that was good, which senders send again and again
}

func (c *contract) operation(rt Route) (*operation, error) {
	item := c.doc.Paths.Value(rt.Path)
	if item == nil || item.GetOperation(rt.Method) == nil {
		return nil, fmt.Errorf("the contract has no %s %s", rt.Method, rt.Path)
	}
	op := item.GetOperation(rt.Method)
	params := map[string]bool{}
	for _, p := range op.Parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			params[p.Value.Name] = true
		}
	}
	// The token is checked elsewhere. Security must not even be looked at here: the
	// filter reads the whole body into memory for it (TestBodyIsTakenWhileItComes).
	open := *op
	open.Security = openapi3.NewSecurityRequirements()
	return &operation{
		route: &routers.Route{
			Spec: c.doc, Path: rt.Path, PathItem: item, Method: rt.Method, Operation: &open,
		},
		options: &openapi3filter.Options{
			ExcludeRequestBody:  rt.Bulk,
			SkipSettingDefaults: true,
		},
		params: params,
		bulk:   rt.Bulk,
	}, nil
}

// check returns what is wrong with r. A body that is checked is read for it, and
// put back.
func (o *operation) check(w http.ResponseWriter, r *http.Request) error {
	if good := o.good.Load(); o.bulk && good != nil && *good == r.URL.RawQuery {
		return nil
	}
	err := o.verify(w, r)
	if query := r.URL.RawQuery; o.bulk && err == nil {
		o.good.Store(&query)
	}
	return err
}

func (o *operation) verify(w http.ResponseWriter, r *http.Request) error {
	values := r.URL.Query()
	for name, vs := range values {
		switch {
		case !o.params[name]:
			return refuse(name, "there is no such parameter")
		case len(vs) > 1:
			return refuse(name, "is given more than once")
		}
	}
	if !o.options.ExcludeRequestBody {
		r.Body = http.MaxBytesReader(w, r.Body, maxQuestion)
	}
	switch r.Header.Get("Content-Type") {
	case "", "application/x-www-form-urlencoded": // what curl -d says of any body
		r.Header.Set("Content-Type", typeJSON)
	}
	err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: mux.Vars(r), QueryParams: values, Route: o.route, Options: o.options,
	})
	return violation(err)
}

// violation returns err in the words of the API.
func violation(err error) error {
	var (
		wrong  *openapi3filter.RequestError
		large  *http.MaxBytesError
		schema *openapi3.SchemaError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case !errors.As(err, &wrong):
		return err
	}
	e := refuse("", wrong.Reason)
	if errors.As(err, &schema) {
		e.Message = schema.Reason
		e.Field = place(schema.JSONPointer())
	} else if wrong.Err != nil {
		e.Message = wrong.Err.Error()
	}
	switch p := wrong.Parameter; {
	case p != nil:
		e.Field = p.Name
		if p.Name == "Content-Encoding" {
			e.Status = http.StatusUnsupportedMediaType
		}
	case strings.HasPrefix(wrong.Reason, "header Content-Type"):
		e.Status = http.StatusUnsupportedMediaType
		e.Field = "Content-Type"
		e.Message = "the body must be " + typeJSON
	}
	return e
}

// place writes a JSON pointer as people write it: levels[0].cluster.
func place(pointer []string) string {
	var b strings.Builder
	for _, step := range pointer {
		if _, err := strconv.Atoi(step); err == nil {
			b.WriteString("[" + step + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(step)
	}
	return b.String()
}
