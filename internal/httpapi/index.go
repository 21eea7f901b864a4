package httpapi

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"net/http"
	"text/tabwriter"
)

//go:embed index.html
var indexPage string

// A direction is where somebody may want to go, and what is there.
type direction struct{ Path, What string }

// An index says where to ask. There is nothing in it that depends on what is here, or on who looks.
type index struct {
	What, How string
	Places    []direction
}

func (a *API) directions() index {
	i := index{
		What: "What XRootD servers and their clients say of each transfer, laid together.",
		How:  "A request shows a token (Authorization: Bearer …), which `tallystick token` makes.",
		Places: []direction{
			{"/api/v1/validation", "the report: a verdict on each access that clients claim (role validator)"},
			{"/api/v1/servers", "what is known of servers (role viewer)"},
			{"/api/v1/openapi.yaml", "the contract of this API: what else there is, and how to ask for it (role viewer)"},
			{"/readyz", "whether the server takes and answers everything"},
		},
	}
	if a.parts.Account != "" {
		i.Places = append(i.Places, direction{a.parts.Account, "who you are here, once you have logged in"})
		i.How += " People log in instead, and are asked to."
	}
	return i
}

// index tells who comes without knowing where to go.
func (a *API) index(w http.ResponseWriter, r *http.Request) error {
	if isPage(r) {
		page, err := template.New("index").Parse(indexPage)
		if err != nil {
			return fmt.Errorf("index: %w", err)
		}
		w.Header().Set(headerCSP, pageCSP)
		w.Header().Set("Content-Type", typeHTML+"; charset=utf-8")
		return page.Execute(w, a.directions())
	}
	w.Header().Set("Content-Type", typeText+"; charset=utf-8")
	i := a.directions()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "Tallystick. %s\n\n", i.What)
	for _, p := range i.Places {
		fmt.Fprintf(t, "  %s\t%s\n", p.Path, p.What)
	}
	fmt.Fprintf(t, "\n%s\n", i.How)
	return t.Flush()
}
