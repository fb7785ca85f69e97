package elastic

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/mapping"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// execute performs one item on the primary: versions and conditions are checked, the
// operation gets its sequence number. It returns the operation, or nil when there is
// nothing to replicate.
func (s *Shard) execute(it *BulkItem, res *BulkResult) *store.Doc {
	e := s.Engine()
	for try := 0; ; try++ {
		d, err := s.attempt(e, it, res)
		if err == nil {
			return d
		}
		if err.Type == "version_conflict_engine_exception" && try < it.RetryOnConflict {
			continue
		}
		s.Counters.IndexFailed++
		res.Err, res.Status = err, err.Status
		return nil
	}
}

func (s *Shard) attempt(e *store.Engine, it *BulkItem, res *BulkResult) (*store.Doc, *Error) {
	cur := e.Live[it.ID]
	exists := cur != nil && !cur.Deleted
	op, source := it.Op, it.Source
	if op == OpUpdate && !exists && it.RequireExisting {
		return nil, &Error{
			Status: 404, Type: "document_missing_exception", Reason: "[" + it.ID + "]: document missing",
			Fields: []Field{{Name: "index_uuid", Value: s.Key.UUID}, {Name: "shard", Value: fmt.Sprint(s.Key.Shard)}, {Name: "index", Value: s.Index}},
		}
	}
	if op == OpUpdate {
		if err := s.conflict(it, cur, exists); err != nil {
			return nil, err
		}
		if exists && !mapping.KeepsSource(s.Meta.Mapping) {
			return nil, s.withShard(&Error{Status: 400, Type: "document_source_missing_exception", Reason: "[" + it.ID + "]: document source missing"})
		}
		var old []byte
		if exists {
			old = cur.Source
		}
		next, noop, err := it.Update.Apply(old)
		if err != nil {
			return nil, AsError(err)
		}
		if noop {
			s.Counters.Noops++
			res.Result, res.Status = "noop", 200
			res.Version, res.SeqNo, res.PrimaryTerm = cur.Version, cur.SeqNo, cur.Term
			res.Source = cur.Source
			return nil, nil
		}
		source, res.Source = next, next
	}
	if err := s.conflict(it, cur, exists); err != nil {
		return nil, err
	}
	d := &store.Doc{ID: it.ID, Routing: it.Routing, Source: source, Term: s.Term, Version: 1, Deleted: op == OpDelete}
	if cur != nil {
		d.Version = cur.Version + 1
	}
	if it.External {
		d.Version = it.Version
	}
	s.Store.Settle()
	d.SeqNo = e.Max + 1
	e.Process(d, s.Now())
	s.Store.Grow(d.Bytes(), 1)
	s.count([]*store.Doc{d})
	res.Version, res.SeqNo, res.PrimaryTerm = d.Version, d.SeqNo, d.Term
	switch {
	case op == OpDelete && !exists:
		res.Result, res.Status = "not_found", 404
	case op == OpDelete:
		res.Result, res.Status = "deleted", 200
	case exists:
		res.Result, res.Status = "updated", 200
	default:
		res.Result, res.Status = "created", 201
	}
	return d, nil
}

// withShard is an error that tells of which shard it is.
func (s *Shard) withShard(e *Error) *Error {
	e.Fields = []Field{{Name: "index_uuid", Value: s.Key.UUID}, {Name: "shard", Value: fmt.Sprint(s.Key.Shard)}, {Name: "index", Value: s.Index}}
	return e
}

// conflict is the version conflict of an item with the present document, or nil.
func (s *Shard) conflict(it *BulkItem, cur *store.Doc, exists bool) *Error {
	conflict := func(format string, args ...any) *Error {
		return &Error{
			Status: 409, Type: "version_conflict_engine_exception", Reason: "[" + it.ID + "]: version conflict, " + fmt.Sprintf(format, args...),
			Fields: []Field{{Name: "index_uuid", Value: s.Key.UUID}, {Name: "shard", Value: fmt.Sprint(s.Key.Shard)}, {Name: "index", Value: s.Index}},
		}
	}
	if it.IfSeqNo != UnassignedSeqNo && (it.IfSeqNo != 0 || it.IfPrimaryTerm != 0) {
		switch {
		case !exists:
			return conflict("required seqNo [%d], primary term [%d]. but no document was found", it.IfSeqNo, it.IfPrimaryTerm)
		case cur.SeqNo != it.IfSeqNo || cur.Term != it.IfPrimaryTerm:
			return conflict("required seqNo [%d], primary term [%d]. current document has seqNo [%d] and primary term [%d]",
				it.IfSeqNo, it.IfPrimaryTerm, cur.SeqNo, cur.Term)
		}
	}
	switch {
	case it.Op == OpCreate && exists:
		return conflict("document already exists (current version [%d])", cur.Version)
	case it.External && cur != nil && (cur.Version > it.Version || cur.Version == it.Version && !it.OrEqual):
		return conflict("current version [%d] is higher or equal to the one provided [%d]", cur.Version, it.Version)
	}
	return nil
}

// count adds operations to the copy's statistics.
func (s *Shard) count(docs []*store.Doc) {
	for _, d := range docs {
		if d.Deleted {
			s.Counters.DeleteTotal++
		} else {
			s.Counters.IndexTotal++
			s.Counters.IndexTime += s.Process.Cluster.Calibration.IndexOp
		}
	}
}

// RefreshNow makes everything written visible.
func (s *Shard) RefreshNow() {
	s.Counters.RefreshTotal++
	s.refreshed = s.Now()
	s.Engine().Refresh(s.Now())
}

// refreshInterval is how often the copy refreshes by itself; 0 never.
func (s *Shard) refreshInterval() time.Duration {
	return max(0, settings.IndexRefreshInterval.Get(s.Meta.Settings))
}

// CatchUpRefresh does the refreshes that were due. A shard that nobody has searched for
// a while refreshes when it is searched, unless its interval was set explicitly.
func (s *Shard) CatchUpRefresh(searching bool) {
	if len(s.Engine().Unseen) == 0 {
		// Nothing to show, which is nearly always so.
		if searching {
			s.lastSearch = s.Now()
		}
		return
	}
	now := s.Now()
	idle := !settings.IndexRefreshInterval.IsSet(s.Meta.Settings) &&
		now.Sub(s.lastSearch) >= settings.IndexSearchIdleAfter.Get(s.Meta.Settings)
	if searching {
		s.lastSearch = now
	}
	upTo := store.RefreshTick(now, s.Created, s.refreshInterval())
	if s.refreshInterval() == 0 {
		upTo = s.refreshed
	}
	if idle && searching {
		upTo = now
	}
	if s.Engine().Refresh(upTo) {
		s.Counters.RefreshTotal++
	}
}

// untilRefresh is the time to the next refresh by itself.
func (s *Shard) untilRefresh() time.Duration {
	interval := s.refreshInterval()
	if interval == 0 {
		return 0
	}
	return store.RefreshTick(s.Now(), s.Created, interval).Add(interval).Sub(s.Now())
}
