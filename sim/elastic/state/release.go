package state

import (
	"fmt"
	"regexp"
	"strconv"
)

// Release is a version of Elasticsearch, as a number that orders as versions do; 0 is
// [Modelled].
type Release int32

// Modelled is the release whose decisions and answers the model has.
const Modelled Release = 8_19_00

var releaseText = regexp.MustCompile(`^(\d{1,2})\.(\d{1,2})\.(\d{1,2})$`)

// ParseRelease reads a version such as 8.18.2.
func ParseRelease(text string) (Release, error) {
	m := releaseText.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is not a version of Elasticsearch; expected one such as %s", text, Modelled)
	}
	r := Release(0)
	for _, part := range m[1:] {
		n, err := strconv.Atoi(part)
		if err != nil {
			return 0, err
		}
		r = r*100 + Release(n)
	}
	return r, nil
}

// String is the version as people write it.
func (r Release) String() string {
	r = r.known()
	return fmt.Sprintf("%d.%d.%d", r/10000, r/100%100, r%100)
}

// Before reports whether the version is older than another one.
func (r Release) Before(o Release) bool { return r.known() < o.known() }

// Next is the release after this one that changes least.
func (r Release) Next() Release { return r.known() + 1 }

func (r Release) known() Release {
	if r == 0 {
		return Modelled
	}
	return r
}
