package httpapi_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMetricsKeepThePrometheusConventions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status, body := start(t, nil).call("GET", "/metrics", "")
		require.Equal(t, 200, status, body)
		problems, err := promlint.New(strings.NewReader(body)).Lint()
		require.NoError(t, err)
		assert.Empty(t, problems)
		assert.Contains(t, body, "shardquake_controller_last_check_timestamp_seconds 9.466848e+08\n", "the bubble's clock begins at 2000")
		assert.Contains(t, body, "go_goroutines ")
	})
}
