package capture

import (
	"encoding/json"
	"fmt"
)

// A Packet is one datagram as it arrived.
type Packet struct {
	Time   float64 `json:"t"`            // Unix seconds of arrival
	Remote string  `json:"remote"`       // IP:port that sent it
	To     string  `json:"to,omitempty"` // which of several listeners got it; empty for the first
	Data   []byte  `json:"data"`
}

// A message is what the shoveler publishes for one datagram.
type message struct {
	Remote  string `json:"remote"`
	Version string `json:"version"`
	Data    []byte `json:"data"`
}

// Messages returns each packet as the message that the OSG shoveler publishes
// for it: {"remote","version","data"} with the datagram in base64.
func Messages(packets []Packet) ([][]byte, error) {
	messages := make([][]byte, 0, len(packets))
	for i := range packets {
		p := &packets[i]
		m, err := json.Marshal(message{Remote: p.Remote, Version: "capture", Data: p.Data})
		if err != nil {
			return nil, fmt.Errorf("encode packet %d: %w", i, err)
		}
		messages = append(messages, m)
	}
	return messages, nil
}
