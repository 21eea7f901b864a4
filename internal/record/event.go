package record

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/google/uuid"

	"tallystick/internal/transfer"
)

// EncodeEvent returns what a cache or a third-party copy told as JSON on one line, without
// its end: with the keys that both collectors give it, in Go's form with the server's too,
// in WLCG's with metadata besides.
func EncodeEvent(f Form, e *transfer.Event, by Producer) ([]byte, error) {
	names := eventNames()[e.Provider]
	if names == nil {
		return nil, fmt.Errorf("record of an event of %q: there is none", e.Provider)
	}
	told := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(e.Record), &told); err != nil {
		return nil, fmt.Errorf("record of event %s, which is too long or no JSON: %w", e.ID, err)
	}
	out := renamed(told, names)
	var err error
	switch e.Provider {
	case transfer.PFC:
		err = addRemote(out)
	case transfer.TPC:
		err = renameExecution(out)
	}
	if err != nil {
		return nil, fmt.Errorf("record of event %s: %w", e.ID, err)
	}
	out["tallystick_id"] = e.ID
	if f != Python {
		maps.Copy(out, serverOf(e))
	}
	if f == WLCG {
		id := uuid.NewSHA1(uuid.NameSpaceOID, []byte("tallystick "+e.ID)).String()
		out["metadata"] = wlcgMetadata{by.Producer, by.Type, e.At[1] * 1000, "raw", by.Host, id}
	}
	return encode(out)
}

// eventNames are what both collectors call the keys of records, by provider.
func eventNames() map[string]map[string]string {
	return map[string]map[string]string{
		transfer.PFC: {
			"lfn": "file_path", "blk_size": "block_size", "n_blks": "numbers_blocks", "n_blks_done": "numbers_blocks_done",
			"access_cnt": "access_count", "attach_t": "attach_time", "detach_t": "detach_time",
			"b_hit": "bytes_hit_cache", "b_miss": "bytes_miss_cache", "b_bypass": "bytes_bypass_cache",
			"b_todisk": "bytes_to_disk", "b_prefetch": "bytes_by_prefetch", "n_cks_errs": "numbers_checksum_errors",
		},
		transfer.TPC: {"TPC": "tpc_protocol", "Client": "client", "Src": "source", "Dst": "destination", "Size": "size"},
	}
}

// renamed returns a record with other names for those of its keys that have one.
func renamed(told map[string]json.RawMessage, names map[string]string) map[string]any {
	out := make(map[string]any, len(told)+8)
	for key, v := range told {
		if name, ok := names[key]; ok {
			key = name
		}
		out[key] = v
	}
	return out
}

// addRemote adds what the collectors compute: the bytes that the cache fetched, and those
// of them that somebody had asked for.
func addRemote(out map[string]any) error {
	var disk, bypass, prefetch int64
	for key, n := range map[string]*int64{"bytes_to_disk": &disk, "bytes_bypass_cache": &bypass, "bytes_by_prefetch": &prefetch} {
		if v, ok := out[key].(json.RawMessage); ok {
			if err := json.Unmarshal(v, n); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	out["bytes_read_by_remote"] = disk + bypass
	out["bytes_explicit_remote_read"] = disk + bypass - prefetch
	return nil
}

// renameExecution renames what is told of how a copy went.
func renameExecution(out map[string]any) error {
	v, ok := out["Xeq"].(json.RawMessage)
	if !ok {
		return nil
	}
	var xeq map[string]json.RawMessage
	if err := json.Unmarshal(v, &xeq); err != nil {
		return fmt.Errorf("key Xeq: %w", err)
	}
	delete(out, "Xeq")
	out["xeq"] = renamed(xeq, map[string]string{
		"Beg": "begin_transfer", "End": "end_transfer", "RC": "return_code", "Strm": "used_streams", "Type": "flow_direction", "IPv": "ip_version",
	})
	return nil
}

// serverOf returns the keys that tell the server.
func serverOf(e *transfer.Event) map[string]any {
	t := &transfer.Transfer{ID: fmt.Sprintf("%d.%d.0", e.SID, e.Stod), Server: e.Server, Address: e.Address}
	ip, _ := address(t)
	return map[string]any{"sid": serverID(t, ":"), "server_ip": ip, "server_hostname": hostname(t), "from": e.Address}
}
