package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/snappy"

	"tallystick/api"
	"tallystick/internal/checkpoint"
)

// container returns a container file of one block whose checksum is good,
// whatever is in it.
func container(schema string, records int64, plain []byte) []byte {
	long := binary.AppendVarint
	text := func(b []byte, s string) []byte { return append(long(b, int64(len(s))), s...) }
	marker := bytes.Repeat([]byte{0xa5}, 16)

	b := long([]byte("Obj\x01"), 2)
	b = text(text(b, "avro.codec"), "snappy")
	b = text(text(b, "avro.schema"), schema)
	b = append(long(b, 0), marker...)

	body := binary.BigEndian.AppendUint32(snappy.Encode(nil, plain), crc32.ChecksumIEEE(plain))
	b = long(long(b, records), int64(len(body)))
	return append(append(b, body...), marker...)
}

// FuzzRecords reads records, and schemas, that no checksum keeps away.
func FuzzRecords(f *testing.F) {
	name := func(b []byte) []byte { return append([]byte{byte(len(b) * 2)}, b...) }
	f.Add(api.State(), int64(1), name([]byte("entry")))
	f.Add(api.Claim(), int64(2), bytes.Repeat([]byte{0}, 100))
	f.Add(api.Transfer(), int64(1<<40), name([]byte("1.2.3")))
	f.Add(api.SampleBlock(), int64(1), append(bytes.Repeat([]byte{2, 'a'}, 7), 2, 2, 6, 'r', 'a', 'w', 0, 0))
	f.Add(`{"type":"record","name":"State","namespace":"tallystick","fields":[]}`, int64(1<<40), []byte{1})
	f.Add(`{"type":"record","name":"State","namespace":"tallystick","fields":[{"name":"entry","type":["null","tallystick.State"]}]}`,
		int64(1), bytes.Repeat([]byte{2}, 1000))
	f.Add(`{"type":"record","name":"State","namespace":"tallystick","fields":[{"name":"entry","type":{"type":"array","items":"null"}}]}`,
		int64(1), binary.AppendVarint(nil, 1<<40))
	dir := f.TempDir()
	path := filepath.Join(dir, "00000001-1700000000")
	if err := os.Mkdir(path, 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, schema string, records int64, plain []byte) {
		b := container(schema, records, plain)
		for _, file := range []string{"samples.avro", "transfers.avro", "claims.avro", "collector.avro"} {
			if err := os.WriteFile(filepath.Join(path, file), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		d := checkpoint.New(checkpoint.Config{Dir: dir}, readOnly{}, newWorld(t).parts(), quiet())
		if _, err := d.Restore(t.Context()); err != nil {
			t.Fatalf("a file stops the start: %v", err)
		}
	})
}
