package bus

import (
	"strconv"
	"strings"
)

// An ID is what a message is called: a number that no other message of its source
// has.
type ID struct {
	Source string
	Number uint64
}

// String returns the ID as it stands where a broker has room for a text:
// source/number.
func (id ID) String() string { return id.Source + "/" + strconv.FormatUint(id.Number, 10) }

// MaxSource is how long a source may be, in bytes: it is kept for as long as its
// numbers are.
const MaxSource = 128

// ParseID reads an ID. Any other text is none: senders call their messages as they
// like, and a name without a number cannot be kept for long enough.
func ParseID(text string) (id ID, ok bool) {
	cut := strings.LastIndexByte(text, '/')
	if cut <= 0 || cut > MaxSource {
		return ID{}, false
	}
	n, err := strconv.ParseUint(text[cut+1:], 10, 64)
	if err != nil || text[cut+1] == '+' {
		return ID{}, false
	}
	return ID{text[:cut], n}, true
}
