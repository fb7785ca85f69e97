package syncs

import "sync"

type broken struct {
	m    sync.Map       // want `sync.Map: use a map that one process owns and walk its sorted keys \(sync: `
	pool sync.Pool      // want `sync.Pool: keep a free list`
	wg   sync.WaitGroup // want `sync.WaitGroup: wait with`
	cond *sync.Cond     // want `sync.Cond: wait with`
}

type kept struct {
	mu   sync.RWMutex
	once sync.Once
	free []*kept
}

func (k *kept) get() int {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.free)
}
