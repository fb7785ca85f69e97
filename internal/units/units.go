package units

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written "90s", "5m", "1h30m", "200ms".
type Duration time.Duration

// D is the duration as package time has it.
func (d Duration) D() time.Duration { return time.Duration(d) }

// ParseDuration reads a duration; a bare number other than 0 has no unit and is refused.
func ParseDuration(s string) (Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration: expected a number with a unit, such as 500ms, 90s, 5m or 1h30m", s)
	}
	return Duration(d), nil
}

func (d Duration) String() string { return FormatDuration(time.Duration(d)) }

// FormatDuration is time.Duration's text without zero tails: 5m rather than 5m0s.
func FormatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// parseNumber reads a number; infinity and what is not a number are none.
func parseNumber(s string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		err = strconv.ErrRange
	}
	return v, err
}

// Size is bytes, written "100gb", "50mb", "512kb", "800b"; units are powers of 1024
// as in Elasticsearch.
type Size int64

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"pb", 1 << 50}, {"tb", 1 << 40}, {"gb", 1 << 30}, {"mb", 1 << 20}, {"kb", 1 << 10}, {"b", 1}}

// ParseSize reads a size in bytes.
func ParseSize(s string) (Size, error) {
	bad := fmt.Errorf("%q is not a size: expected a number with b, kb, mb, gb, tb or pb, such as 50mb", s)
	low := strings.ToLower(strings.TrimSpace(s))
	for _, u := range sizeUnits {
		num, ok := strings.CutSuffix(low, u.suffix)
		if !ok {
			continue
		}
		v, err := parseNumber(num)
		if err != nil || v < 0 || v*float64(u.bytes) >= math.MaxInt64 {
			return 0, bad
		}
		return Size(v * float64(u.bytes)), nil
	}
	return 0, bad
}

func (s Size) String() string { return FormatBytes(int64(s)) }

// FormatBytes writes bytes in the largest unit of which they are a whole number, or
// with one decimal in the largest unit below them.
func FormatBytes(n int64) string {
	if n == 0 {
		return "0b"
	}
	for _, u := range sizeUnits {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
		if n >= 10*u.bytes {
			return strconv.FormatFloat(float64(n)/float64(u.bytes), 'f', 1, 64) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10) + "b"
}

// Percent is a percentage written "85%"; its value is 85.
type Percent float64

// ParsePercent reads "85%".
func ParsePercent(s string) (Percent, error) {
	num, ok := strings.CutSuffix(strings.TrimSpace(s), "%")
	v, err := parseNumber(num)
	if !ok || err != nil || v < 0 || v > 100 {
		return 0, fmt.Errorf("%q is not a percentage: expected 0%% to 100%%, such as 85%%", s)
	}
	return Percent(v), nil
}

func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'g', -1, 64) + "%" }

// Rate is operations per second, written "500/s" or "30/m".
type Rate float64

// ParseRate reads a rate.
func ParseRate(s string) (Rate, error) {
	num, per, ok := strings.Cut(strings.TrimSpace(s), "/")
	div, known := map[string]float64{"s": 1, "m": 60, "h": 3600}[per]
	v, err := parseNumber(num)
	if !ok || !known || err != nil || v < 0 {
		return 0, fmt.Errorf("%q is not a rate: expected a number per second, minute or hour, such as 500/s", s)
	}
	return Rate(v / div), nil
}

func (r Rate) String() string { return strconv.FormatFloat(float64(r), 'g', -1, 64) + "/s" }

// Bandwidth is bytes per second, written in bits ("1gbit", "100mbit") or bytes
// ("5mb/s"). Bits count in powers of 1000, bytes in powers of 1024.
type Bandwidth int64

var bitUnits = []struct {
	suffix string
	bits   float64
}{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}}

// ParseBandwidth reads a bandwidth.
func ParseBandwidth(s string) (Bandwidth, error) {
	low := strings.ToLower(strings.TrimSpace(s))
	for _, u := range bitUnits {
		if num, ok := strings.CutSuffix(low, u.suffix); ok {
			if v, err := parseNumber(num); err == nil && v > 0 && v*u.bits/8 < math.MaxInt64 {
				return Bandwidth(v * u.bits / 8), nil
			}
		}
	}
	if num, ok := strings.CutSuffix(low, "/s"); ok {
		if v, err := ParseSize(num); err == nil && v > 0 {
			return Bandwidth(v), nil
		}
	}
	return 0, fmt.Errorf("%q is not a bandwidth: expected bits such as 1gbit or 100mbit, or bytes such as 5mb/s", s)
}

func (b Bandwidth) String() string {
	for _, u := range bitUnits {
		if bits := float64(b) * 8 / u.bits; bits >= 1 && bits == math.Trunc(bits) {
			return strconv.FormatFloat(bits, 'f', -1, 64) + u.suffix
		}
	}
	return FormatBytes(int64(b)) + "/s"
}

// Fraction scales something down, written "1/1000"; 1 leaves it as it is.
type Fraction struct{ Num, Den int64 }

// ParseFraction reads "1/1000" or "1".
func ParseFraction(s string) (Fraction, error) {
	num, den, has := strings.Cut(strings.TrimSpace(s), "/")
	n, err1 := strconv.ParseInt(strings.TrimSpace(num), 10, 64)
	d, err2 := int64(1), error(nil)
	if has {
		d, err2 = strconv.ParseInt(strings.TrimSpace(den), 10, 64)
	}
	if err1 != nil || err2 != nil || n <= 0 || d <= 0 || n > d {
		return Fraction{}, fmt.Errorf("%q is not a fraction: expected 1/N, such as 1/1000", s)
	}
	return Fraction{n, d}, nil
}

// Of scales n, rounding down; the zero Fraction is 1.
func (f Fraction) Of(n int64) int64 {
	if f.Den == 0 {
		return n
	}
	v := new(big.Int).Mul(big.NewInt(n), big.NewInt(f.Num))
	return v.Div(v, big.NewInt(f.Den)).Int64()
}

func (f Fraction) String() string {
	if f.Den <= 1 {
		return "1"
	}
	return fmt.Sprintf("%d/%d", f.Num, f.Den)
}

// Skew is how unevenly operations fall on shards: "even" or "zipf(1.1)".
type Skew float64

// ParseSkew reads a skew; its value is Zipf's exponent, 0 when even.
func ParseSkew(s string) (Skew, error) {
	s = strings.TrimSpace(s)
	if s == "even" {
		return 0, nil
	}
	if arg, ok := strings.CutPrefix(s, "zipf("); ok {
		if arg, ok = strings.CutSuffix(arg, ")"); ok {
			if v, err := parseNumber(arg); err == nil && v >= 0 && v <= 10 {
				return Skew(v), nil
			}
		}
	}
	return 0, fmt.Errorf("%q is not a skew: expected even or zipf(EXPONENT), such as zipf(1.1)", s)
}

func (s Skew) String() string {
	if s == 0 {
		return "even"
	}
	return "zipf(" + strconv.FormatFloat(float64(s), 'g', -1, 64) + ")"
}
