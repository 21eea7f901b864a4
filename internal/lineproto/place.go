package lineproto

// tagAt returns the offset of the n-th tag in the line; n is 0-based.
func tagAt(line []byte, n int) int {
	for i, c := range line {
		if c != ',' || i > 0 && line[i-1] == '\\' {
			continue
		}
		if n == 0 {
			return i + 1
		}
		n--
	}
	return 0
}

// fieldAt returns the offset of the n-th field in the line; n is 0-based.
func fieldAt(line []byte, n int) int {
	at := fields(line)
	for range n {
		_, end := field(line, at)
		at = min(end+1, len(line))
	}
	return at
}
