package shovel

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
)

// appendMessage appends the message of a datagram: the field's JSON to the byte
// (encoding/json of its three strings), in an extended one with when it arrived (Unix
// nanoseconds), the life of the queue that it was in, and its number there.
func appendMessage(b []byte, d *Datagram, envelope Envelope) []byte {
	b = append(b, `{"remote":`...)
	b = appendString(b, d.Remote)
	b = append(b, `,"version":"","data":"`...)
	b = base64.StdEncoding.AppendEncode(b, d.Data)
	b = append(b, '"')
	if envelope == Extended {
		b = append(b, `,"arrival_ns":`...)
		b = strconv.AppendInt(b, d.Arrival, 10)
		b = append(b, `,"shoveler":`...)
		b = appendString(b, d.Life)
		b = append(b, `,"seq":`...)
		b = strconv.AppendUint(b, d.Number, 10)
	}
	return append(b, '}')
}

// messageSize returns what a message takes in bytes, at most where nothing in it is escaped.
func messageSize(d *Datagram) int {
	const names, numbers = `{"remote":"","version":"","data":"","arrival_ns":,"shoveler":"","seq":}`, 2 * 20
	return len(names) + numbers + len(d.Remote) + len(d.Life) + base64.StdEncoding.EncodedLen(len(d.Data))
}

// appendString appends a string as JSON. Those of addresses and names have nothing to escape.
func appendString(b []byte, s string) []byte {
	if !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || strings.ContainsRune("\"\\<>&", c) }) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a form
	}
	return append(b, text...)
}
