package sim_test

import (
	"context"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/sim"
)

// Two nodes, a request, and a link that swallows the answer for a while.
func Example() {
	e := sim.NewEngine(sim.Config{Seed: 1})
	net := e.NewNetwork(e.NewFluid())
	net.AddEndpoint("client", sim.EndpointSpec{Latency: time.Millisecond})
	net.AddEndpoint("server", sim.EndpointSpec{Latency: time.Millisecond})
	clk := e.Clock("client")

	clk.Go(context.Background(), "asker", func(ctx context.Context) {
		for range 3 {
			answered := e.NewEvent()
			net.Send("client", "server", 100, func() { net.Send("server", "client", 100, answered.Set) })
			err := answered.WaitFor(ctx, time.Second)
			fmt.Println(clk.Monotonic(), err)
			if clk.Sleep(ctx, time.Minute) != nil {
				return
			}
		}
	})
	e.After(30*time.Second, "cut", func() { net.Cut("server", "client", sim.Blackhole) })
	e.After(90*time.Second, "mend", func() { net.Mend("server", "client") })

	if err := e.Run(sim.Time(time.Hour)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 4ms <nil>
	// 1m1.004s context deadline exceeded
	// 2m1.008s <nil>
}
