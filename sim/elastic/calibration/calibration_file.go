package calibration

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A calibration file is a JSON object with the constants by name: times as texts
// ("40ms"), others as numbers. What it leaves out is as in [Default].

// fields calls f with the name and the value of every constant, in order.
func (c *Constants) fields(f func(name string, v reflect.Value) error) error {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if err := f(snake(v.Type().Field(i).Name), v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

// snake turns NodeStartEmpty into node_start_empty, CopyBPS into copy_bps.
func snake(name string) string {
	var b strings.Builder
	upper := func(i int) bool { return i >= 0 && i < len(name) && name[i] >= 'A' && name[i] <= 'Z' }
	for i := range len(name) {
		if i > 0 && upper(i) && (!upper(i-1) || i+1 < len(name) && !upper(i+1)) {
			b.WriteByte('_')
		}
		b.WriteByte(name[i])
	}
	return strings.ToLower(b.String())
}

// MarshalJSON writes every constant, in the order of the struct.
func (c Constants) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	sep := "{"
	err := c.fields(func(name string, v reflect.Value) error {
		value := v.Interface()
		if d, ok := value.(time.Duration); ok {
			value = d.String()
		}
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s%q:%s", sep, name, text)
		sep = ","
		return nil
	})
	b.WriteByte('}')
	return []byte(b.String()), err
}

// UnmarshalJSON reads the constants named and leaves the others as they are.
func (c *Constants) UnmarshalJSON(data []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	err := c.fields(func(name string, v reflect.Value) error {
		text, ok := raw[name]
		if !ok {
			return nil
		}
		delete(raw, name)
		if err := readConstant(text, v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var unknown []string
	for name := range raw {
		unknown = append(unknown, name)
	}
	if slices.Sort(unknown); len(unknown) > 0 {
		return fmt.Errorf("unknown constants: %s", strings.Join(unknown, ", "))
	}
	return nil
}

func readConstant(text json.RawMessage, v reflect.Value) error {
	if v.Type() != reflect.TypeFor[time.Duration]() {
		var n int64
		if err := json.Unmarshal(text, &n); err != nil {
			return err
		}
		if n < 0 {
			return errors.New("less than nothing")
		}
		v.SetInt(n)
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return err
	}
	if d < 0 {
		return errors.New("less than nothing")
	}
	v.SetInt(int64(d))
	return nil
}

// Read reads a calibration file.
func Read(path string) (Constants, error) {
	c := Default()
	data, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("calibration file: %w", err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("calibration file %s: %w", path, err)
	}
	return c, nil
}
