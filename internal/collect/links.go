package collect

// links are the files of a session or name. A file comes and goes in constant
// time.
type links []*link

// A link is the place of a file in links.
type link struct {
	file *file
	in   *links
	at   int
}

// add puts k's file in l, unless it is in some already.
func (l *links) add(k *link, f *file) {
	if k.in != nil {
		return
	}
	*k = link{f, l, len(*l)}
	*l = append(*l, k)
}

// remove takes k's file out again.
func (k *link) remove() {
	if k.in == nil {
		return
	}
	all := *k.in
	last := all[len(all)-1]
	all[k.at], last.at = last, k.at
	all[len(all)-1] = nil
	*k.in = all[:len(all)-1]
	k.in = nil
}
