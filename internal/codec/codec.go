// Package codec turns the values of a series into bytes and back, bit for bit.
//
// A piece is 1 to MaxSlots consecutive slots of one series. A slot without a
// sample is a gap and holds math.NaN(), that very one. Gaps are kept apart from
// the samples, and cost the samples nothing. Samples become integers, and these
// become the differences from what one expects of them, packed with as many bits
// as most of them need; for the few others there is a list.
//
// What the integers are of is the scale of a piece:
//
//   - decimals: sample × 10^digits, if integer / 10^digits gives back the same bits,
//     as of counts, and of all that was rounded to some digits (as in ALP, Afroozeh
//     et al., SIGMOD 2023);
//   - decimals, and what the samples are off: 0.1 + 0.2 is 0.3 and one unit in the
//     last place;
//   - else bits: those of the sample, as samples of one magnitude have their sign,
//     exponent and some of the mantissa in common.
//
// What is packed is the form of a piece: the integers above the least one, their
// steps above the least step, or the changes of steps. Where some are much longer
// than others, as of counts that are mostly small and sometimes large, each has a
// length of its own. All that may fit are tried, and the smallest is taken.
//
// # Format
//
// Numbers are uvarints (as of encoding/binary) where nothing else is said, "signed"
// is zigzag before that, and a "word" is 8 bytes, little-endian. Packed are n
// numbers of w bits each, one behind the other from the lowest bit of the first
// byte on, in (n·w+7)/8 bytes. All arithmetic is of 64 bits and wraps.
//
//	kind      byte: bits 0-3 digits (0 to 13), or 15: the scale is bits;
//	          bits 4-5 form; bit 6: there are gaps; bit 7: there are extras
//	slots     number of slots - 1
//	gaps      byte n. There are runs of slots, of gaps and of samples in turn, gaps
//	          first, and the last one has the rest. n from 0 to 64: n numbers follow,
//	          slots in each run but the last. 65 to 254: those n - 64 runs are packed:
//	          byte, bits 0-3 g, bits 4-7 s; packed, g wide: the runs of gaps; packed,
//	          s wide: the runs of samples, - 1. 255: no runs, but a bit for each slot,
//	          1 is a sample, (slots+7)/8 bytes
//
// Nothing follows if there is no sample. Of form 0 all samples are the same, and
// there are no extras:
//
//	first     their integer: a word if the scale is bits, else signed
//
// Of form 1 (values), 2 (steps), 3 (changes of steps):
//
//	width     byte: bits of a packed number, 0 to 64
//	extras    byte, if kind has them: bit 0 summary, 1 shift, 2 outliers, 3 odds, 4
//	          lengths, 5 ulps. Those that are not set have no field
//	first     a word if the scale is bits, else signed: what is added to each packed
//	          number (form 1), or the first integer (2, 3)
//	step      signed (form 3): the second integer - the first
//	base      signed (forms 2, 3): what is added to each packed number
//	shift     byte: the integers are to be shifted left by bits 0-5. If the scale is
//	          bits and bit 6 is set, the lowest bit of an integer is the sign, and what
//	          is above it is shifted. Bit 7 is set. (If it is not, as in older pieces,
//	          the packed numbers are to be shifted instead, after outliers)
//	summary   word: the sum of the samples as a float64, in their order from 0 on;
//	          first - the integer of the least sample; that of the greatest - first
//	outliers  number of them; byte w; packed, as wide as the last position is: their
//	          positions among the packed numbers; packed, w wide: zigzag of what
//	          stands above width in them, to be shifted left by width and added
//	packed    the numbers: of all integers (form 1), without the first (2), without
//	          the first two (3)
//	lengths   what is packed is not the numbers, but how many bits each has. Number of
//	          bytes; in so many bytes, one behind the other, of each number that is
//	          not 0 the bits below the highest one
//	ulps      signed; byte w; packed, w wide: for each sample, what is to be added,
//	          together with the first, to the bits of the sample that the integer is
//	odds      number of samples that are on no scale; packed, as wide as the last
//	          position is: their positions among the samples; words: their bits
//
// Form 2 adds up steps, form 3 adds up changes to steps and those to integers. If the
// scale is digits, the float64 of an integer, times 2^shift and divided by 10^digits, is
// the sample. If it is bits, and there is no shift with bit 7, all bits of a negative
// integer but its sign are to be turned over.
package codec

// MaxSlots is the most slots that a piece has.
const MaxSlots = 512

// The first byte of a piece.
const (
	scaleMask = 15 // digits, or scaleBits
	maxDigits = 13 // with more, doubles of full precision begin to be decimals by chance
	scaleBits = 15

	formShift = 4
	formMask  = 3
	formSame  = 0
	formValue = 1 // + how often differences are taken
	maxOrder  = 2

	kindGaps   = 1 << 6
	kindExtras = 1 << 7
)

// The byte of extras.
const (
	extraSummary = 1 << iota
	extraShift
	extraOutliers
	extraOdds
	extraLengths
	extraUlps
	extraAll = 1<<iota - 1
)

// The byte of shift.
const (
	shiftMask     = 63
	shiftSignLast = 1 << 6
	shiftIntegers = 1 << 7
)

// summaryFrom is the number of samples from which on a summary is worth its 12
// bytes or so: fewer are decoded in less than a microsecond.
const summaryFrom = 129
