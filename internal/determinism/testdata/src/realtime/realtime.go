// Package realtime is held to the rules but for this file.
//
//determinism:realtime it is the real clock
package realtime

import "time"

func now() time.Time {
	go func() {}()
	return time.Now()
}
