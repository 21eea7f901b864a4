package transfer

// A Point is how far a transfer was at a time.
type Point struct {
	At    int64 `json:"at"`    // Unix seconds
	Bytes int64 `json:"bytes"` // that had moved by then, of all kinds together
}

// maxPoints is how many points a transfer has at most, 16 bytes each: a plot of one
// transfer needs no more.
const maxPoints = 16

// Pass adds a point to those of before. Of too many, every second one is left out.
func Pass(before []Point, p Point) []Point {
	if len(before) == maxPoints {
		for i := range maxPoints / 2 {
			before[i] = before[2*i+1]
		}
		before = before[:maxPoints/2]
	}
	return append(before, p)
}

// putProgress puts points into a record, as one list of numbers.
func putProgress(m map[string]any, points []Point) {
	if len(points) == 0 {
		return
	}
	var list []any
	for _, p := range points {
		list = append(list, p.At, p.Bytes)
	}
	m["progress"] = branch("array", list)
}

func (r *record) progress() (points []Point) {
	var list []any
	read(r, "progress", &list)
	for ; len(list) > 1; list = list[2:] {
		at, _ := list[0].(int64)
		n, _ := list[1].(int64)
		points = append(points, Point{at, n})
	}
	return points
}
