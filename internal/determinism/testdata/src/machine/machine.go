package machine

import (
	"os"
	"runtime"
	"time"
)

func broken(t time.Time) string {
	_ = os.Getenv("HOME")           // want `os.Getenv: take it from the scenario or a config struct \(machine: `
	_, _ = os.LookupEnv("HOME")     // want `os.LookupEnv`
	_ = runtime.NumGoroutine()      // want `runtime.NumGoroutine`
	_ = runtime.GOMAXPROCS(0)       // want `runtime.GOMAXPROCS`
	_ = runtime.GOARCH              // want `runtime.GOARCH`
	_, _ = os.Hostname()            // want `os.Hostname`
	_ = t.In(time.Local)            // want `time.Local: use time.UTC`
	_ = t.Local()                   // want `time.Time.Local: use time.UTC`
	return time.Unix(0, 0).String() // want `time.Unix is in the machine's zone: add .UTC\(\)`
}

func kept(t time.Time, name string) (string, error) {
	text, err := os.ReadFile(name)
	return time.Unix(0, 0).UTC().String() + time.UnixMilli(1).In(time.UTC).String() + string(text), err
}
