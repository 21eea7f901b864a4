package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tallystick/internal/validate"
)

// The size of a plot and of what is around it, in the units of its SVG.
const (
	plotWidth  = 960
	plotHeight = 220
	// slotsHeight is that of the plot of one client at one server.
	slotsHeight = 130
	left        = 70
	bottom      = 24
	top         = 10
)

// A plot is lines over time.
type plot struct {
	Width, Height int
	Lines         []line
	X, Y          []tick
	Left, Right   int
	Top, Bottom   int
}

// A line is one of a plot. Points is what SVG calls so.
type line struct {
	Class, Points string
}

// A tick is a mark of an axis.
type tick struct {
	At   float64
	Text string
}

// rates returns the plot of bytes a second: as clients tell, as the monitoring does, and
// as it seems if all bytes of a transfer count when it is closed.
func rates(r *validate.Report) *plot { return ratesOf(r, r.Bins, plotHeight) }

// slotsMax is how many clients of servers have plots of their own.
const slotsMax = 12

// A slotsPlot is that of one client at one server.
type slotsPlot struct {
	Server, Client string
	Plot           *plot

	bytes int64
}

// slotRates returns the plots of the clients at servers with the most bytes, and how many
// are left out.
func slotRates(r *validate.Report) (out []slotsPlot, rest int) {
	for _, s := range r.Slots {
		if s.Others > 0 {
			rest += s.Others
			continue
		}
		p := slotsPlot{Server: s.Server, Client: s.Client}
		for _, b := range s.Bins {
			p.bytes += max(b.Claimed, b.Monitored)
		}
		p.Plot = ratesOf(r, s.Bins, slotsHeight)
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b slotsPlot) int { return cmp.Compare(b.bytes, a.bytes) })
	if n := len(out) - slotsMax; n > 0 {
		return out[:slotsMax], rest + n
	}
	return out, rest
}

// ratesOf returns the plot of bins of r, of which some may be missing.
func ratesOf(r *validate.Report, bins []validate.Bin, height int) *plot {
	step := float64(r.Step)
	of := func(get func(b *validate.Bin) int64) []float64 {
		out := make([]float64, len(r.Bins))
		for i := range bins {
			out[(bins[i].At-r.Bins[0].At)/r.Step] = float64(get(&bins[i])) / step
		}
		return out
	}
	return newPlot(r, height, []series{
		{"closes", of(func(b *validate.Bin) int64 { return b.Closes })},
		{"claimed", of(func(b *validate.Bin) int64 { return b.Claimed })},
		{"monitored", of(func(b *validate.Bin) int64 { return b.Monitored })},
	}, func(y float64) string { return size(int64(y)) + "/s" })
}

// drift returns the plot of the sum of the difference up to each time.
func drift(r *validate.Report) *plot {
	var sum int64
	out := make([]float64, len(r.Bins))
	for i, b := range r.Bins {
		sum += b.Monitored - b.Claimed
		out[i] = float64(sum)
	}
	return newPlot(r, plotHeight, []series{{"difference", out}}, func(y float64) string { return size(int64(y)) })
}

type series struct {
	class  string
	values []float64
}

func newPlot(r *validate.Report, height int, all []series, label func(float64) string) *plot {
	if len(r.Bins) < 2 {
		return nil
	}
	p := &plot{Width: plotWidth, Height: height, Left: left, Right: plotWidth - 10, Top: top, Bottom: height - bottom}
	low, high := 0.0, 0.0
	for _, s := range all {
		for _, v := range s.values {
			low, high = min(low, v), max(high, v)
		}
	}
	if low == high {
		high = low + 1
	}
	each := round(high-low, marks)
	low, high = each*math.Floor(low/each), each*math.Ceil(high/each)
	y := func(v float64) float64 {
		return float64(p.Bottom) - (v-low)/(high-low)*float64(p.Bottom-p.Top)
	}
	for _, s := range all {
		p.Lines = append(p.Lines, line{s.class, p.points(s.values, y)})
	}
	for v := low; v <= high+each/2; v += each {
		p.Y = append(p.Y, tick{y(v), label(v)})
	}
	for i := range marks + 1 {
		at := r.Bins[0].At + int64(len(r.Bins))*r.Step*int64(i)/marks
		p.X = append(p.X, tick{float64(p.Left) + float64(p.Right-p.Left)*float64(i)/marks, day(at, r)})
	}
	return p
}

// marks is how many marks an axis has, more or less.
const marks = 4

// round returns the step between about n marks on a range: 1, 2 or 5 and zeros.
func round(over float64, n int) float64 {
	step := over / float64(n)
	ten := math.Pow(10, math.Floor(math.Log10(step)))
	for _, f := range []float64{1, 2, 5} {
		if f*ten >= step {
			return f * ten
		}
	}
	return 10 * ten
}

// day returns a time of the axis: with the day where the report has more than one.
func day(at int64, r *validate.Report) string {
	t := time.Unix(at, 0).UTC()
	if int64(len(r.Bins))*r.Step > 86400 {
		return t.Format("01-02 15:04")
	}
	return t.Format("15:04:05")
}

// points returns values as steps: each is of its whole bin.
func (p *plot) points(values []float64, y func(float64) float64) string {
	var b strings.Builder
	wide := float64(p.Right-p.Left) / float64(len(values))
	for i, v := range values {
		from := float64(p.Left) + wide*float64(i)
		fmt.Fprintf(&b, "%.1f,%.1f %.1f,%.1f ", from, y(v), from+wide, y(v))
	}
	return strings.TrimSpace(b.String())
}
