package bus

import "context"

// A Message is one that came in.
type Message struct {
	Data []byte // the Handler's until it returns, to read: it may be handed over again
	ID   ID     // zero if nothing tells it apart from others
	// Again tells that it was given out before: whoever got it then may have taken
	// it, and not have been able to say so. A broker that died may not know.
	Again bool
}

// An Answer is what is to become of a message.
type Answer int

// The answers.
const (
	Taken   Answer = iota // it is done with
	Poison                // it never can be taken: it must not come again
	Later                 // it could not be taken now: it is given out again, if the broker can
	answers               // how many there are
)

// String returns the answer as the label of its counter.
func (a Answer) String() string { return [answers]string{"taken", "poison", "later"}[a] }

// A Handler takes messages, one after the other. ctx does not end when the
// Subscriber is told to stop.
type Handler func(ctx context.Context, m Message) Answer

// A Problem is what is wrong with the value of a key of a configuration; it is about
// all of them if the key is empty.
type Problem struct {
	Key string
	Err error
}
