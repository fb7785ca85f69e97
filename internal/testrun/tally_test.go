package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tallied feeds lines of go test -json to a tally and closes it.
func tallied(t *testing.T, requireDocker bool, lines ...string) (text string, status int) {
	t.Helper()
	var out bytes.Buffer
	tally := newTally(&out, requireDocker)
	tally.module = "example.org/m"
	require.NoError(t, read(strings.NewReader(strings.Join(lines, "\n")), tally))
	status = tally.close()
	return out.String(), status
}

// lastLine is the closing line, which other programs read.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1]
}

func TestATestWithSubtestsCountsAsItsSubtests(t *testing.T) {
	text, status := tallied(t, false,
		`{"Action":"run","Package":"example.org/m/a","Test":"TestX"}`,
		`{"Action":"run","Package":"example.org/m/a","Test":"TestX/one"}`,
		`{"Action":"pass","Package":"example.org/m/a","Test":"TestX/one"}`,
		`{"Action":"run","Package":"example.org/m/a","Test":"TestX/two"}`,
		`{"Action":"pass","Package":"example.org/m/a","Test":"TestX/two"}`,
		`{"Action":"pass","Package":"example.org/m/a","Test":"TestX"}`,
		`{"Action":"output","Package":"example.org/m/a","Output":"ok  \tm/a\t0.1s\n"}`,
		`{"Action":"pass","Package":"example.org/m/a"}`)
	assert.Zero(t, status)
	assert.Equal(t, "ok  \tm/a\t0.1s\n\n2 passed, 0 failed, 0 skipped\n", text)
}

func TestAFailureIsPrintedWithItsOutputAndCountedOnce(t *testing.T) {
	text, status := tallied(t, false,
		`{"Action":"run","Package":"example.org/m/a","Test":"TestX"}`,
		`{"Action":"run","Package":"example.org/m/a","Test":"TestX/one"}`,
		`{"Action":"output","Package":"example.org/m/a","Test":"TestX/one","Output":"    a_test.go:3: expected green\n"}`,
		`{"Action":"fail","Package":"example.org/m/a","Test":"TestX/one"}`,
		`{"Action":"fail","Package":"example.org/m/a","Test":"TestX"}`,
		`{"Action":"fail","Package":"example.org/m/a"}`)
	assert.Equal(t, 1, status)
	assert.Contains(t, text, "expected green")
	assert.Contains(t, text, "FAILED:\n    a.TestX/one\n")
	assert.Equal(t, "0 passed, 1 failed, 0 skipped", lastLine(text))
}

func TestATestThatFailsAfterItsSubtestsPassedCounts(t *testing.T) {
	text, _ := tallied(t, false,
		`{"Action":"run","Package":"example.org/m/a","Test":"TestX"}`,
		`{"Action":"run","Package":"example.org/m/a","Test":"TestX/one"}`,
		`{"Action":"pass","Package":"example.org/m/a","Test":"TestX/one"}`,
		`{"Action":"fail","Package":"example.org/m/a","Test":"TestX"}`,
		`{"Action":"fail","Package":"example.org/m/a"}`)
	assert.Equal(t, "1 passed, 1 failed, 0 skipped", lastLine(text))
}

func TestAPackageThatDoesNotBuildCountsAsOneFailure(t *testing.T) {
	text, status := tallied(t, false,
		`{"ImportPath":"m/a","Action":"build-output","Output":"a.go:1:1: expected declaration\n"}`,
		`{"ImportPath":"m/a","Action":"build-fail"}`,
		`{"Action":"output","Package":"example.org/m/a","Output":"FAIL\texample.org/m/a [build failed]\n"}`,
		`{"Action":"fail","Package":"example.org/m/a","FailedBuild":"m/a"}`)
	assert.Equal(t, 1, status)
	assert.Contains(t, text, "expected declaration")
	assert.Equal(t, "0 passed, 1 failed, 0 skipped", lastLine(text))
}

func TestATestCutShortIsPrinted(t *testing.T) {
	text, _ := tallied(t, false,
		`{"Action":"run","Package":"example.org/m/a","Test":"TestX"}`,
		`{"Action":"output","Package":"example.org/m/a","Test":"TestX","Output":"panic: test timed out after 30m0s\n"}`,
		`{"Action":"fail","Package":"example.org/m/a"}`)
	assert.Contains(t, text, "timed out")
	assert.Equal(t, "0 passed, 1 failed, 0 skipped", lastLine(text))
}

// skipsContainers is a run in which one test passes and another misses Docker.
var skipsContainers = []string{
	`{"Action":"run","Package":"example.org/m/a","Test":"TestReal"}`,
	`{"Action":"output","Package":"example.org/m/a","Test":"TestReal","Output":"=== RUN   TestReal\n"}`,
	`{"Action":"output","Package":"example.org/m/a","Test":"TestReal","Output":"    a_test.go:7: no Docker daemon answers:\n"}`,
	`{"Action":"output","Package":"example.org/m/a","Test":"TestReal","Output":"        permission denied\n"}`,
	`{"Action":"output","Package":"example.org/m/a","Test":"TestReal","Output":"--- SKIP: TestReal (0.00s)\n"}`,
	`{"Action":"skip","Package":"example.org/m/a","Test":"TestReal"}`,
	`{"Action":"pass","Package":"example.org/m/a","Test":"TestSim"}`,
	`{"Action":"pass","Package":"example.org/m/a"}`,
}

func TestSkippedContainerTestsAreSaidLoudlyWithTheReason(t *testing.T) {
	text, status := tallied(t, false, skipsContainers...)
	assert.Zero(t, status)
	assert.Contains(t, text, "TESTS WITH CONTAINERS WERE SKIPPED")
	assert.Contains(t, text, "because: no Docker daemon answers: permission denied\n      a.TestReal\n")
	assert.Equal(t, "1 passed, 0 failed, 1 skipped", lastLine(text))
}

func TestSkippedContainerTestsFailWhereDockerIsRequired(t *testing.T) {
	text, status := tallied(t, true, skipsContainers...)
	assert.Equal(t, 1, status)
	assert.Equal(t, "1 passed, 1 failed, 0 skipped", lastLine(text))
}

func TestOtherSkipsAreListedQuietlyAndDoNotFail(t *testing.T) {
	text, status := tallied(t, true,
		`{"Action":"output","Package":"example.org/m/a","Test":"TestOracle","Output":"    a_test.go:9: no recorded cases here\n"}`,
		`{"Action":"skip","Package":"example.org/m/a","Test":"TestOracle"}`,
		`{"Action":"pass","Package":"example.org/m/a","Test":"TestSim"}`,
		`{"Action":"pass","Package":"example.org/m/a"}`)
	assert.Zero(t, status)
	assert.Contains(t, text, "SKIPPED:\n    no recorded cases here (a.TestOracle)\n")
	assert.NotContains(t, text, "!!!!")
}

func TestNothingTestedIsNoSuccess(t *testing.T) {
	_, status := tallied(t, false)
	assert.Equal(t, 1, status)
}

func TestWhatIsNoEventIsPrintedAsItIs(t *testing.T) {
	text, _ := tallied(t, false, "go: downloading something")
	assert.Contains(t, text, "go: downloading something")
}

func TestPackagesThatStartContainersRunAlone(t *testing.T) {
	assert.True(t, isSerial("integration"))
	assert.True(t, isSerial("cmd/shardquake"))
	assert.False(t, isSerial("sim/elastic"))
	assert.False(t, isSerial("integrationtest"))
}

func TestDrawnCasesAreTheSameUnlessAnotherSeedIsGiven(t *testing.T) {
	require.Equal(t, []string{"HOME=/root", "RAPID_SEED=1"}, withSeed([]string{"HOME=/root"}))
	require.Equal(t, []string{"RAPID_SEED=0", "HOME=/root"}, withSeed([]string{"RAPID_SEED=0", "HOME=/root"}))
}
