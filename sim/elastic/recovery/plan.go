package recovery

// UnassignedSeqNo means that the target has no usable history
// (SequenceNumbers.UNASSIGNED_SEQ_NO).
const UnassignedSeqNo int64 = -2

// Target is what a recovery target tells its source at the start.
type Target struct {
	Node string
	// History is the store's history UUID; "" for an empty store.
	History string
	// StartingSeqNo is the first operation it lacks, [UnassignedSeqNo] without a store.
	StartingSeqNo int64
	Segments      []Segment
}

// Source is what the primary has.
type Source struct {
	History string
	// MinRetained is the first operation still in the history.
	MinRetained int64
	Leases      *Leases
	Segments    []Segment
}

// Plan is how a copy will be recovered.
type Plan struct {
	// ByOperations copies no file.
	ByOperations bool
	// Reuse and Copy split the source's segments; both empty with ByOperations.
	Reuse, Copy []Segment
}

// Segment is a committed segment: a few files that are written once. Two stores
// hold the same segment when the ids are equal.
type Segment struct {
	ID    uint64
	Bytes int64
	Docs  int64
}

// FilesPerSegment is the number of files of a compound segment: .cfs, .cfe, .si.
const FilesPerSegment = 3

// NewPlan decides between operations and files: operations need the same history,
// a lease that retains everything from the first missing operation on, and the
// history itself.
func NewPlan(t Target, s Source) Plan {
	lease, leased := s.Leases.Get(t.Node)
	if t.StartingSeqNo != UnassignedSeqNo && t.History == s.History && t.History != "" &&
		leased && lease.Retaining <= t.StartingSeqNo && s.MinRetained <= t.StartingSeqNo {
		return Plan{ByOperations: true}
	}
	have := make(map[uint64]bool, len(t.Segments))
	for _, seg := range t.Segments {
		have[seg.ID] = true
	}
	var p Plan
	for _, seg := range s.Segments {
		if have[seg.ID] {
			p.Reuse = append(p.Reuse, seg)
		} else {
			p.Copy = append(p.Copy, seg)
		}
	}
	return p
}

// Bytes sums segments.
func Bytes(segments []Segment) (bytes int64) {
	for _, s := range segments {
		bytes += s.Bytes
	}
	return bytes
}

// Files counts the files of segments.
func Files(segments []Segment) int { return FilesPerSegment * len(segments) }

// Matching are the bytes of a's segments that b holds too.
func Matching(a, b []Segment) (bytes int64) {
	return Bytes(NewPlan(Target{StartingSeqNo: UnassignedSeqNo, Segments: b}, Source{Leases: &Leases{}, Segments: a}).Reuse)
}
