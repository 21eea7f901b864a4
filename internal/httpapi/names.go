package httpapi

import (
	"net/http"
	"strings"
)

// A nameList is the answer of /api/v1/names.
type nameList struct {
	Names   map[string]string `json:"names"`
	Pending []string          `json:"pending"`
}

// names answers with what is known of the addresses. It waits for nothing: who wants
// those that are pending asks again.
func (a *API) names(w http.ResponseWriter, r *http.Request) error {
	out := nameList{map[string]string{}, []string{}}
	for address := range strings.SplitSeq(r.URL.Query().Get("addresses"), ",") {
		name, pending := a.parts.Name(address)
		if name != "" {
			out.Names[address] = name
		}
		if pending {
			out.Pending = append(out.Pending, address)
		}
	}
	return answer(w, http.StatusOK, &out)
}
