package httpapi

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// accept returns which of the media types offered the caller likes best; among
// equals the first.
func accept(r *http.Request, offers ...string) (string, error) {
	header := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(header) == "" {
		return offers[0], nil
	}
	best, most := "", 0.0
	for _, o := range offers {
		if q := quality(header, o); q > most {
			best, most = o, q
		}
	}
	if best == "" {
		return "", &Error{
			Status: http.StatusNotAcceptable, Field: "Accept",
			Message: "none of it can be given, only " + strings.Join(offers, ", "),
		}
	}
	return best, nil
}

// quality returns the weight that an Accept header gives to a media type: that
// of the most specific range that has it.
func quality(header, mediaType string) float64 {
	group, _, _ := strings.Cut(mediaType, "/")
	weight, specific := 0.0, 0
	for part := range strings.SplitSeq(header, ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue // not a range of anything
		}
		s := 0
		switch kind {
		case mediaType:
			s = 3
		case group + "/*":
			s = 2
		case "*/*":
			s = 1
		}
		if s > specific {
			weight, specific = weightOf(params), s
		}
	}
	return weight
}

func weightOf(params map[string]string) float64 {
	q, there := params["q"]
	if !there {
		return 1
	}
	w, err := strconv.ParseFloat(q, 64)
	if err != nil || !(w >= 0 && w <= 1) {
		return 0
	}
	return w
}
