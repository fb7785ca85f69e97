//determinism:realtime game days go with people

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/controller/daemon"
	"github.com/shardquake/shardquake/integration"
	"github.com/shardquake/shardquake/integration/own"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/gameday"
	"github.com/shardquake/shardquake/scenarios/importer"
)

// ownDay is what a game day on a cluster of one's own needs beside the rest.
type ownDay struct {
	day     *day
	name    string // of the scenario file
	cfg     *own.Config
	access  daemon.Access
	backend *integration.OwnBackend
	from    string // the file of the last import
}

// newOwnDay reads the cluster file.
func newOwnDay(d *day, name string) (*ownDay, error) {
	cfg, err := own.Read(d.flags.cluster)
	if err != nil {
		return nil, exit.Usage(err)
	}
	if err := cfg.Look(d.ctx); errors.Is(err, own.ErrConfig) {
		return nil, exit.Usage(err)
	} else if err != nil {
		return nil, &exit.Error{Code: exit.CodeUnavailable, Err: err}
	}
	o := &ownDay{day: d, name: name, cfg: cfg}
	if o.access, err = accessOf(cfg); err != nil {
		return nil, exit.Usage(err)
	}
	o.backend = &integration.OwnBackend{Config: cfg, Transport: o.access.Transport}
	if d.scenario.Cluster.From == "" {
		return nil, exit.Usagef("%s describes a cluster; expected cluster: {from: …}, a scenario of this one, such as shardquake import --es %s makes", name, o.access.URLs[0])
	}
	// A game day on one's own cluster is as large as the cluster is.
	d.flags.backend, d.scale = "real", scenarios.AsDescribed
	return o, nil
}

// begin makes sure that the cluster is the one that is meant, and imports it as it is now, for
// the prediction.
func (o *ownDay) begin() error {
	if o == nil {
		return nil
	}
	if err := o.looked(); err != nil {
		return err
	}
	if err := o.confirmed(); err != nil {
		return exit.Usage(err)
	}
	return o.secured()
}

// looked imports the cluster, and refuses a scenario that does not fit it.
func (o *ownDay) looked() error {
	if err := o.imported(); err != nil {
		return err
	}
	if len(o.day.scenario.Workload) > 0 && o.cfg.Load != own.LoadOwn {
		return exit.Usagef("%s has a workload, which would write into the cluster's indices; expected none, or load: own in %s", o.name, o.day.flags.cluster)
	}
	return nil
}

// accessOf is how to be let in, by the cluster file and the environment.
func accessOf(cfg *own.Config) (daemon.Access, error) {
	env, err := (daemon.Source{Flags: pflag.NewFlagSet("", pflag.ContinueOnError), Env: os.LookupEnv}).Load()
	if err != nil {
		return daemon.Access{}, err
	}
	var urls []string
	for _, n := range own.NewFleet(cfg, nil).Nodes() {
		urls = append(urls, cfg.Nodes[n].HTTP)
	}
	env.ES = daemon.Names(strings.Join(urls, ","))
	read := func(file string, into *string) error {
		if file == "" {
			return nil
		}
		text, err := os.ReadFile(file)
		*into = strings.TrimSpace(string(text))
		return err
	}
	if cfg.User != "" {
		env.User = cfg.User
	}
	if cfg.CACert != "" {
		env.CACert = cfg.CACert
	}
	if err := errors.Join(read(cfg.PasswordFile, &env.Password), read(cfg.APIKeyFile, &env.APIKey)); err != nil {
		return daemon.Access{}, err
	}
	return env.Access()
}

// imported takes the cluster over as it is now, and has the scenario begin there.
func (o *ownDay) imported() error {
	d := o.day
	live := &importer.Live{URLs: o.access.URLs, Transport: o.access.Transport, Rate: 20, Timeout: 5 * time.Minute, Progress: d.progress.line}
	c, err := importer.Import(d.ctx, importer.Options{Live: live})
	d.progress.done()
	if err != nil {
		return &exit.Error{Code: exit.CodeUnavailable, Err: fmt.Errorf("importing the cluster: %w", err)}
	}
	if c.UUID != o.cfg.UUID || c.Name != o.cfg.Name {
		return exit.Usagef("%s: the nodes are of cluster %s with UUID %s, and the file names %s with %s", d.flags.cluster, c.Name, c.UUID, o.cfg.Name, o.cfg.UUID)
	}
	file, err := filepath.Abs(d.flags.out + ".cluster.json.gz")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err = errors.Join(err, c.Save(file)); err != nil {
		return exit.Usage(err)
	}
	s, err := scenarios.Load(o.name, append(slices.Clone(d.flags.set), "cluster.from="+file), catalog.Vocabulary())
	if err != nil {
		return exit.Usage(err)
	}
	if d.flags.seed != 0 {
		s.Seed = d.flags.seed
	}
	o.from = file
	d.scenario, err = s.Drawn(s.Seed)
	return err
}

// confirmed asks for the cluster's name and UUID, typed in.
func (o *ownDay) confirmed() error {
	want := o.cfg.Name + "/" + o.cfg.UUID
	if o.day.flags.confirm != want {
		return fmt.Errorf("faults will be made on a cluster that Shardquake did not start; expected --confirm %s, its name and UUID", want)
	}
	return nil
}

// rehearsed are the commands of the plan.
func (o *ownDay) rehearsed() (*own.Rehearsal, error) {
	s := o.day.scenario
	return o.cfg.Rehearse(o.day.ctx, s.Faults, s.Topology(), s.Duration.D())
}

// spellOut puts into a plan which cluster it is for, and the commands: they are approved too.
func (o *ownDay) spellOut(p *gameday.Plan) error {
	if o == nil {
		return nil
	}
	r, err := o.rehearsed()
	if err != nil {
		return err
	}
	// The text is the file's own, without the name of this import.
	_, text, err := scenarios.Read(o.name)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(append(text, strings.Join(o.day.flags.set, "\n")...))
	p.Text, p.Cluster = hex.EncodeToString(sum[:]), o.cfg.Name+"/"+o.cfg.UUID
	for _, order := range r.Orders {
		p.Orders = append(p.Orders, order.Line())
	}
	return nil
}

// secured refuses to begin where the cluster file's conditions don't hold now.
func (o *ownDay) secured() error {
	r, err := o.rehearsed()
	if err != nil {
		return exit.Usage(err)
	}
	if len(r.Bound) > 0 && o.day.flags.despite == "" {
		return exit.Usagef("not self-healing: only this machine undoes %s; expected --despite REASON", strings.Join(r.Bound, ", "))
	}
	p, err := o.backend.Picture(o.day.ctx)
	if err != nil {
		return &exit.Error{Code: exit.CodeUnavailable, Err: err}
	}
	if what := o.cfg.Unsteady(p); len(what) > 0 && o.day.flags.despite == "" {
		return exit.Usagef("the cluster is not steady: %s; expected all of it up and green, or --despite REASON", firstOf(what, 3))
	}
	if want := o.cfg.SnapshotWithin.D(); want > 0 {
		age, is, err := o.backend.SnapshotAge(o.day.ctx, time.Now())
		switch {
		case err != nil:
			return &exit.Error{Code: exit.CodeUnavailable, Err: err}
		case !is:
			return exit.Usagef("the cluster has no successful snapshot; snapshot-within asks for one of the last %s", want)
		case age > want:
			return exit.Usagef("the last successful snapshot is %s old; snapshot-within asks for one of the last %s", age.Round(time.Second), want)
		}
	}
	return nil
}

// firstOf is a list's beginning, and how much more there is.
func firstOf(what []string, n int) string {
	if len(what) <= n {
		return strings.Join(what, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(what[:n], ", "), len(what)-n)
}

// dryRun prints every command.
func (o *ownDay) dryRun() error {
	if err := o.looked(); err != nil {
		return err
	}
	r, err := o.rehearsed()
	if err != nil {
		return exit.Usage(err)
	}
	out := o.day.cmd.OutOrStdout()
	fmt.Fprintf(out, "cluster %s (%s): %d faults, nothing is done\n", o.cfg.Name, o.cfg.UUID, len(o.day.scenario.Faults))
	for _, order := range r.Orders {
		fmt.Fprintln(out, "  "+order.Line())
	}
	if len(r.Bound) > 0 {
		fmt.Fprintf(out, "not self-healing: only this machine undoes %s\n", strings.Join(r.Bound, ", "))
	}
	return nil
}

// still imports the cluster once more, now that it has been approved: a change that alters the
// prediction voids the approval. Without a cluster of one's own there is nothing to look at.
func (o *ownDay) still() error {
	if o == nil {
		return nil
	}
	before := o.day.predict
	if err := o.imported(); err != nil {
		return err
	}
	now, err := o.day.simulated("predicting again, from the cluster as it is now")
	if err != nil {
		return err
	}
	if how := before.Departs(now); len(how) > 0 {
		return fmt.Errorf("the cluster has changed since it was approved, and with it the prediction: %s; begin again", strings.Join(how, "; "))
	}
	return nil
}

// kept is a plan that was shown: what would be done, and what was predicted then.
type kept struct {
	Done       string              `json:"done_sha256"` // the plan's hash without its prediction
	Prediction *gameday.Prediction `json:"prediction"`
}

// done is what a plan comes to whatever is predicted.
func done(p gameday.Plan) (string, error) {
	p.Prediction = ""
	return p.Hash()
}

func (o *ownDay) plans() string { return filepath.Join(filepath.Dir(o.day.flags.out), "plans") }

// keepForApproval writes down what is shown, so that it can be approved by its hash later, when the cluster
// is imported anew: no two imports of a living cluster are the same to the byte.
func (o *ownDay) keepForApproval() error {
	if o == nil {
		return nil
	}
	what, err := done(*o.day.plan)
	if err != nil {
		return err
	}
	text, err := json.Marshal(kept{what, o.day.predict})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.plans(), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.plans(), o.day.hash+".json"), text, 0o600)
}

// shown finds what was shown under a hash, or its beginning, and refuses it where the plan or
// what is predicted is another by now.
func (o *ownDay) shown(hash string) error {
	files, err := filepath.Glob(filepath.Join(o.plans(), strings.Map(hexOnly, hash)+"*.json"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("no plan %q was shown before, in %s: look at it again", hash, o.plans())
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	var was kept
	if err := json.Unmarshal(text, &was); err != nil {
		return fmt.Errorf("%s: %w", files[0], err)
	}
	is, err := done(*o.day.plan)
	switch {
	case err != nil:
		return err
	case is != was.Done:
		return fmt.Errorf("approved was plan %q, and what would be done is another by now: look at it again", hash)
	}
	if how := was.Prediction.Departs(o.day.predict); len(how) > 0 {
		return fmt.Errorf("the cluster has changed since plan %q was shown, and with it the prediction: %s; look at it again", hash, strings.Join(how, "; "))
	}
	return nil
}

func hexOnly(r rune) rune {
	if strings.ContainsRune("0123456789abcdef", r) {
		return r
	}
	return -1
}

// allows looks at the cluster before a fault strikes, and refuses what is beyond the limits of
// the cluster file now.
func (o *ownDay) allows(_ chaos.Fault, victims []string) error {
	if o == nil || len(victims) == 0 {
		return nil
	}
	p, err := o.backend.Picture(o.day.ctx)
	if err != nil {
		return err
	}
	return o.cfg.Allows(p, victims)
}
