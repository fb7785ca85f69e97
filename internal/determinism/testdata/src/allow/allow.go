package allow

import "time"

func above() time.Time {
	//determinism:allow wall-clock the log's own timestamp
	return time.Now()
}

func beside() time.Time {
	return time.Now() //determinism:allow wall-clock the log's own timestamp
}

func several(done chan bool) {
	//determinism:allow goroutine,channel the watchdog must live outside virtual time
	go func() { done <- true }()
}

func wrongRule() time.Time {
	//determinism:allow random it isn't // want `nothing on line 21 breaks rule random: remove the directive`
	return time.Now() // want `time.Now: `
}

func noReason() time.Time {
	return time.Now() //determinism:allow wall-clock // want `directive without a reason: write //determinism:allow RULE reason` `time.Now: `
}

func unknownRule() int {
	//determinism:allow clocks I like them // want `no rule is named "clocks": name one of wall-clock, `
	return 1
}

func notThisLine() time.Time {
	//determinism:allow wall-clock too far up // want `nothing on line 35 breaks rule wall-clock`

	return time.Now() // want `time.Now: `
}
