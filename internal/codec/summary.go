package codec

// A summary is of samples.
type summary struct{ sum, lo, hi float64 }

// summaryOf returns the summary of values. If some are not numbers, its sum is
// none either, and the rest is of no meaning.
func summaryOf(values []float64) summary {
	if len(values) == 0 {
		return summary{}
	}
	sum, lo, hi := 0.0, values[0], values[0]
	for _, v := range values {
		sum += v
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
	}
	return summary{sum, lo, hi}
}

func (s summary) notANumber() bool { return s.sum != s.sum }

// signedZeros returns s with a least or greatest sample of 0 as min and max have it: -0
// is less than 0.
func (s summary) signedZeros(samples []float64) summary {
	if s.lo == 0 || s.hi == 0 {
		for _, v := range samples {
			s.lo, s.hi = min(s.lo, v), max(s.hi, v)
		}
	}
	return s
}
