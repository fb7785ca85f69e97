package realtime

import "time"

func later() time.Time {
	return time.Now() // want `time.Now: `
}
