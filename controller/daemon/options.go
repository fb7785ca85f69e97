package daemon

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/units"
)

// ErrOptions marks errors in what the user asked for.
var ErrOptions = errors.New("bad configuration")

// Options configure the daemon. Each is a flag, a key of the configuration file and an
// environment variable: SHARDQUAKE_ and the name in capitals with underscores. A flag
// counts more than the environment, that more than the file.
type Options struct {
	ES           Names  `yaml:"es"`
	APIKey       string `yaml:"api-key"`
	APIKeyFile   string `yaml:"api-key-file"`
	User         string `yaml:"user"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password-file"`
	CACert       string `yaml:"ca-cert"`

	Policy             string         `yaml:"policy"`
	Shadow             Names          `yaml:"shadow"`
	Distance           string         `yaml:"distance"`
	Interval           units.Duration `yaml:"interval"`
	CallTimeout        units.Duration `yaml:"call-timeout"`
	SettingsScope      string         `yaml:"settings-scope"`
	SyncDelayThreshold int64          `yaml:"sync-delay-threshold"`
	RestoreOnExit      bool           `yaml:"restore-on-exit"`
	WatchOnly          bool           `yaml:"watch-only"`
	// Trigger is what is done where somebody has switched allocation off and copies need a
	// node, after Patience without a sign that they are at work.
	Trigger  string         `yaml:"trigger"`
	Patience units.Duration `yaml:"patience"`

	// ConsistencyEvery is the time between two checks of all indices; 0: only when asked.
	ConsistencyEvery units.Duration `yaml:"consistency-every"`
	// FaultHistory is the file in which the recovery manager keeps past faults.
	FaultHistory string `yaml:"fault-history"`
	// Approve are actions of the recovery manager that a person allows.
	Approve Names `yaml:"approve"`

	// Lease is how long the leadership holds without a renewal; 0: there is one controller.
	Lease units.Duration `yaml:"lease"`
	Name  string         `yaml:"name"`
	// Tune sets the pace of recoveries by the load of the nodes; OffPeak are the daily
	// windows in which they may go faster.
	Tune    bool  `yaml:"tune"`
	OffPeak Names `yaml:"off-peak"`

	Listen    string `yaml:"listen"`
	Token     string `yaml:"token"`
	TokenFile string `yaml:"token-file"`
	LogFormat string `yaml:"log-format"`
}

// Defaults are the options that hold when nothing is said.
func Defaults() Options {
	return Options{
		ES: "http://127.0.0.1:9200", Policy: "threshold", Interval: units.Duration(30 * time.Second), CallTimeout: units.Duration(10 * time.Second),
		Trigger: string(controller.TriggerAlarm), Patience: units.Duration(controller.DefaultPatience),
		SettingsScope: string(controller.Persistent), SyncDelayThreshold: 1000, Listen: "127.0.0.1:8080", LogFormat: "lines",
	}
}

// Bind declares the flags.
func (o *Options) Bind(fs *pflag.FlagSet) {
	var names []string
	for _, r := range policy.Registry() {
		names = append(names, r.Name)
	}
	o.BindAccess(fs)
	fs.StringVar(&o.Policy, "policy", o.Policy, "policy about shards: "+strings.Join(names, ", "))
	fs.StringVar((*string)(&o.Shadow), "shadow", string(o.Shadow), "policies that are asked beside it and do nothing, separated by commas")
	fs.StringVar(&o.Distance, "distance", o.Distance, "how far nodes are from each other by an attribute, such as zone(same=0, other=1, a/b=2); policies prefer near targets")
	fs.TextVar(&o.Interval, "interval", o.Interval, "`duration` between two rounds")
	fs.TextVar(&o.CallTimeout, "call-timeout", o.CallTimeout, "`duration` that one call to Elasticsearch may take")
	fs.StringVar(&o.SettingsScope, "settings-scope", o.SettingsScope, "how settings are made: persistent or transient")
	fs.Int64Var(&o.SyncDelayThreshold, "sync-delay-threshold", o.SyncDelayThreshold, "operations that a replica may be behind before an alert")
	fs.BoolVar(&o.RestoreOnExit, "restore-on-exit", o.RestoreOnExit, "put the settings that were changed back on a graceful stop")
	fs.BoolVar(&o.WatchOnly, "watch-only", o.WatchOnly, "report unassigned copies and do nothing about them")
	fs.StringVar(&o.Trigger, "trigger", o.Trigger, "where somebody has switched allocation off and copies need a node, after the patience: never, alarm, or act, which switches it on")
	fs.TextVar(&o.Patience, "patience", o.Patience, "`duration` without a sign that somebody is at work before the trigger")
	fs.TextVar(&o.ConsistencyEvery, "consistency-every", o.ConsistencyEvery, "`duration` between two comparisons of all copies; 0s: only when asked")
	fs.StringVar(&o.FaultHistory, "fault-history", o.FaultHistory, "file that keeps past faults and times to recovery (default: memory)")
	fs.StringVar((*string)(&o.Approve), "approve", string(o.Approve), "actions allowed though they lose data or overrule somebody, as action or action:index, separated by commas")
	fs.TextVar(&o.Lease, "lease", o.Lease, "share the cluster with other controllers: one acts, and is replaced when it is silent for this `duration`; 0s: there are no others")
	fs.StringVar(&o.Name, "name", o.Name, "name of this controller in the lease (default: host name and process id)")
	fs.BoolVar(&o.Tune, "tune", o.Tune, "set the pace of recoveries by the load of the nodes")
	fs.StringVar((*string)(&o.OffPeak), "off-peak", string(o.OffPeak), "daily windows in UTC, such as 22:00-06:00, in which tuned recoveries may go faster than normal and the policy variance does what can wait, separated by commas")
	fs.StringVar(&o.Listen, "listen", o.Listen, "address of the HTTP API; empty: none")
	fs.StringVar(&o.Token, "token", o.Token, "token that the HTTP API asks for (better: --token-file or SHARDQUAKE_TOKEN)")
	fs.StringVar(&o.TokenFile, "token-file", o.TokenFile, "file with the token")
	fs.StringVar(&o.LogFormat, "log-format", o.LogFormat, "lines, text or json")
}

// BindAccess declares the flags that say where a cluster is and how to be let in, for other
// commands too.
func (o *Options) BindAccess(fs *pflag.FlagSet) {
	fs.StringVar((*string)(&o.ES), "es", string(o.ES), "Elasticsearch nodes, separated by commas, in the order of preference")
	fs.StringVar(&o.APIKey, "api-key", o.APIKey, "API key (better: --api-key-file or SHARDQUAKE_API_KEY)")
	fs.StringVar(&o.APIKeyFile, "api-key-file", o.APIKeyFile, "file with the API key")
	fs.StringVar(&o.User, "user", o.User, "user name")
	fs.StringVar(&o.Password, "password", o.Password, "password (better: --password-file or SHARDQUAKE_PASSWORD)")
	fs.StringVar(&o.PasswordFile, "password-file", o.PasswordFile, "file with the password")
	fs.StringVar(&o.CACert, "ca-cert", o.CACert, "file with the certificates of the authorities to trust, in PEM (default: the system's)")
}

// differing are the keys whose values are others than in o, without the values: some are
// secrets.
func (o Options) differing(than Options) []string {
	var out []string
	a, b := reflect.ValueOf(o), reflect.ValueOf(than)
	for i := range a.NumField() {
		if !a.Field(i).Equal(b.Field(i)) {
			out = append(out, a.Type().Field(i).Tag.Get("yaml"))
		}
	}
	return out
}

// Source is where options come from.
type Source struct {
	Flags *pflag.FlagSet // parsed
	Env   func(name string) (string, bool)
	File  string // "" none
}

// EnvName is the environment variable of a flag.
func EnvName(flag string) string {
	return "SHARDQUAKE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Load reads all sources. Errors wrap [ErrOptions]; those in the file say where.
func (s Source) Load() (Options, error) {
	o := Defaults()
	if s.File != "" {
		data, err := os.ReadFile(s.File)
		if err != nil {
			return o, fmt.Errorf("%w: %w", ErrOptions, err)
		}
		if err := decode(s.File, data, &o); err != nil {
			return o, fmt.Errorf("%w: %w", ErrOptions, err)
		}
	}
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.Bind(own)
	var errs []error
	own.VisitAll(func(f *pflag.Flag) {
		if value, ok := s.Env(EnvName(f.Name)); ok {
			if err := own.Set(f.Name, value); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", EnvName(f.Name), err))
			}
		}
		if given := s.Flags.Lookup(f.Name); given != nil && given.Changed {
			errs = append(errs, own.Set(f.Name, given.Value.String()))
		}
	})
	errs = append(errs, o.readSecrets(), o.check())
	if err := errors.Join(errs...); err != nil {
		return o, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return o, nil
}

// readSecrets fills secrets from their files.
func (o *Options) readSecrets() error {
	var errs []error
	for _, s := range []struct {
		name, file string
		into       *string
	}{{"api-key", o.APIKeyFile, &o.APIKey}, {"password", o.PasswordFile, &o.Password}, {"token", o.TokenFile, &o.Token}} {
		switch {
		case s.file == "":
			continue
		case *s.into != "":
			errs = append(errs, fmt.Errorf("both %s and %s-file are given", s.name, s.name))
			continue
		}
		data, err := os.ReadFile(s.file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if *s.into = strings.TrimSpace(string(data)); *s.into == "" {
			errs = append(errs, fmt.Errorf("%s-file %s is empty", s.name, s.file))
		}
	}
	return errors.Join(errs...)
}
