package codec

import (
	"encoding/binary"
	"fmt"
	"math"
)

// An Encoder makes pieces. It is memory to work in and nothing else: the zero
// Encoder is ready, and what one Append does is of no meaning to the next.
type Encoder struct {
	samples   [MaxSlots]float64 // those between gaps
	decimals  [MaxSlots]int64   // the samples on the scales
	bits      [MaxSlots]int64
	residuals [MaxSlots]int64 // what is left of them, to be packed
	odds      [MaxSlots]uint16
}

// Append appends the values, 1 to MaxSlots, as a piece to dst. Other numbers of
// values panic. It allocates nothing if dst has room.
func (e *Encoder) Append(dst []byte, values []float64) []byte {
	if len(values) == 0 || len(values) > MaxSlots {
		panic(fmt.Sprintf("codec: a piece of %d slots", len(values)))
	}
	samples, kind := values, byte(0)
	var m mask
	if hasGaps(values) {
		m = maskOf(values)
		samples, kind = m.compact(&e.samples, values), kindGaps
	}
	p := e.plan(samples)
	dst = append(dst, kind|p.kind())
	dst = binary.AppendUvarint(dst, uint64(len(values)-1))
	if kind != 0 {
		dst = m.appendTo(dst, len(values))
	}
	if len(samples) == 0 {
		return dst
	}
	return e.appendSamples(dst, &p, samples)
}

// A plan is a way to write samples.
type plan struct {
	scale  int
	form   int
	extras byte
	ints   []int64  // the samples on the scale
	odds   []uint16 // positions of those that are not
	fit             // of the form's residuals
	lo, hi int64    // the least and the greatest of ints, if there is a summary
}

func (p *plan) kind() byte {
	k := byte(p.scale | p.form<<formShift)
	if p.extras != 0 {
		k |= kindExtras
	}
	return k
}

// plan returns the way that takes the fewest bytes.
func (e *Encoder) plan(samples []float64) plan {
	if len(samples) == 0 {
		return plan{}
	}
	digits, odds, ok := e.toDecimals(samples)
	if ok && len(odds) == 0 && same(e.decimals[:len(samples)]) {
		return plan{scale: digits, ints: e.decimals[:1]}
	}
	var p plan
	if ok {
		p = e.bestForm(plan{scale: digits, ints: e.decimals[:len(samples)], odds: odds})
	}
	if !ok || len(odds) > 0 || digits > 3 {
		toBits(e.bits[:len(samples)], samples)
		if same(e.bits[:len(samples)]) {
			return plan{scale: scaleBits, ints: e.bits[:1]}
		}
		q := e.bestForm(plan{scale: scaleBits, ints: e.bits[:len(samples)]})
		if !ok || q.cost < p.cost+oddCost(len(odds), len(samples)) {
			p = q
		}
	}
	p.summarize(samples)
	if p.shift > 0 {
		p.extras |= extraShift
	}
	if p.outliers > 0 {
		p.extras |= extraOutliers
	}
	if len(p.odds) > 0 {
		p.extras |= extraOdds
	}
	return p
}

// bestForm returns p with the form whose residuals take the fewest bits.
func (e *Encoder) bestForm(p plan) plan {
	for order := range maxOrder + 1 {
		f := fitOf(residuals(&e.residuals, p.ints, order))
		f.cost += order * 24 // the fields before
		if order == 0 || f.cost < p.cost {
			p.form, p.fit = formValue+order, f
		}
	}
	return p
}

// summarize adds a summary, if it is worth it and the ints tell all of it: the
// odd samples must be between the others.
func (p *plan) summarize(samples []float64) {
	if len(samples) < summaryFrom {
		return
	}
	p.lo, p.hi = p.ints[0], p.ints[0]
	for _, x := range p.ints {
		p.lo, p.hi = min(p.lo, x), max(p.hi, x)
	}
	lo, hi := toInt(fromInt(p.lo, p.scale)), toInt(fromInt(p.hi, p.scale))
	if lo < toInt(math.Inf(-1)) || hi > toInt(math.Inf(1)) {
		return // not a number
	}
	for _, at := range p.odds {
		if x := toInt(samples[at]); x < lo || x > hi {
			return
		}
	}
	p.extras |= extraSummary
}

// appendSamples appends what follows the gaps.
func (e *Encoder) appendSamples(dst []byte, p *plan, samples []float64) []byte {
	if p.form == formSame {
		return appendAnchor(dst, p.scale, p.ints[0])
	}
	dst = append(dst, byte(p.width))
	if p.extras != 0 {
		dst = append(dst, p.extras)
	}
	anchor := p.base
	if p.form > formValue {
		anchor = p.ints[0]
	}
	dst = appendAnchor(dst, p.scale, anchor)
	if p.form > formValue+1 {
		dst = binary.AppendVarint(dst, p.ints[1]-p.ints[0])
	}
	if p.form > formValue {
		dst = binary.AppendVarint(dst, p.base)
	}
	if p.shift > 0 {
		dst = append(dst, byte(p.shift))
	}
	if p.extras&extraSummary != 0 {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(sum(samples)))
		dst = binary.AppendUvarint(dst, uint64(anchor-p.lo))
		dst = binary.AppendUvarint(dst, uint64(p.hi-anchor))
	}
	dst = p.appendPacked(dst, residuals(&e.residuals, p.ints, p.form-formValue))
	return appendOdds(dst, p.odds, samples)
}

// appendAnchor appends an integer of the scale: those that are bits are no small
// numbers.
func appendAnchor(dst []byte, scale int, x int64) []byte {
	if scale == scaleBits {
		return binary.LittleEndian.AppendUint64(dst, uint64(x))
	}
	return binary.AppendVarint(dst, x)
}

// appendPacked appends the outliers and the residuals r, which it changes.
func (p *plan) appendPacked(dst []byte, r []int64) []byte {
	for i, x := range r {
		r[i] = (x - p.base) >> p.shift
	}
	if p.outliers > 0 {
		dst = binary.AppendUvarint(dst, uint64(p.outliers))
		dst = append(dst, byte(p.high))
		positions := packer{dst: dst, width: widthOf(len(r))}
		for i, x := range r {
			if x>>p.width != 0 {
				positions.add(uint64(i))
			}
		}
		highs := packer{dst: positions.end(), width: p.high}
		for _, x := range r {
			if x >>= p.width; x != 0 {
				highs.add(zigzag(x))
			}
		}
		dst = highs.end()
	}
	packed := packer{dst: dst, width: p.width}
	packed.addAll(r)
	return packed.end()
}

// appendOdds appends the samples that are on no scale.
func appendOdds(dst []byte, odds []uint16, samples []float64) []byte {
	if len(odds) == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(odds)))
	positions := packer{dst: dst, width: widthOf(len(samples))}
	for _, at := range odds {
		positions.add(uint64(at))
	}
	dst = positions.end()
	for _, at := range odds {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(samples[at]))
	}
	return dst
}

// oddCost returns how many bits it takes to write the odd ones of n samples.
func oddCost(odds, n int) int {
	if odds == 0 {
		return 0
	}
	return 16 + odds*(64+int(widthOf(n)))
}

// same reports whether all of xs are one number.
func same(xs []int64) bool {
	for _, x := range xs[1:] {
		if x != xs[0] {
			return false
		}
	}
	return true
}

// sum adds the samples in their order.
func sum(samples []float64) float64 {
	s := 0.0
	for _, v := range samples {
		s += v
	}
	return s
}
