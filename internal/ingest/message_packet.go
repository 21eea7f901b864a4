package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"tallystick/internal/collect"
)

// A PacketDecoder decodes messages of the XRootD monitoring shoveler, and ours, which say
// when the packet arrived (docs/messages.md). They have other keys too, which may be
// anything.
//
// All messages of real senders are a flat object of plain strings and numbers, and are
// decoded here; every other one is for encoding/json. FuzzPackets of httpapi holds
// the two together, TestPacketsAllocate there says what it is for.
type PacketDecoder struct {
	remote string // of the message before: mostly the same again
}

// Decode decodes one message. The packet has none of its bytes.
func (d *PacketDecoder) Decode(raw []byte) (collect.Packet, *MessageError) {
	m, ok := plainPacket(raw)
	if !ok {
		return decodePacket(raw)
	}
	if string(m.remote) != d.remote {
		d.remote = string(m.remote)
	}
	p := collect.Packet{Remote: d.remote, Arrival: m.arrival, Data: make([]byte, base64.StdEncoding.DecodedLen(len(m.data)))}
	n, err := base64.StdEncoding.Decode(p.Data, m.data)
	if err != nil {
		return collect.Packet{}, Unfit(err)
	}
	p.Data = p.Data[:n]
	return p, checkPacket(p)
}

func decodePacket(raw []byte) (collect.Packet, *MessageError) {
	var m struct {
		Remote  string `json:"remote"`
		Data    []byte `json:"data"`
		Arrival int64  `json:"arrival_ns"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return collect.Packet{}, Unfit(err)
	}
	p := collect.Packet{Remote: m.Remote, Data: m.Data, Arrival: m.Arrival}
	return p, checkPacket(p)
}

func checkPacket(p collect.Packet) *MessageError {
	switch {
	case len(p.Data) == 0:
		return &MessageError{ReasonData, "it has no data"}
	case p.Arrival < 0:
		return &MessageError{ReasonField, "arrival_ns is negative"}
	}
	return nil
}

// A plain is what a message has that is plain. The texts are parts of the message.
type plain struct {
	remote, data []byte
	arrival      int64
	arrived      bool // there is an arrival
}

// plainPacket takes a flat object of plain strings and whole numbers apart; ok is false
// if raw is anything else.
func plainPacket(raw []byte) (m plain, ok bool) {
	rest, ok := token(raw, '{')
	for more := true; ok && more; {
		var key []byte
		if key, rest, ok = plainString(rest); !ok {
			break
		}
		if rest, ok = token(rest, ':'); !ok {
			break
		}
		if rest, ok = m.value(key, rest); !ok {
			break
		}
		if after, comma := token(rest, ','); comma {
			rest = after
		} else {
			rest, ok = token(rest, '}')
			more = false
		}
	}
	return m, ok && len(rest) == 0
}

// value takes the value of a key, and returns what is behind it. What is there twice, in
// capitals, which encoding/json takes too, or of another kind is not for here.
func (m *plain) value(key, b []byte) (rest []byte, ok bool) {
	text, rest, isText := plainString(b)
	var n int64
	if !isText {
		if n, rest, ok = plainNumber(b); !ok {
			return rest, false
		}
	}
	switch {
	case isText && m.remote == nil && string(key) == "remote":
		m.remote = text
	case isText && m.data == nil && string(key) == "data":
		m.data = text
	case !isText && !m.arrived && string(key) == "arrival_ns":
		m.arrival, m.arrived = n, true
	default:
		return rest, !bytes.EqualFold(key, []byte("remote")) && !bytes.EqualFold(key, []byte("data")) &&
			!bytes.EqualFold(key, []byte("arrival_ns"))
	}
	return rest, true
}

// maxDigits is how many an int64 has at most. Of so many, what is too large looks negative.
const maxDigits = 19

// plainNumber returns the whole number that b begins with, and what is behind it: a
// fraction, an exponent or another digit is no end of a value.
func plainNumber(b []byte) (n int64, rest []byte, ok bool) {
	b = bytes.TrimLeft(b, " \t\r\n")
	digits := 0
	for digits < len(b) && digits <= maxDigits && b[digits] >= '0' && b[digits] <= '9' {
		n = n*10 + int64(b[digits]-'0')
		digits++
	}
	zeros := digits > 1 && b[0] == '0' // which JSON does not have
	return n, b[digits:], digits > 0 && digits <= maxDigits && n >= 0 && !zeros
}

// token returns what is behind c, with white space before it.
func token(b []byte, c byte) (rest []byte, ok bool) {
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) == 0 || b[0] != c {
		return b, false
	}
	return b[1:], true
}

// plainString returns what is in the quotes that b begins with, and what is
// behind them. Only printable ASCII without backslashes is plain.
func plainString(b []byte) (s, rest []byte, ok bool) {
	b, ok = token(b, '"')
	if !ok {
		return nil, nil, false
	}
	for i, c := range b {
		switch {
		case c == '"':
			return b[:i], b[i+1:], true
		case c < ' ' || c > '~' || c == '\\':
			return nil, nil, false
		}
	}
	return nil, nil, false
}
