package transfer

// A page write sends a checksum of 4 bytes with each page of 4096 that it touches, and
// servers count those among the bytes (XROOTD.md fact 5; kXR_pgUnitSZ of
// XProtocol/XProtocol.hh).
const (
	pageSize = 4096
	pageSum  = 4
)

// PageBytes returns how many bytes of a file were written by ops page writes that
// count told bytes, checksums included, if each of them began at a page and all but
// the last were of whole pages, as those of xrdcp are. It is the most that it can have
// been. ok is false if no such writes add up to told.
func PageBytes(told, ops int64) (n int64, ok bool) {
	pages := (told + pageSize + pageSum - 1) / (pageSize + pageSum)
	n = told - pages*pageSum
	return n, told == 0 || pages >= ops && n > (pages-1)*pageSize
}

// FewestPageBytes returns the least that ops page writes which count told bytes can
// have written, wherever they began: each may touch two pages with two bytes.
func FewestPageBytes(told, ops int64) int64 {
	// All but whole pages in between is at most two pieces a write.
	pages := min(told/(pageSum+1), told/(pageSize+pageSum)+2*ops)
	return told - pages*pageSum
}

// PageChecksums returns how many of the told bytes of a single page write at that
// offset are checksums.
func PageChecksums(offset, told int64) int64 {
	if told <= pageSum || offset < 0 {
		return 0
	}
	first := pageSize - offset%pageSize // what fits on the first page
	if told <= first+pageSum {
		return pageSum
	}
	rest := told - first - pageSum
	return pageSum + (rest+pageSize+pageSum-1)/(pageSize+pageSum)*pageSum
}
