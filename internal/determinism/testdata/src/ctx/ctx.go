package ctx

import (
	"context"
	"time"
)

type key struct{}

func broken(ctx context.Context) {
	a, cancel := context.WithCancel(ctx)                   // want `context.WithCancel: use the clock's WithTimeout and WithCancel \(context: `
	b, _ := context.WithTimeout(a, time.Second)            // want `context.WithTimeout`
	c, _ := context.WithDeadline(b, time.Time{})           // want `context.WithDeadline`
	d, _ := context.WithCancelCause(c)                     // want `context.WithCancelCause`
	e, _ := context.WithTimeoutCause(d, 1, nil)            // want `context.WithTimeoutCause`
	f, _ := context.WithDeadlineCause(e, time.Time{}, nil) // want `context.WithDeadlineCause`
	context.AfterFunc(f, cancel)                           // want `context.AfterFunc`
}

func kept(ctx context.Context) (context.Context, error) {
	return context.WithoutCancel(context.WithValue(ctx, key{}, 1)), ctx.Err()
}
