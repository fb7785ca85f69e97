package planning

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// cell is a run that a plan needs: a loss of a side with a seed.
type cell struct {
	of   *side
	loss int
	seed int // from 0 on
}

// bench makes runs, some at once, and counts them. What they come to stands in their sides, by
// loss and seed: the order in which they end changes nothing.
type bench struct {
	c             *Config
	kept          *kept // nil: nothing is kept
	mu            sync.Mutex
	done, planned int
	reused        int // of those done: taken from what was kept
}

// cells are all runs of some losses of a side, the first seed of every loss before the second:
// what an interruption leaves covers as many losses as it can.
func (s *side) cells(seeds int, which func(Loss) bool) []cell {
	var out []cell
	for seed := range seeds {
		for l, loss := range s.losses {
			if which == nil || which(loss) {
				out = append(out, cell{s, l, seed})
			}
		}
	}
	return out
}

// interleaved puts the runs of several sides together, seed by seed.
func interleaved(sides []*side, seeds int) []cell {
	var out []cell
	for seed := range seeds {
		for _, s := range sides {
			for l := range s.losses {
				out = append(out, cell{s, l, seed})
			}
		}
	}
	return out
}

// run makes those of the runs that have not been made. When ctx ends it returns its error, and
// what was done stands.
func (b *bench) run(ctx context.Context, what string, cells []cell) error {
	var open []cell
	for _, x := range cells {
		if x.of.runs == nil {
			x.of.runs = make([][]*run, len(x.of.losses))
		}
		for len(x.of.runs[x.loss]) < b.c.Seeds {
			x.of.runs[x.loss] = append(x.of.runs[x.loss], nil)
		}
		if x.of.runs[x.loss][x.seed] == nil {
			open = append(open, x)
		}
	}
	b.planned += len(open)
	b.tell(what)
	group, ctx := errgroup.WithContext(ctx)
	workers := b.c.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0) //determinism:allow machine results hang on no worker
	}
	group.SetLimit(workers)
	for _, x := range open {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			r, reused, err := b.one(ctx, x)
			if err != nil {
				return err
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			x.of.runs[x.loss][x.seed] = r
			b.done++
			if reused {
				b.reused++
			}
			b.tell(what)
			return nil
		})
	}
	return group.Wait()
}

func (b *bench) tell(what string) {
	if b.c.Progress != nil {
		b.c.Progress(what, b.done, b.planned)
	}
}

// one makes a run, or takes what an earlier one of the same content came to.
func (b *bench) one(ctx context.Context, x cell) (r *run, reused bool, err error) {
	loss, seed := x.of.losses[x.loss], uint64(x.seed+1)
	if b.kept == nil {
		r, err = x.of.make(ctx, b.c, loss, seed)
		return r, false, err
	}
	key, err := b.kept.key(x.of, loss, seed)
	if err != nil {
		return nil, false, err
	}
	if r := b.kept.load(key); r != nil {
		return r, true, nil
	}
	if r, err = x.of.make(ctx, b.c, loss, seed); err != nil {
		return nil, false, err
	}
	return r, false, b.kept.store(key, r)
}

// ErrInterrupted is told beside the result of a plan that was ended early.
var ErrInterrupted = errors.New("the plan was interrupted")
