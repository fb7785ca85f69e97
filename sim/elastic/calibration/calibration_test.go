package calibration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestACalibrationFileHoldsEveryConstantAndReadsBackTheSame(t *testing.T) {
	want := Default()
	want.NodeStart, want.CopyBPS, want.Cold = 1234*time.Millisecond, 7, 3
	text, err := json.Marshal(want)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"node_start_empty":"8s"`)
	assert.Contains(t, string(text), `"copy_bps":7`)
	path := filepath.Join(t.TempDir(), "calibration.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	got, err := Read(path)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestACalibrationFileMayNameSomeConstantsOnlyAndNoUnknownOnes(t *testing.T) {
	c := Default()
	require.NoError(t, json.Unmarshal([]byte(`{"per_file":"3ms"}`), &c))
	assert.Equal(t, 3*time.Millisecond, c.PerFile)
	assert.Equal(t, Default().NodeStart, c.NodeStart)
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"per_fil":"3ms"}`), &c), "per_fil")
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"per_file":"-3ms"}`), &c), "per_file")
}

func TestTheDefaultFileNamesEveryConstant(t *testing.T) {
	var named map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(calibrationFile), &named))
	c := Default()
	require.NoError(t, c.fields(func(name string, _ reflect.Value) error {
		assert.Contains(t, named, name)
		return nil
	}))
}
