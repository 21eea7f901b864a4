package xrootd

// A Kind is what a datagram turned out to be.
type Kind uint8

// The kinds of datagrams. Which code carries what is in XROOTD.md section 1,
// after XrdXrootd/XrdXrootdMonData.hh of the XRootD sources.
const (
	KindNone     Kind = iota
	KindMap           // = d i p u x T U: a dictionary record
	KindFile          // f: opens, closes and progress of files
	KindTrace         // t: single reads, writes, opens and closes
	KindRedirect      // r: redirections
	KindGStream       // g: records of a plug-in, in any of the framings
	KindSummary       // <statistics …>: the summary, XML or (6.x) JSON
)

// A Header is what every binary datagram begins with. A text datagram has what
// its text says of it.
type Header struct {
	Code byte   // one of = d f g i p r t T u U x; 0 where a text datagram names none
	Seq  uint16 // pseq: mod 256 in binary datagrams, mod 1000 in text ones
	Stod int64  // Unix seconds of the server's start
}

// A Datagram is one decoded datagram: its header and, as Kind says, one of the
// other fields. Everything in it aliases the bytes that it was decoded from.
type Datagram struct {
	Kind   Kind
	Header Header

	Map      Map
	File     FileStream
	Trace    TraceStream
	Redirect RedirectStream
	GStream  GStream
	Summary  Summary
}

// A UserID is "[proto/]user.pid:sid@host", which begins every map record.
type UserID struct {
	Protocol string // xroot, http, …; empty in idents
	User     string // at most 8 bytes
	PID      int    // the client's pid up to 5.6.4, the server's session number after
	SID      uint64 // the server's 48-bit fingerprint
	Host     string // as sent: a name, [::ffff:127.0.0.1], [v6]
}

// A Map is a dictionary record: what a dictionary id stands for.
type Map struct {
	DictID uint32 // 0 for = p x
	User   UserID
	// UserOK tells whether the text began with a user id that could be parsed;
	// p and x records have a path there.
	UserOK  bool
	RawUser []byte // the text before the newline, as sent
	Rest    []byte // the text after the newline: a path, an info text, or &k=v pairs
}

// A FileStream is the content of an f datagram.
type FileStream struct {
	Begin, End int64  // Unix seconds: first record buffered (or previous flush), flush
	NXfr       int    // how many xfr records the server says are inside
	NTotal     int    // how many records in all, the time record aside
	SID        uint64 // 0 from servers that do not send it (before 5.x)
	Records    []FileRecord
}

// A FileType is the type of an f record.
type FileType uint8

// The types of f records.
const (
	FileClose FileType = 0
	FileOpen  FileType = 1
	FileTime  FileType = 2
	FileXfr   FileType = 3
	FileDisc  FileType = 4
)

// A FileRecord is one record of an f datagram: an open, a close, a progress
// report (xfr), or a disconnect.
type FileRecord struct {
	Type FileType
	ID   uint32 // file id; of a disconnect: user id

	// open
	Size     int64
	Writable bool
	HasLFN   bool   // without the name there is no user id either
	UserID   uint32 // 0: unknown
	LFN      []byte

	// close and xfr: bytes so far
	Read, ReadV, Write int64

	// close
	Forced bool // the session ended first
	HasOps bool
	HasSSQ bool
	Ops    FileOps
	SSQ    FileSSQ
}

// FileOps are the operation counts of a close record.
type FileOps struct {
	Read, ReadV, Write int32
	SegsMin, SegsMax   int16 // rsMin, rsMax: segments per vector read
	Segs               int64 // segments of all vector reads
	ReadMin, ReadMax   int32 // bytes per read; Min 2147483647 if only page reads came (fact 4)
	ReadVMin, ReadVMax int32
	WriteMin, WriteMax int32
}

// FileSSQ are the sums of squares of a close record.
type FileSSQ struct{ Read, ReadV, Segs, Write float64 }

// A TraceStream is the content of a t datagram.
type TraceStream struct {
	Entries []TraceEntry
}

// A TraceType is the type of a t entry.
type TraceType uint8

// The types of t entries, by their first byte where they have one.
const (
	TraceRead   TraceType = 0x00 // a read, or a write if Write is set
	TraceOpen   TraceType = 0x80
	TraceReadV  TraceType = 0x90
	TraceReadU  TraceType = 0x91 // a vector read whose segments follow as entries
	TraceAppID  TraceType = 0xa0
	TraceClose  TraceType = 0xc0
	TraceDisc   TraceType = 0xd0
	TraceWindow TraceType = 0xe0
)

// A TraceEntry is one 16-byte entry of a t datagram.
type TraceEntry struct {
	Type TraceType
	ID   uint32 // file id; of a disconnect: user id

	Offset int64 // read, write
	Len    int64 // read, write; readv: bytes in all
	Write  bool
	VSeq   uint8 // readv
	Segs   int   // readv

	Size int64 // open: of the file

	// close: totals, with the low bits lost above 4 GiB
	ReadBytes, WriteBytes uint64

	Forced, Bound bool  // disc
	Seconds       int32 // disc: how long the session was

	SID     uint64 // window
	PrevEnd int64  // window: Unix seconds, end of the one before
	Begin   int64  // window: Unix seconds
	App     []byte // appid
}

// A RedirectStream is the content of an r datagram.
type RedirectStream struct {
	SID     uint64
	Entries []RedirectEntry
}

// A RedirectEntry is one redirection, or the window that those after it lie in.
type RedirectEntry struct {
	Window bool
	Len    int   // window: seconds
	Time   int64 // window: Unix seconds

	Op     uint8 // 1 chmod 2 locate 3 opendir 4 openc 5 openr 6 openw 7 mkdir 8 mv 9 prep a query b rm c rmdir d stat e trunc
	Local  bool
	Port   uint16 // the manager's own port, not the target's
	UserID uint32
	Host   []byte // the target
	Path   []byte
}

// A Framing is how a g-stream was wrapped.
type Framing uint8

// The framings of g-streams.
const (
	FrameBinary Framing = iota
	FrameJSON
	FrameCGI
	FrameNone // no header at all: the datagram begins with the first record
)

// A GStream is the content of a g datagram.
type GStream struct {
	Framing    Framing
	Provider   byte // C pfc, M ccm, T tcpmon, P tpc, R throttle, O oss, H http; 0 if not told
	SID        uint64
	Begin, End int64 // Unix seconds; 0 if not told
	Site       []byte
	Host       []byte
	Port       int
	Instance   []byte
	Records    [][]byte // JSON objects, not looked into; a bad one is reported by its consumer
}

// A Summary is the outside of a summary datagram and the counters that the
// totals can be checked against.
type Summary struct {
	Source   string // host:port
	Site     string
	Program  string
	Instance string
	Version  string
	PID      int
	Started  int64 // tos
	Sent     int64 // tod
	// Counters has every number in the document by its path, such as
	// "link/out" or "xrootd/ops/open".
	Counters map[string]float64
}
