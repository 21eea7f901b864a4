package xrootd

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// isText reports whether b begins as a text datagram does; no binary one begins
// so.
func isText(b []byte) bool {
	return len(b) > 0 && (b[0] == '<' || b[0] == '{') || bytes.HasPrefix(b, []byte("code="))
}

// text decodes a datagram that is no binary one. The texts are those of
// XrdXrootdGSReal.cc (hdrJSN, hdrCGI, GetDictID, Ident) and XrdStats.cc, which
// are printed with fixed formats: what they begin with can be relied on.
func (d *Datagram) text(b []byte) *Error {
	body := bytes.TrimRight(b, "\x00")
	switch {
	case body[0] == '<':
		return d.summaryXML(body)
	case bytes.HasPrefix(body, []byte(`{"statistics":`)):
		return d.summaryJSON(body)
	case bytes.HasPrefix(body, []byte(`{"code":"`)):
		return d.textJSON(body)
	case body[0] == '{':
		d.Kind = KindGStream
		d.GStream.Framing = FrameNone
		d.GStream.split(body)
		return nil
	}
	return d.textCGI(body)
}

// codeAt is where the code of a JSON datagram stands: after {"code":".
const codeAt = 9

// A textHeader is what the header of a JSON or CGI datagram tells.
type textHeader struct {
	Code string    `json:"code"`
	Seq  uint16    `json:"pseq"`
	Stod uint32    `json:"stod"`
	SID  uint64    `json:"sid"`
	Src  textFrom  `json:"src"`
	GS   textRange `json:"gs"`
	DID  uint32    `json:"did"`
}

// A textFrom is who sent a text datagram; a g-stream can be configured to tell
// none, a part, or all of it.
type textFrom struct {
	Site    string `json:"site"`
	Host    string `json:"host"`
	Port    uint16 `json:"port"`
	Inst    string `json:"inst"`
	Program string `json:"pgm"`
	Version string `json:"ver"`
}

// A textRange is of which plug-in and of which time the records are.
type textRange struct {
	Type  string `json:"type"`
	Begin uint32 `json:"tbeg"`
	End   uint32 `json:"tend"`
}

// textJSON decodes a datagram with a JSON header. A g-stream has its records in
// the lines after it; a dictionary record has its text, not escaped, as the last
// member.
func (d *Datagram) textJSON(b []byte) *Error {
	head, rest, _ := bytes.Cut(b, []byte{'\n'})
	isMap := false
	if len(b) > codeAt && (b[codeAt] == 'd' || b[codeAt] == 'i') {
		head, rest, isMap = cutData(b)
	}
	var h textHeader
	if err := json.Unmarshal(head, &h); err != nil {
		return errorAt(jsonOffset(err), ReasonJSON, "header: %v", err)
	}
	d.Header.Seq, d.Header.Stod = h.Seq, int64(h.Stod)
	switch {
	case isMap && (h.Code == "d" || h.Code == "i"):
		d.textMap(&h, rest)
	case h.Code == "=":
		d.textMap(&h, h.Src.pairs())
	case h.Code == "g":
		d.textGStream(&h, rest, FrameJSON)
	default:
		return errorAt(codeAt, ReasonCode, "JSON of code %q", h.Code)
	}
	return nil
}

// cutData cuts `,"data":"text"}` off the end of b. The head that it returns is
// JSON by itself.
func cutData(b []byte) (head, text []byte, ok bool) {
	head, text, ok = bytes.Cut(b, []byte(`,"data":"`))
	if ok {
		head = append(bytes.Clone(head), '}')
		text = bytes.TrimSuffix(text, []byte(`"}`))
	}
	return head, text, ok
}

// jsonOffset returns where a JSON error is.
func jsonOffset(err error) int {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return int(syntax.Offset)
	case errors.As(err, &kind):
		return int(kind.Offset)
	}
	return 0
}

// pairs returns f as a binary ident has it.
func (f *textFrom) pairs() []byte {
	var b []byte
	b = append(append(b, "&site="...), f.Site...)
	b = append(append(b, "&host="...), f.Host...)
	b = strconv.AppendUint(append(b, "&port="...), uint64(f.Port), 10)
	b = append(append(b, "&inst="...), f.Inst...)
	b = append(append(b, "&pgm="...), f.Program...)
	b = append(append(b, "&ver="...), f.Version...)
	return b
}

func (d *Datagram) textMap(h *textHeader, rest []byte) {
	d.Kind = KindMap
	d.Header.Code = h.Code[0]
	d.Map = Map{DictID: h.DID, SID: h.SID & sidMask, Host: h.Src.Host, UserOK: true, Rest: rest}
}

func (d *Datagram) textGStream(h *textHeader, records []byte, f Framing) {
	d.Kind = KindGStream
	d.Header.Code = h.Code[0]
	g := &d.GStream
	g.Framing, g.SID = f, h.SID&sidMask
	if len(h.GS.Type) == 1 {
		g.Provider = h.GS.Type[0]
	}
	g.Begin, g.End = int64(h.GS.Begin), int64(h.GS.End)
	g.Site, g.Host, g.Port, g.Instance = []byte(h.Src.Site), []byte(h.Src.Host), int(h.Src.Port), []byte(h.Src.Inst)
	g.split(records)
}
