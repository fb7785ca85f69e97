package wallclock

import "time"

type clock interface {
	Now() time.Time
}

func broken(done func()) time.Duration {
	start := time.Now()                         // want `time.Now: ask the clock that the process was given \(wall-clock: `
	time.Sleep(time.Second)                     // want `time.Sleep: .*wall-clock`
	<-time.After(time.Second)                   // want `time.After: .*wall-clock` `receive from a channel`
	time.AfterFunc(1, done)                     // want `time.AfterFunc: .*wall-clock`
	_ = time.NewTimer(1)                        // want `time.NewTimer: .*wall-clock`
	_ = time.NewTicker(1)                       // want `time.NewTicker: .*wall-clock`
	_ = time.Tick(1)                            // want `time.Tick: .*wall-clock`
	_ = time.Until(start)                       // want `time.Until: .*wall-clock`
	var now = time.Now                          // want `time.Now: .*wall-clock`
	return now().Sub(start) + time.Since(start) // want `time.Since: .*wall-clock`
}

func kept(c clock) time.Duration {
	start := c.Now()
	deadline := start.Add(3 * time.Second)
	return deadline.Sub(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
}
