package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"tallystick/internal/collect"
)

// A PacketDecoder decodes messages of the XRootD monitoring shoveler. They have
// other keys too, which may be anything.
//
// All messages of real senders are a flat object of plain strings, and are
// decoded here; every other one is for encoding/json. FuzzPackets of httpapi holds
// the two together, TestPacketsAllocate there says what it is for.
type PacketDecoder struct {
	remote string // of the message before: mostly the same again
}

// Decode decodes one message. The packet has none of its bytes.
func (d *PacketDecoder) Decode(raw []byte) (collect.Packet, *MessageError) {
	remote, data, ok := plainPacket(raw)
	if !ok {
		return decodePacket(raw)
	}
	if string(remote) != d.remote {
		d.remote = string(remote)
	}
	p := collect.Packet{Remote: d.remote, Data: make([]byte, base64.StdEncoding.DecodedLen(len(data)))}
	n, err := base64.StdEncoding.Decode(p.Data, data)
	if err != nil {
		return collect.Packet{}, Unfit(err)
	}
	p.Data = p.Data[:n]
	return p, checkPacket(p)
}

func decodePacket(raw []byte) (collect.Packet, *MessageError) {
	var m struct {
		Remote string `json:"remote"`
		Data   []byte `json:"data"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return collect.Packet{}, Unfit(err)
	}
	p := collect.Packet{Remote: m.Remote, Data: m.Data}
	return p, checkPacket(p)
}

func checkPacket(p collect.Packet) *MessageError {
	if len(p.Data) == 0 {
		return &MessageError{ReasonData, "it has no data"}
	}
	return nil
}

// plainPacket returns the strings remote and data of a flat object of plain
// strings; ok is false if raw is anything else. They are parts of raw.
func plainPacket(raw []byte) (remote, data []byte, ok bool) {
	rest, ok := token(raw, '{')
	for more := true; ok && more; {
		var key, value []byte
		if key, rest, ok = plainString(rest); !ok {
			break
		}
		if rest, ok = token(rest, ':'); !ok {
			break
		}
		if value, rest, ok = plainString(rest); !ok {
			break
		}
		switch {
		case remote == nil && string(key) == "remote":
			remote = value
		case data == nil && string(key) == "data":
			data = value
		case bytes.EqualFold(key, []byte("remote")), bytes.EqualFold(key, []byte("data")):
			return nil, nil, false // twice, or in capitals: encoding/json takes that too
		}
		if after, comma := token(rest, ','); comma {
			rest = after
		} else {
			rest, ok = token(rest, '}')
			more = false
		}
	}
	return remote, data, ok && len(rest) == 0
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
