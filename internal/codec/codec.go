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
//   - sample × 10^digits, if sample = integer / 10^digits gives back the same bits
//     (counts, and all that was rounded to some digits; as in ALP, SIGMOD 2023);
//   - else the bits of the sample, in the order of the samples' values: numbers of
//     one magnitude share the sign, the exponent and some of the mantissa.
//
// What is packed is the form of a piece: the integers above the least one, their
// steps above the least step, or the changes of steps. All that fit are tried, and
// the smallest is taken.
//
// # Format
//
// Numbers are uvarints (as of encoding/binary) where nothing else is said,
// "signed" is zigzag, "word" is 8 bytes, little-endian. An anchor is a word if the
// scale is bits, else signed. Packed are n numbers of w bits, one behind the other
// from the lowest bit of the first byte on, in (n·w+7)/8 bytes.
//
//	kind      byte: bits 0-3 digits (0 to 13), or 15: the scale is bits;
//	          bits 4-5 form; bit 6: there are gaps; bit 7: there are extras
//	slots     number of slots - 1
//	gaps      byte runs: as many numbers follow, slots in each run, in turn of gaps
//	          and of samples, gaps first; one more has the rest of the slots.
//	          255: a bit for each slot follows, 1 is a sample, (slots+7)/8 bytes
//
// Nothing follows if there is no sample. Of form 0 all samples are the same:
//
//	first     anchor: that integer
//
// Of form 1 (values), 2 (steps), 3 (changes of steps):
//
//	width     byte: bits of a packed number, 0 to 64
//	extras    byte, if kind has them: bit 0 summary, 1 shift, 2 outliers, 3 odds
//	first     anchor: the base (form 1), or the first integer (2, 3)
//	step      signed (form 3): the first step
//	base      signed (forms 2, 3): what is added to each packed number
//	shift     byte: the packed numbers are to be shifted left by so many bits
//	summary   word: the sum of the samples as a float64; first integer - least
//	          one; greatest one - first one, first being the field above
//	outliers  number of them; byte w; packed, as wide as the last position is:
//	          their positions among the packed numbers; packed, w wide: zigzag of
//	          what is above width, to be shifted left by width and added
//	packed    the integers, without the first (form 2) or the first two (form 3)
//	odds      number of samples that are on no scale; packed, as wide as the last
//	          position is: their positions among the samples; words: their bits
//
// All arithmetic is of 64 bits and wraps. The bits of a sample become an integer
// by turning over all but the sign of those that have it set.
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
	extraAll = 1<<iota - 1
)

// summaryFrom is the number of samples from which on a summary is worth its 12
// bytes or so: fewer are decoded in less than a microsecond.
const summaryFrom = 129
