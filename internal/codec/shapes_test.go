package codec_test

import (
	"math"
	"math/rand/v2"
)

// tenth is no constant, so that what is made of it is rounded.
var tenth = 0.1

// A shape makes n values of a series. Series of one shape differ by their random
// numbers.
type shape struct {
	name string
	make func(r *rand.Rand, n int) []float64
}

// A series makes its values one after the other.
type series func() float64

func of(start func(r *rand.Rand) series) func(r *rand.Rand, n int) []float64 {
	return func(r *rand.Rand, n int) []float64 {
		next, values := start(r), make([]float64, n)
		for i := range values {
			values[i] = next()
		}
		return values
	}
}

// counter grows by about rate a step.
func counter(rate, noise float64) func(r *rand.Rand) series {
	return func(r *rand.Rand) series {
		x := math.Floor(r.Float64() * rate * 1e5)
		return func() float64 {
			x += math.Max(0, math.Round(rate+r.NormFloat64()*noise))
			return x
		}
	}
}

// gauge walks at random about a mean, and is rounded to some digits.
func gauge(mean, step float64, digits int) func(r *rand.Rand) series {
	return func(r *rand.Rand) series {
		x, p := mean, math.Pow(10, float64(digits))
		return func() float64 {
			x += r.NormFloat64()*step + (mean-x)/50
			return math.Round(x*p) / p
		}
	}
}

func constant(v float64) func(r *rand.Rand) series {
	return func(*rand.Rand) series { return func() float64 { return v } }
}

// ratio is a share of a count, of full precision.
func ratio(r *rand.Rand) series {
	return func() float64 {
		b := 1 + r.Int64N(3e10)
		return float64(r.Int64N(b+1)) / float64(b)
	}
}

// node is what is measured on a node: 10 metrics of its own.
var node = []shape{
	{"load, 2 digits", of(gauge(12, 0.3, 2))},
	{"memory in KiB", of(gauge(6e7, 2e4, 0))},
	{"memory, GB with 1 digit", of(gauge(64, 0.1, 1))},
	{"power in W, 1 digit", of(gauge(300, 4, 1))},
	{"temperature, 3 digits", of(gauge(54, 0.05, 3))},
	{"bytes received", of(counter(1e7, 1e6))},
	{"bytes sent", of(counter(3e5, 1e5))},
	{"packets", of(counter(9000, 1200))},
	{"number of cores", of(constant(8))},
	{"file handles", of(constant(65536))},
}

// thread is what is measured on each of its 8 hardware threads.
var thread = []shape{
	{"cycles", of(counter(2.4e10, 3e7))},
	{"clock in MHz, 1 digit", of(gauge(2400, 15, 1))},
	{"ratio", of(ratio)},
}

// others are what else there may be.
var others = []shape{
	{"sums of tenths", of(func(r *rand.Rand) series {
		return func() float64 { return float64(r.IntN(100))/10 + float64(r.IntN(100))/10 }
	})},
	{"walk by tenths", of(func(r *rand.Rand) series {
		x := 0.0
		return func() float64 { x += float64(r.IntN(100)-50) * tenth; return x }
	})},
	{"counts of all sizes", of(func(r *rand.Rand) series {
		return func() float64 { return float64(r.Int64N(1 << r.IntN(24))) }
	})},
	{"counter with bursts", of(func(r *rand.Rand) series {
		x := 1e12
		return func() float64 { x += math.Floor(math.Exp(r.NormFloat64()*4 + 8)); return x }
	})},
	{"times 0.001", of(func(r *rand.Rand) series {
		x := 54000.0
		return func() float64 { x += math.Round(r.NormFloat64() * 50); return x * 0.001 }
	})},
	{"transfers, mostly gaps", transfers},
	{"random doubles", of(func(r *rand.Rand) series { return r.NormFloat64 })},
	{"random bits", of(func(r *rand.Rand) series { return func() float64 { return math.Float64frombits(r.Uint64()) } })},
	{"0 or 1", of(func(r *rand.Rand) series { return func() float64 { return float64(r.IntN(2)) } })},
	{"mostly 0", of(func(r *rand.Rand) series { return func() float64 { return float64(r.IntN(20) / 19 * r.IntN(1000)) } })},
	{"sine", func(r *rand.Rand, n int) []float64 {
		values, phase := make([]float64, n), r.Float64()
		for i := range values {
			values[i] = math.Sin(float64(i)/60 + phase)
		}
		return values
	}},
	{"counter above 2^53", of(func(r *rand.Rand) series {
		x := math.Pow(2, 54)
		return func() float64 { x += float64(r.IntN(1e6)); return x }
	})},
	{"counter that begins again", of(func(r *rand.Rand) series {
		x := 1e12
		return func() float64 {
			if x += float64(1e6 + r.IntN(1e5)); r.IntN(200) == 0 {
				x = 0
			}
			return x
		}
	})},
	{"sums of 0.1", of(func(*rand.Rand) series { x := 0.0; return func() float64 { x += 0.1; return x } })},
	{"float32", of(func(r *rand.Rand) series { return func() float64 { return float64(float32(r.Float64() * 100)) } })},
	{"GiB out of KiB", of(func(r *rand.Rand) series {
		x := 6e7
		return func() float64 { x += math.Round(r.NormFloat64() * 2e4); return x / 1048576 }
	})},
	{"multiples of 4096", of(func(r *rand.Rand) series {
		x := 1.5e7 * 4096
		return func() float64 { x += math.Round(r.NormFloat64()*200) * 4096; return x }
	})},
	{"steps", of(func(r *rand.Rand) series {
		x := 0.0
		return func() float64 {
			if r.IntN(30) == 0 {
				x = r.Float64()
			}
			return x
		}
	})},
	{"around 0, 1 digit", of(func(r *rand.Rand) series { return func() float64 { return math.Round(r.NormFloat64()*100) / 10 } })},
	{"rate that drifts", of(func(r *rand.Rand) series {
		x, rate := 0.0, 1e9
		return func() float64 { rate += math.Round(r.NormFloat64() * 1e4); x += rate; return x }
	})},
	{"cores busy of 12", of(func(r *rand.Rand) series { return func() float64 { return float64(r.IntN(13)) / 12 } })},
	{"percent of jiffies", of(func(r *rand.Rand) series {
		return func() float64 {
			b := 8000 + r.IntN(9)
			return 100 * float64(r.IntN(b)) / float64(b)
		}
	})},
	{"gaps at both ends", func(r *rand.Rand, n int) []float64 {
		values := of(gauge(300, 4, 1))(r, n)
		for i := range values {
			if i < n/4 || i > n*3/4 {
				values[i] = math.NaN()
			}
		}
		return values
	}},
	{"every sixth", func(r *rand.Rand, n int) []float64 {
		values := of(gauge(300, 4, 1))(r, n)
		for i := range values {
			if i%6 != 0 {
				values[i] = math.NaN()
			}
		}
		return values
	}},
	{"every second", func(r *rand.Rand, n int) []float64 {
		values := of(func(r *rand.Rand) series { return r.NormFloat64 })(r, n)
		for i := range values {
			if i%2 != 0 {
				values[i] = math.NaN()
			}
		}
		return values
	}},
	{"negative", of(func(r *rand.Rand) series { return func() float64 { return -r.ExpFloat64() } })},
	{"gaps", of(constant(math.NaN()))},
	{"infinities, -0, subnormals, NaNs", of(func(r *rand.Rand) series {
		odd := []float64{
			math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 5e-324, 1e-310, math.MaxFloat64,
			math.Float64frombits(0x7FF8000000000000), math.Float64frombits(0xFFF8000000000001), math.NaN(), 0, 1 << 53, -1 << 63, 1 << 63,
		}
		return func() float64 { return odd[r.IntN(len(odd))] }
	})},
	{"integers with some odd ones", of(func(r *rand.Rand) series {
		odd := []float64{math.Inf(1), math.Copysign(0, -1), tenth + 0.2, math.Float64frombits(0x7FF8000000000000)}
		return func() float64 {
			if r.IntN(50) == 0 {
				return odd[r.IntN(len(odd))]
			}
			return float64(r.IntN(1000))
		}
	})},
}

// transfers are bytes of files that a server sent in a step: few, and of all
// sizes.
func transfers(r *rand.Rand, n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
		if r.IntN(12) == 0 {
			values[i] = math.Floor(math.Exp(r.NormFloat64()*2 + 19))
		}
	}
	return values
}

func all() []shape {
	var s []shape
	s = append(s, node...)
	s = append(s, thread...)
	return append(s, others...)
}

func random(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 7)) }
