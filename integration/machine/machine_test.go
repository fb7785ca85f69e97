package machine

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// machineAt writes a proc file system in which tasks have waited so many seconds for a
// processor and the disk, and so many ticks of all were stolen.
func machineAt(t *testing.T, cpu, io string, ticks, stolen string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "pressure"), 0o700))
	for name, text := range map[string]string{
		"pressure/cpu":    "some avg10=1.00 avg60=0.00 avg300=0.00 total=" + cpu + "\n",
		"pressure/io":     "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=" + io + "\n",
		"pressure/memory": "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"stat":            "cpu  " + ticks + " 0 0 0 0 0 0 " + stolen + " 0 0\n",
		"loadavg":         "3.50 2.00 1.00 2/300 1\n",
		"meminfo":         "MemTotal: 1000 kB\nMemAvailable: 500 kB\n",
		"vmstat":          "oom_kill 0\n",
		"diskstats":       " 8 0 sda 100 0 0 200 100 0 0 300 0 0 0\n 7 0 loop0 900 0 0 90000 0 0 0 0 0 0 0\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestTheKernelsFiguresAreRead(t *testing.T) {
	r := read(machineAt(t, "2500000", "1000000", "900", "100"))
	assert.InDelta(t, 2.5, r.cpu.some, 1e-9)
	assert.InDelta(t, 1, r.io.full, 1e-9)
	assert.InDelta(t, 1000, r.ticks, 1e-9)
	assert.InDelta(t, 100, r.stolen, 1e-9)
	assert.InDelta(t, 3.5, r.load, 1e-9)
	assert.InDelta(t, 0.5, r.available, 1e-9)
	assert.InDelta(t, 200, r.ios, 1e-9, "loops are no disks")
	assert.InDelta(t, 500, r.ioTime, 1e-9)
}

func TestWhatTheKernelDoesNotTellIsNotMadeUp(t *testing.T) {
	var b book
	now := time.Now()
	b.add(now, read(t.TempDir()))
	b.add(now.Add(time.Second), read(t.TempDir()))
	m := b.report(2)
	assert.Empty(t, m.Told)
	assert.Empty(t, m.Strained)
}

func TestABusyMachineIsStrainedAndAnIdleOneIsNot(t *testing.T) {
	now := time.Now()
	follow := func(cpu, io, stolen float64) (b book) {
		for i := range 20 {
			s := float64(i)
			r := reading{cpu: pressure{some: cpu * s}, io: pressure{full: io * s}, ticks: 200 * s, stolen: 200 * stolen * s, available: 0.5, known: map[string]bool{"pressure/cpu": true, "pressure/io": true, "stat": true, "meminfo": true}}
			b.add(now.Add(time.Duration(i)*time.Second), r)
		}
		return b
	}
	idle := follow(0.1, 0.01, 0)
	m := idle.report(2)
	assert.Len(t, m.Told, 4)
	assert.Empty(t, m.Strained)
	busy := follow(0.9, 0.3, 0.2)
	m = busy.report(2)
	require.Len(t, m.Strained, 3)
	assert.Contains(t, m.Strained[0], "tasks waited for one of 2 processors 90 % of the time")
	assert.Contains(t, m.Strained[1], "20.0 % of the processors' time was stolen")
	assert.Contains(t, m.Strained[2], "everybody waited for the disk 30.0 % of the time")
}

func TestAPauseAndAJumpOfTheClockAreTold(t *testing.T) {
	var b book
	now := time.Now()
	b.add(now, reading{available: 1})
	b.add(now.Add(4*time.Second), reading{available: 1})
	b.passed(time.Second-time.Hour, time.Second)
	b.passed(time.Second+100*time.Millisecond, time.Second) // drift
	m := b.report(2)
	assert.Equal(t, []string{"nothing ran at all for 3s", "the wall clock jumped by -1h0m0s"}, m.Strained)
}
