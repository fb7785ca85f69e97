package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/controller/recovery"
	"github.com/shardquake/shardquake/controller/tuning"
)

// leastInterval is the shortest time between two rounds: every round asks the whole
// cluster, and a shorter one is a slip of the unit.
const leastInterval = time.Second

// check finds values that make no sense.
func (o *Options) check() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Interval.D() < leastInterval {
		add("interval %v: must be %v or more", o.Interval, leastInterval)
	}
	if o.CallTimeout.D() <= 0 {
		add("call-timeout %v: must be positive", o.CallTimeout)
	}
	if o.SyncDelayThreshold <= 0 {
		add("sync-delay-threshold %d: must be positive", o.SyncDelayThreshold)
	}
	if o.Patience.D() <= 0 {
		add("patience %v: must be positive", o.Patience)
	}
	if o.ConsistencyEvery.D() < 0 {
		add("consistency-every %v: must not be negative", o.ConsistencyEvery)
	}
	if o.Lease.D() < 0 {
		add("lease %v: must not be negative", o.Lease)
	}
	errs = append(errs, o.checkNames()...)
	if _, err := distance(o.Distance); err != nil {
		errs = append(errs, err)
	}
	for _, w := range o.OffPeak.list() {
		if _, err := tuning.ParseWindow(w); err != nil {
			errs = append(errs, err)
		}
	}
	for _, a := range o.Approve.list() {
		errs = append(errs, recovery.Approval(a).Check())
	}
	errs = append(errs, o.checkIdle()...)
	if o.Listen != "" {
		errs = append(errs, o.checkListen())
	}
	return errors.Join(errs...)
}

// checkNames finds names that don't exist.
func (o *Options) checkNames() []error {
	var errs []error
	oneOf := func(what, got string, valid ...string) {
		if !slices.Contains(valid, got) {
			errs = append(errs, unknownName(what, got, valid))
		}
	}
	oneOf("log-format", o.LogFormat, "lines", "text", "json")
	var triggers []string
	for _, t := range controller.Triggers() {
		triggers = append(triggers, string(t))
	}
	oneOf("trigger", o.Trigger, triggers...)
	oneOf("settings-scope", o.SettingsScope, string(controller.Persistent), string(controller.Transient))
	var policies []string
	for _, r := range policy.Registry() {
		policies = append(policies, r.Name)
	}
	for _, name := range append([]string{o.Policy}, o.Shadow.list()...) {
		oneOf("policy", name, policies...)
	}
	return errs
}

// checkIdle finds options that would do nothing beside the others.
func (o *Options) checkIdle() []error {
	var errs []error
	idle := func(given bool, format string) {
		if given {
			errs = append(errs, errors.New(format))
		}
	}
	idle(o.OffPeak != "" && !o.Tune && o.Policy != "variance", "off-peak windows are for tuned recoveries and the policy variance: --tune is missing")
	idle(o.Approve != "" && o.WatchOnly, "approve is for the recovery manager, which watch-only switches off")
	idle(o.FaultHistory != "" && o.WatchOnly, "fault-history is kept by the recovery manager, which watch-only switches off")
	idle(o.Name != "" && o.Lease == 0, "name is this controller's name in the lease: --lease is missing")
	return errs
}

// checkListen asks for a token where others can reach the API.
func (o *Options) checkListen() error {
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fmt.Errorf("listen %q: want host:port, such as 127.0.0.1:8080: %w", o.Listen, err)
	}
	if n, err := strconv.Atoi(port); err == nil && (n < 0 || n > 65535) {
		return fmt.Errorf("listen %q: the port is no number from 0 to 65535", o.Listen)
	}
	addr, err := netip.ParseAddr(host)
	local := strings.EqualFold(host, "localhost") || (err == nil && addr.IsLoopback())
	if !local && o.Token == "" {
		return fmt.Errorf("listen %q: an address that others can reach needs a token (--token-file, or SHARDQUAKE_TOKEN)", o.Listen)
	}
	return nil
}

// distance reads the distances between nodes; none are known without a text.
func distance(text string) (policy.Distance, error) {
	if text == "" {
		return policy.Distance{}, nil
	}
	return policy.ParseDistance(text)
}
