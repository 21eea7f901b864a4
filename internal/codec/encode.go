package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// An Encoder makes pieces. It is memory to work in and nothing else: the zero
// Encoder is ready, and what one Append does is of no meaning to the next.
type Encoder struct {
	samples   [MaxSlots]float64 // those between gaps
	exact     decimals
	near      decimals
	bits      [MaxSlots]int64
	residuals [MaxSlots]int64 // what is to be packed
}

// Append appends the values, 1 to MaxSlots, as a piece to dst. Other numbers of
// values panic. It allocates nothing if dst has room.
func (e *Encoder) Append(dst []byte, values []float64) []byte {
	if len(values) == 0 || len(values) > MaxSlots {
		panic(fmt.Sprintf("codec: a piece of %d slots", len(values)))
	}
	samples, kind := values, byte(0)
	sum := summaryOf(values)
	var m mask
	if sum.notANumber() {
		m = maskOf(values)
		samples = m.compact(&e.samples, values)
		if len(samples) < len(values) {
			sum, kind = summaryOf(samples), kindGaps
		}
	}
	var p plan
	if len(samples) > 0 {
		e.choose(&p, samples)
		p.addSummary(sum, samples)
		p.setExtras()
	}
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
	scale
	form   int
	extras byte
	cost   int      // bits that all but the first fields take
	ints   []int64  // the samples on the scale
	odds   []uint16 // positions of those that are not
	ulps   []int64  // to be added to the bits of the samples, if there are any
	ulpFit fit
	fit    fit // of the form's residuals
	summary
}

func (p *plan) kind() byte {
	k := byte(p.digits | p.form<<formShift)
	if p.extras != 0 {
		k |= kindExtras
	}
	return k
}

// choose sets p to the way that takes the fewest bytes.
func (e *Encoder) choose(p *plan, samples []float64) {
	if sameBits(samples) {
		*p = e.constant(samples[:1])
		return
	}
	digits, odds, ok := e.exact.take(samples, 0)
	if ok {
		e.setDecimals(p, &e.exact, digits, odds, samples)
	}
	if ok && len(odds) == 0 && digits <= 3 {
		return
	}
	var q plan
	if digits, odds, ok := e.near.take(samples, slack); ok {
		e.setDecimals(&q, &e.near, digits, odds, samples)
		q.setUlps(e.near.ulps[:len(samples)])
		p.takeCheaper(&q)
	}
	q = plan{ints: e.bits[:len(samples)]}
	q.scale = toBits(q.ints, samples)
	e.chooseForm(&q)
	p.takeCheaper(&q)
}

// constant returns the plan for samples that are all like the one.
func (e *Encoder) constant(sample []float64) plan {
	if digits, odds, _ := e.exact.take(sample, 0); len(odds) == 0 {
		return plan{scale: scale{digits: digits}, ints: e.exact.ints[:1]}
	}
	e.bits[0] = turnedOver(asInt(sample[0]))
	return plan{scale: scale{digits: scaleBits}, ints: e.bits[:1]}
}

func (e *Encoder) setDecimals(p *plan, d *decimals, digits int, odds []uint16, samples []float64) {
	*p = plan{ints: d.ints[:len(samples)], odds: odds, cost: oddCost(len(odds), len(samples))}
	p.scale = scale{digits: digits, shift: shiftOut(p.ints)}
	e.chooseForm(p)
}

// chooseForm gives p the form whose residuals take the fewest bits. Those that
// look worse by far are not tried.
func (e *Encoder) chooseForm(p *plan) {
	looks := lookOf(p.ints)
	limit := slices.Min(looks[:]) + sampled/8
	p.fit.cost = math.MaxInt
	for order, look := range looks {
		if look > limit {
			continue
		}
		f := fitOf(residuals(&e.residuals, p.ints, order))
		if f.cost += p.fieldBits(order, f.base); f.cost < p.fit.cost {
			p.form, p.fit = formValue+order, f
		}
	}
	p.cost += p.fit.cost
}

// fieldBits returns how many bits the integers take that are not packed.
func (p *plan) fieldBits(order int, base int64) int {
	first, more := base, 0
	if order > 0 {
		first = p.ints[0]
		more += varintBits(base)
	}
	if order > 1 {
		more += varintBits(p.ints[min(1, len(p.ints)-1)] - first)
	}
	if p.digits == scaleBits {
		return 64 + more
	}
	return varintBits(first) + more
}

// varintBits returns how many bits a signed number takes.
func varintBits(x int64) int { return (bits.Len64(zigzag(x)|1) + 6) / 7 * 8 }

// setUlps adds what the decimals are off, if they are.
func (p *plan) setUlps(ulps []int64) {
	p.ulps, p.ulpFit = ulps, plainFit(ulps)
	p.cost += 16 + p.ulpFit.cost
}

func (p *plan) takeCheaper(q *plan) {
	if p.ints == nil || q.cost < p.cost {
		*p = *q
	}
}

// addSummary adds s, if it is worth it and the scale has the least and the
// greatest sample.
func (p *plan) addSummary(s summary, samples []float64) {
	if len(samples) < summaryFrom || p.ulps != nil || s.notANumber() {
		return
	}
	s = s.signedZeros(samples)
	if p.has(s.lo) && p.has(s.hi) {
		p.summary = s
		p.extras |= extraSummary
	}
}

func (p *plan) setExtras() {
	if p.shiftByte() != 0 {
		p.extras |= extraShift
	}
	if p.fit.outliers > 0 {
		p.extras |= extraOutliers
	}
	if p.fit.lengths {
		p.extras |= extraLengths
	}
	if p.ulps != nil {
		p.extras |= extraUlps
	}
	if len(p.odds) > 0 {
		p.extras |= extraOdds
	}
}

// appendSamples appends what follows the gaps.
func (e *Encoder) appendSamples(dst []byte, p *plan, samples []float64) []byte {
	if p.form == formSame {
		return p.appendInt(dst, p.ints[0])
	}
	dst = append(dst, byte(p.fit.width))
	if p.extras != 0 {
		dst = append(dst, p.extras)
	}
	first := p.fit.base
	if p.form > formValue {
		first = p.ints[0]
	}
	dst = p.appendInt(dst, first)
	if p.form > formValue+1 {
		dst = binary.AppendVarint(dst, p.ints[1]-first)
	}
	if p.form > formValue {
		dst = binary.AppendVarint(dst, p.fit.base)
	}
	if p.extras&extraShift != 0 {
		dst = append(dst, p.shiftByte())
	}
	if p.extras&extraSummary != 0 {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(p.sum))
		dst = binary.AppendUvarint(dst, uint64(first-p.int(p.lo)))
		dst = binary.AppendUvarint(dst, uint64(p.int(p.hi)-first))
	}
	r := residuals(&e.residuals, p.ints, p.form-formValue)
	p.fit.reduce(r)
	dst = p.fit.appendOutliers(dst, r)
	dst = p.fit.appendPacked(dst, r)
	if p.ulps != nil {
		dst = binary.AppendVarint(dst, p.ulpFit.base)
		dst = append(dst, byte(p.ulpFit.width))
		p.ulpFit.reduce(p.ulps)
		dst = appendPacked(dst, p.ulps, p.ulpFit.width)
	}
	return appendOdds(dst, p.odds, samples)
}

// reduce takes the base from the residuals.
func (f *fit) reduce(r []int64) {
	for i := range r {
		r[i] -= f.base
	}
}

// appendPacked appends the reduced residuals r.
func (f *fit) appendPacked(dst []byte, r []int64) []byte {
	if f.lengths {
		return appendTails(appendLengths(dst, r, f.width), r, f.tails)
	}
	return appendPacked(dst, r, f.width)
}

// appendOutliers appends what is above width of the reduced residuals r.
func (f *fit) appendOutliers(dst []byte, r []int64) []byte {
	if f.outliers == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(f.outliers))
	dst = append(dst, byte(f.high))
	positions := packer{dst: dst, width: widthOf(len(r))}
	for i, x := range r {
		if x>>f.width != 0 {
			positions.add(uint64(i))
		}
	}
	highs := packer{dst: positions.end(), width: f.high}
	for _, x := range r {
		if x >>= f.width; x != 0 {
			highs.add(zigzag(x))
		}
	}
	return highs.end()
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

// sameBits reports whether all samples are the same bits.
func sameBits(samples []float64) bool {
	first := math.Float64bits(samples[0])
	for _, v := range samples[1:] {
		if math.Float64bits(v) != first {
			return false
		}
	}
	return true
}
