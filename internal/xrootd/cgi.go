package xrootd

import (
	"bytes"
	"strconv"
)

// textCGI decodes a datagram with a header of key=value pairs.
//
// Servers print it with faults, which are allowed for: a newline between sid and
// gs.type where no source is told, and the sid behind the digits of gs.tend.
func (d *Datagram) textCGI(b []byte) *Error {
	head, rest := cutHead(b)
	var h textHeader
	for at := 0; at < len(head); {
		pair, _, _ := bytes.Cut(head[at:], []byte{'&'})
		key, value, _ := bytes.Cut(pair, []byte{'='})
		if string(key) == "data" && h.Code != "g" {
			rest = b[at+len("data="):]
			break
		}
		if !h.set(string(key), bytes.TrimSpace(value)) {
			return errorAt(at, ReasonField, "%s is %q", key, value)
		}
		at += len(pair) + 1
	}
	d.Header.Seq, d.Header.Stod = h.Seq, int64(h.Stod)
	switch h.Code {
	case "=":
		d.textMap(&h, afterSID(head))
	case "d", "i":
		d.textMap(&h, rest)
	case "g":
		d.textGStream(&h, rest, FrameCGI)
	default:
		return errorAt(len("code="), ReasonCode, "CGI of code %q", h.Code)
	}
	return nil
}

// cutHead cuts b behind its header, at the first newline that no '&' follows.
func cutHead(b []byte) (head, rest []byte) {
	for i, c := range b {
		if c == '\n' && (i+1 == len(b) || b[i+1] != '&') {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

// afterSID returns what a binary ident has as its text: the pairs after the sid.
func afterSID(head []byte) []byte {
	_, rest, _ := bytes.Cut(head, []byte("&sid="))
	if i := bytes.IndexByte(rest, '&'); i >= 0 {
		return rest[i:]
	}
	return nil
}

// set takes one pair, and reports whether the value is what its key promises.
// Keys that are not known are let pass.
func (h *textHeader) set(key string, value []byte) bool {
	ok := true
	var n uint64
	switch key {
	case "code":
		h.Code = string(value)
	case "pseq":
		n, ok = number(bytes.TrimLeft(value, "+"), 16)
		h.Seq = uint16(n)
	case "stod":
		n, ok = number(value, 32)
		h.Stod = uint32(n)
	case "sid":
		h.SID, ok = number(value, 64)
	case "did":
		n, ok = number(value, 32)
		h.DID = uint32(n)
	case "gs.type":
		h.GS.Type = string(value)
	case "gs.tbeg":
		n, ok = digits10(value)
		h.GS.Begin = uint32(n)
	case "gs.tend":
		n, ok = digits10(value)
		h.GS.End = uint32(n)
	case "site":
		h.Src.Site = string(value)
	case "host":
		h.Src.Host = string(value)
	case "port":
		n, ok = number(value, 16)
		h.Src.Port = uint16(n)
	case "inst":
		h.Src.Inst = string(value)
	case "pgm":
		h.Src.Program = string(value)
	case "ver":
		h.Src.Version = string(value)
	}
	return ok
}

// digits10 reads a field that is ten characters wide, padded with '+'.
func digits10(b []byte) (n uint64, ok bool) {
	return number(bytes.TrimLeft(b[:min(10, len(b))], "+"), 32)
}

// number reads an unsigned decimal number of at most that many bits.
func number(b []byte, bits int) (n uint64, ok bool) {
	n, err := strconv.ParseUint(string(b), 10, bits)
	return n, err == nil
}
