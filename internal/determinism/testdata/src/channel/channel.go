package channel

import (
	"context"
	"io"
)

// A context must have a Done, so channel types may be mentioned.
type ownContext struct {
	done <-chan struct{}
}

func (c *ownContext) Done() <-chan struct{} { return c.done }

func broken(ctx context.Context, in chan int) int {
	out := make(chan int, 1) // want `channel made: use the clock's Event, or a slice that one process owns \(channel: `
	out <- 1                 // want `send on a channel: set an Event or call the receiver`
	close(out)               // want `close of a channel: set an Event`
	for range in {           // want `range over a channel`
	}
	<-ctx.Done() // want `receive from ctx.Done\(\): ask ctx.Err\(\), or pass ctx to what the clock waits on`
	io.Pipe()    // want `io.Pipe: .*channel`
	select {     // want `select statement`
	case n := <-in: // want `receive from a channel`
		return n
	default:
		return 0
	}
}

func kept(ctx context.Context, queue []int) error {
	queue = append(queue, make([]int, 3)...)
	clear(queue)
	return ctx.Err()
}
