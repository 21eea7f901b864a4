package phase

import (
	"encoding/json"
	"fmt"
	"strings"

	"tallystick/internal/transfer"
	"tallystick/internal/validate"
)

// A File is one that an earlier validation's tools read.
type File struct {
	Name string
	Data []byte
}

// Write returns the runs of a report as the files of an earlier validation: of phase 1
// in the form of five fields, of phase 2 with its server. What belongs to no claim is
// not in them, as it was not then, nor are writes, which they have no place for; several transfers of
// one claim are added up.
func Write(r *validate.Report, phase int) ([]File, error) {
	if phase != 1 && phase != 2 {
		return nil, fmt.Errorf("phase %d is none of 1, 2", phase)
	}
	requested, recorded := make(map[string]map[string]any), make(map[string]map[string]any)
	var runs []string
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if v.Claim == nil || v.Claim.Asked.Write > 0 {
			continue
		}
		run := v.Claim.Run
		if requested[run] == nil {
			runs = append(runs, run)
			requested[run], recorded[run] = make(map[string]any), make(map[string]any)
		}
		requested[run][v.Claim.ID] = request(v.Claim, phase)
		if len(v.Transfers) > 0 {
			recorded[run][v.Claim.ID] = record(v, phase)
		}
	}
	var out []File
	for _, run := range runs {
		for i, data := range []map[string]any{requested[run], recorded[run]} {
			text, err := json.Marshal(data)
			if err != nil {
				return nil, fmt.Errorf("write run %q: %w", run, err)
			}
			out = append(out, File{fileName(run) + suffixes()[phase-1][i], text})
		}
	}
	return out, nil
}

func request(c *transfer.Claim, phase int) any {
	file := strings.TrimPrefix(transfer.CleanPath(c.Path), "/")
	if phase == 2 {
		return named{Server: c.Server, Filename: file}
	}
	if o := c.Ops; o != nil && o.ReadV == 0 && o.Read > 1 {
		return []any{file, c.Asked.Total(), o.Read, c.Asked.Total() / o.Read}
	}
	return []any{file, c.Asked.Total()}
}

func record(v *transfer.Verdict, phase int) any {
	x, b := v.Transfers[0], v.Monitored
	read := b.Read + b.ReadV
	if phase == 2 {
		return named{Server: serverOf(x, v.Claim), Filename: strings.TrimPrefix(x.Path, "/"), Bytes: &read}
	}
	return []any{x.Path, read, b.Read, b.ReadV, x.User}
}

// serverOf returns the name of the server of x, as c calls it if that is the same one: phase 2
// compared names, and had those of clients for addresses.
func serverOf(x *transfer.Transfer, c *transfer.Claim) string {
	switch transfer.CleanServer(c.Server) {
	case transfer.CleanServer(x.Server), transfer.CleanServer(x.Address):
		return c.Server
	}
	return x.Server
}

// fileName returns run as the name of a file in the folder, whatever is in it.
func fileName(run string) string {
	return strings.Map(func(c rune) rune {
		if c == '/' || c == '\\' || c < ' ' {
			return '_'
		}
		return c
	}, strings.TrimLeft(run, "."))
}
