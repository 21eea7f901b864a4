package pages

import (
	"fmt"
	"io"
)

// CleanAreas is cleanAreas, each as start-end.
func CleanAreas(smaps io.Reader, file string) (out []string, err error) {
	areas, err := cleanAreas(smaps, file)
	for _, a := range areas {
		out = append(out, fmt.Sprintf("%x-%x", a.start, a.end))
	}
	return out, err
}
