package settings

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSizesAreReadAsElasticsearchReadsThem(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "-1": -1, "1b": 1, "512kb": 512 * KB, "512K": 512 * KB, "20GB": 20 * GB, " 3 mb ": 3 * MB, "1p": PB, "1.5gb": GB + GB/2, "7b": 7,
	} {
		got, err := ParseBytes("x", text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"10":                    "failed to parse setting [x] with value [10] as a size in bytes: unit is missing or unrecognized",
		"tenb":                  "failed to parse setting [x] with value [tenb]",
		"tengb":                 "failed to parse setting [x] with value [tengb]",
		"-5kb":                  "failed to parse setting [x] with value [-5kb] as a size in bytes",
		"-5b":                   "failed to parse setting [x] with value [-5b] as a size in bytes",
		"9223372036854775807gb": "failed to parse setting [x] with value [9223372036854775807gb] as a size in bytes",
	} {
		_, err := ParseBytes("x", text)
		assert.EqualError(t, err, want, text)
	}
}

func TestDurationsAreReadAsElasticsearchReadsThem(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "-1": -time.Millisecond, "5s": 5 * time.Second, "1m": time.Minute, "2H": 2 * time.Hour, "3d": 72 * time.Hour, "7micros": 7 * time.Microsecond,
	} {
		got, err := ParseTime("x", text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"5":    "failed to parse setting [x] with value [5] as a time value: unit is missing or unrecognized",
		"5M":   "failed to parse setting [x] with value [5M] as a time value: unit is missing or unrecognized",
		"1.5s": "failed to parse [1.5s], fractional time values are not supported",
		"as":   "failed to parse [as]",
		"-2s":  "failed to parse setting [x] with value [-2s] as a time value: negative durations are not supported",
	} {
		_, err := ParseTime("x", text)
		assert.EqualError(t, err, want, text)
	}
	_, err := ParseTimeIn(time.Second, NoTimeLimit)("x", "5ms")
	assert.EqualError(t, err, "failed to parse value [5ms] for setting [x], must be >= [1s]")
}

func TestNumbersAreReadAsJavaReadsThem(t *testing.T) {
	_, err := ParseInt(-1, math.MaxInt32)("x", "-2")
	assert.EqualError(t, err, "Failed to parse value [-2] for setting [x] must be >= -1")
	_, err = ParseInt(0, 10)("x", "ten")
	assert.EqualError(t, err, "Failed to parse value [ten] for setting [x]")
	_, err = ParseInt(0, math.MaxInt32)("x", "99999999999999999999")
	assert.EqualError(t, err, "Failed to parse value [99999999999999999999] for setting [x] must be <= 2147483647")
	f, err := ParseFloat(0)("x", "2.0E-11")
	require.NoError(t, err)
	assert.Equal(t, float32(2e-11), f)
	f, err = ParseFloat(0)("x", " 0.5f ")
	require.NoError(t, err)
	assert.Equal(t, float32(0.5), f)
	_, err = ParseFloat(0)("x", "-0.5")
	assert.EqualError(t, err, "Failed to parse value [-0.5] for setting [x] must be >= 0.0")
	for _, bad := range []string{"", "1_000", "inf", "0.5ff", "x"} {
		_, err = ParseFloat(0)("x", bad)
		assert.Error(t, err, "%q is no number to Java", bad)
	}
	_, err = ParseBool("x", "yes")
	assert.EqualError(t, err, "Failed to parse value [yes] as only [true] or [false] are allowed.")
}

func TestValuesArePrintedAsJavaPrintsThem(t *testing.T) {
	for v, want := range map[float64]string{0: "0.0", 1: "1.0", 0.45: "0.45", 1e7: "1.0E7", 2e-11: "2.0E-11", 0.001: "0.001", 123456.5: "123456.5"} {
		assert.Equal(t, want, JavaDouble(v))
	}
	assert.Equal(t, "0.55", JavaFloat(0.55))
	assert.Equal(t, "1.9gb", HumanBytes(2*GB-1))
	assert.Equal(t, "2gb", HumanBytes(2*GB))
	assert.Equal(t, "17b", HumanBytes(17))
	assert.Equal(t, "1.5m", HumanTime(90*time.Second))
	assert.Equal(t, "0s", HumanTime(0))
	assert.Equal(t, "150gb", BytesText(150*GB))
	assert.Equal(t, "1500ms", TimeText(1500*time.Millisecond))
}

func TestWatermarksAreCheckedAgainstEachOther(t *testing.T) {
	const prefix = "cluster.routing.allocation.disk.watermark."
	of := func(low, high, flood string) Settings {
		return Of(map[string]string{prefix + "low": low, prefix + "high": high, prefix + "flood_stage": flood})
	}
	assert.NoError(t, CheckDisk(Of(nil)))
	assert.NoError(t, CheckDisk(of("0.7", "80%", "0.9")))
	assert.NoError(t, CheckDisk(of("30gb", "20gb", "10gb")))
	assert.EqualError(t, CheckDisk(of("85%", "80%", "95%")), "low disk watermark [85%] more than high disk watermark [80%]")
	assert.EqualError(t, CheckDisk(of("85%", "90%", "89.5%")), "high disk watermark [90%] more than flood stage disk watermark [89.5%]")
	assert.EqualError(t, CheckDisk(of("10gb", "20gb", "5gb")), "low disk watermark [10gb] less than high disk watermark [20gb]")
	assert.EqualError(t, CheckDisk(of("85%", "20gb", "5gb")), "unable to consistently parse ["+prefix+"low=85%], ["+prefix+"high=20gb], and ["+
		prefix+"flood_stage=5gb] as percentage or bytes")
	assert.EqualError(t, CheckDisk(Of(map[string]string{prefix + "low": "70%", prefix + "low.max_headroom": "100gb"})),
		"high disk max headroom [150gb] more than low disk max headroom [100gb]")
}

func TestDefaultsFollowOtherSettings(t *testing.T) {
	assert.Equal(t, "always", AllowRebalance.Get(Of(nil)))
	assert.Equal(t, "indices_all_active", AllowRebalance.Get(Of(map[string]string{"cluster.routing.allocation.type": "balanced"})))
	assert.Equal(t, 200*GB, DiskLowHeadroom.Get(Of(nil)))
	assert.Equal(t, int64(-1), DiskLowHeadroom.Get(Of(map[string]string{"cluster.routing.allocation.disk.watermark.low": "80%"})))
	assert.Equal(t, 5, NodeConcurrentIncomingRecoveries.Get(Of(map[string]string{"cluster.routing.allocation.node_concurrent_recoveries": "5"})))
}
