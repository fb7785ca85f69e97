package client

import (
	"container/list"
	"time"
)

// cache keeps values for reads at ONE. The caller locks.
type cache struct {
	limit int
	ttl   time.Duration
	items map[string]*list.Element
	order *list.List // of *cached, the one used last in front
}

type cached struct {
	key string
	r   Result
	at  time.Duration
}

func newCache(limit int, ttl time.Duration) *cache {
	return &cache{limit: limit, ttl: ttl, items: make(map[string]*list.Element), order: list.New()}
}

func (db *DB) cached(key string) (Result, bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	e := db.cache.items[key]
	if e == nil {
		return Result{}, false
	}
	c := e.Value.(*cached)
	if db.clk.Monotonic()-c.at >= db.cache.ttl {
		db.cache.remove(key)
		return Result{}, false
	}
	db.cache.order.MoveToFront(e)
	r := c.r
	r.Weak = true
	return r, true
}

// rememberRead remembers a value that was read, whatever the level.
func (db *DB) rememberRead(key string, r Result) {
	db.mu.Lock()
	defer db.mu.Unlock()
	c := db.cache
	if c.limit <= 0 {
		return
	}
	c.remove(key)
	if c.order.Len() >= c.limit {
		c.remove(c.order.Back().Value.(*cached).key)
	}
	c.items[key] = c.order.PushFront(&cached{key, r, db.clk.Monotonic()})
}

// drop forgets a value that this client writes.
func (db *DB) drop(key string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.cache.remove(key)
}

func (c *cache) remove(key string) {
	if e := c.items[key]; e != nil {
		c.order.Remove(e)
		delete(c.items, key)
	}
}
