package sim

import (
	"context"
	"errors"
	"fmt"
)

// Script is a run from its first to its last event, as a world outside virtual time
// starts it.
type Script struct {
	Engine *Engine
	// Clock is that of the process that the script runs in.
	Clock *Clock
	// Broken is the first violation of an invariant of the model, nil for none.
	Broken func() error
}

// Until runs the engine until done; a violated invariant ends it with an error.
func (s Script) Until(done func() bool, limit Time) error {
	err := s.Engine.RunUntil(func() bool { return s.Broken() != nil || done() }, limit)
	if broken := s.Broken(); broken != nil {
		return fmt.Errorf("defect of the model: %w", broken)
	}
	return err
}

// Run runs main as a process to its end. When ctx, the world's, is cancelled, so is the
// first context that main has; the second stays, for it to clean up.
func (s Script) Run(ctx context.Context, main func(run, cleanup context.Context) error) error {
	//determinism:allow context ctx is the world's: an interrupt from outside virtual time
	stop := context.AfterFunc(ctx, s.Engine.Interrupt)
	defer stop()
	var result error
	ended, interrupted := false, false
	var cancel context.CancelFunc
	p := s.Engine.Go("main", func(cleanup context.Context) {
		var run context.Context
		run, cancel = s.Clock.WithCancel(cleanup)
		defer cancel()
		if interrupted { // before this process had a context that could be cancelled
			cancel()
		}
		result = main(run, cleanup)
		ended = true
	})
	for {
		err := s.Until(p.Done, Never)
		switch {
		case errors.Is(err, ErrInterrupted):
			interrupted = true
			if cancel != nil {
				cancel()
			}
		case errors.Is(err, ErrNotDone):
			return errors.New("nothing is left to happen, but the run has not ended")
		case err != nil:
			return err
		case !ended:
			return errors.New("the run was stopped")
		default:
			return result
		}
	}
}
