package sim

import (
	"math/bits"

	"github.com/shardquake/shardquake/internal/clock"
)

const (
	hashSeed = 0x9e3779b97f4a7c15
	hashMul  = 0xd6e8feb86659fd93
)

// EventRecord is one step of the trace hash: an event, or an observation made by
// [Engine.Note].
type EventRecord struct {
	Index   uint64 // counts events and notes from 1
	Time    Time
	Type    string // name of the kind, or "note:" and its kind
	Entity  string // process, timer, link, flow…; "" if the kind isn't described
	Payload []uint64
	Hash    uint64 // rolling hash once the step was mixed in
}

// mix folds x into the rolling hash h.
func mix(h, x uint64) uint64 {
	h = (bits.RotateLeft64(h, 27) ^ x) * hashMul
	return h ^ h>>32
}

func mixEvent(h uint64, at Time, kind, arg uint32) uint64 {
	return mix(mix(h, uint64(at)), uint64(kind)<<32|uint64(arg))
}

func hashString(s string) uint64 { return clock.StreamID(s) }

// Note mixes an observation into the trace hash.
func (e *Engine) Note(kind, entity string, payload ...uint64) {
	e.notes++
	h := mix(mix(e.hash, hashString(kind)), hashString(entity))
	for _, v := range payload {
		h = mix(h, v)
	}
	e.hash = mix(h, uint64(e.now))
	if len(e.taps) == 0 {
		return
	}
	e.tell(EventRecord{Type: "note:" + kind, Entity: entity, Payload: append([]uint64(nil), payload...)})
}

// TraceHash is the rolling hash over all events and notes so far.
func (e *Engine) TraceHash() uint64 { return e.hash }

// Events is the number of events run so far.
func (e *Engine) Events() uint64 { return e.events }

// OnEvent adds a tap that sees every event before its handler runs, and every note. It is
// for comparing runs; it costs an allocation per event.
func (e *Engine) OnEvent(f func(EventRecord)) { e.taps = append(e.taps, f) }

func (e *Engine) tapEvent(k Kind, arg uint32) {
	r := EventRecord{Type: e.handlers[k].name, Payload: []uint64{uint64(arg)}}
	if describe := e.handlers[k].describe; describe != nil {
		r.Entity = describe(arg)
	}
	e.tell(r)
}

func (e *Engine) tell(r EventRecord) {
	r.Index = e.events + e.notes
	r.Time = e.now
	r.Hash = e.hash
	for _, f := range e.taps {
		f(r)
	}
}
