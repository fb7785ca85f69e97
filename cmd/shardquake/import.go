package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/controller/daemon"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/importer"
	"github.com/shardquake/shardquake/sim/elastic/backend"
)

// importFlags are the words that vary an import.
type importFlags struct {
	out       string
	anonymize bool
	dryRun    bool
	force     bool
	sample    units.Duration
	timeout   units.Duration
	rate      float64
	access    daemon.Options
}

func newImportCommand() *cobra.Command {
	f := importFlags{timeout: units.Duration(5 * time.Minute), rate: 4, access: daemon.Defaults()}
	f.access.ES = ""
	cmd := &cobra.Command{
		Use:   "import [SOURCE…]",
		Short: "Make a scenario of a running cluster, a diagnostics bundle or answers of the API",
		Long: `Import takes over a cluster as it is: nodes, disks, settings, indices, and every copy
with its place, state and size. It writes NAME.yaml, a scenario that is ready to run, and
NAME.cluster.json.gz, the cluster.

A SOURCE is a support-diagnostics bundle (zip, tar.gz or a folder; scrubbed, incomplete or
cut off too) or files with answers of _cluster/state, _nodes, _nodes/stats,
_stats?level=shards, _cat/shards, _cat/allocation, _cat/nodes and others, as JSON or text.
Of several the newer overrules the older. What none tells is assumed, and said.
The output of "kv status --json" gives a scenario of a key-value store like that one.

With --es it asks a running cluster: only GET requests, those that --dry-run lists.`,
		Example: `  shardquake import api-diagnostics-20261130-120000.zip
  shardquake import state.json cat_shards.txt cat_allocation.txt --out mine
  shardquake import --es https://es1:9200 --api-key-file key --sample 60s --out prod
  shardquake import --es http://127.0.0.1:9200 --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	flags := cmd.Flags()
	f.access.BindAccess(flags)
	flags.StringVarP(&f.out, "out", "o", "", "NAME of the files to write, with or without a folder (default: the cluster's)")
	flags.BoolVar(&f.anonymize, "anonymize", false, "replace the names of cluster, nodes, indices, aliases and attribute values")
	flags.BoolVar(&f.dryRun, "dry-run", false, "with --es: list the requests, and make none")
	flags.BoolVar(&f.force, "force", false, "replace files that are there")
	flags.TextVar(&f.sample, "sample", f.sample, "with --es: look at the counters twice, so far apart (`duration`), for the load")
	flags.TextVar(&f.timeout, "timeout", f.timeout, "with --es: all requests together may take this `duration`")
	flags.Float64Var(&f.rate, "rate", f.rate, "with --es: requests in a second at most")
	return cmd
}

func (f *importFlags) run(cmd *cobra.Command, sources []string) error {
	live := cmd.Flags().Changed("es")
	switch {
	case f.dryRun && !live:
		return exit.Usagef("--dry-run lists the requests to a running cluster; expected --es URL")
	case !live && len(sources) == 0:
		return exit.Usagef("nothing to import; expected a file, a folder, an archive, or --es URL")
	case !(f.rate > 0) || f.timeout.D() <= 0 || f.sample.D() < 0:
		return exit.Usagef("--rate, --timeout and --sample: expected more than nothing")
	}
	out := cmd.OutOrStdout()
	if f.dryRun {
		for _, line := range importer.DryRun(f.sample.D()) {
			fmt.Fprintln(out, line)
		}
		return nil
	}
	if !live && len(sources) == 1 {
		if k, is, err := importer.ReadKV(sources[0]); is {
			return f.store(cmd, k, err)
		}
	}
	o := importer.Options{Sources: sources, Anonymize: f.anonymize}
	progress := newProgress(cmd.ErrOrStderr(), false)
	if live {
		var err error
		if o.Live, err = f.live(cmd, progress); err != nil {
			return err
		}
	}
	c, err := importer.Import(cmd.Context(), o)
	progress.done()
	switch {
	case errors.Is(err, importer.ErrSource) && live && len(sources) == 0:
		return &exit.Error{Code: exit.CodeUnavailable, Err: err}
	case errors.Is(err, importer.ErrSource):
		return exit.Usage(err)
	case err != nil:
		return err
	}
	name, err := f.write(c)
	if err != nil {
		return err
	}
	tellImport(out, c, name)
	return tellAgreement(cmd, c)
}

// store writes the scenario of a key-value store.
func (f *importFlags) store(cmd *cobra.Command, k *importer.KV, err error) error {
	switch {
	case err != nil:
		return exit.Usage(err)
	case f.anonymize:
		return exit.Usagef("--anonymize: the status of a key-value store has no names but those of nodes and zones; change them in the file")
	}
	name := strings.TrimSuffix(cmp.Or(f.out, k.Name()), ".yaml")
	file := name + ".yaml"
	if _, err := os.Lstat(file); err == nil && !f.force {
		return exit.Usagef("%s is there already; give another --out NAME, or --force", file)
	}
	if err := os.WriteFile(file, k.Draft(filepath.Base(name)), 0o644); err != nil {
		return exit.Usage(err)
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s: a key-value store of %d nodes, %d shards\n", filepath.Base(name), k.Nodes(), k.Shards())
	for _, a := range k.Assumptions() {
		fmt.Fprintln(out, a)
	}
	fmt.Fprintf(out, "\n  scenario  %s\n  next      shardquake run %s\n", file, file)
	return nil
}

// live is the cluster to ask, with the credentials of the flags and the environment.
func (f *importFlags) live(cmd *cobra.Command, p *progress) (*importer.Live, error) {
	o, err := (daemon.Source{Flags: cmd.Flags(), Env: os.LookupEnv}).Load()
	if err != nil {
		return nil, exit.Usage(err)
	}
	access, err := o.Access()
	if err != nil {
		return nil, exit.Usage(err)
	}
	return &importer.Live{
		URLs: access.URLs, Transport: access.Transport, Sample: f.sample.D(), Rate: f.rate, Timeout: f.timeout.D(), Progress: p.line,
	}, nil
}

// write writes both files, or none where one is there.
func (f *importFlags) write(c *clusterfile.Cluster) (string, error) {
	name := f.out
	if name == "" {
		name = strings.Map(func(r rune) rune {
			if strings.ContainsRune(`/\:`, r) || r < ' ' {
				return '-'
			}
			return r
		}, c.Name)
	}
	name = strings.TrimSuffix(name, ".yaml")
	scenario, cluster := name+".yaml", name+".cluster.json.gz"
	for _, path := range []string{scenario, cluster} {
		if _, err := os.Lstat(path); err == nil && !f.force {
			return "", exit.Usagef("%s is there already; give another --out NAME, or --force", path)
		}
	}
	if err := c.Save(cluster); err != nil {
		return "", exit.Usage(err)
	}
	text := importer.Draft(c, filepath.Base(name), filepath.Base(cluster))
	return name, os.WriteFile(scenario, text, 0o644)
}

// tellImport prints what was made, and what is not certain in it, what matters first.
func tellImport(out io.Writer, c *clusterfile.Cluster, name string) {
	copies, unassigned := countCopies(c)
	fmt.Fprintf(out, "%s: %d nodes, %d indices, %d copies", c.Name, len(c.Nodes), len(c.Indices), copies)
	if unassigned > 0 {
		fmt.Fprintf(out, ", %d of them unassigned", unassigned)
	}
	fmt.Fprintln(out)
	for _, u := range c.Unmodelled {
		fmt.Fprintf(out, "not simulated  %s\n", u)
	}
	for _, a := range c.Assumptions {
		fmt.Fprintf(out, "assumed        %s: %s (%s); it matters for %s\n", a.About, a.Took, a.Why, a.Matters)
	}
	for _, s := range c.Contradictions {
		fmt.Fprintf(out, "contradiction  %s\n", s)
	}
	for _, s := range c.Sources {
		if s.Problem != "" {
			fmt.Fprintf(out, "not read       %s: %s\n", s.Name, s.Problem)
		}
	}
	for _, k := range c.Kept {
		fmt.Fprintf(out, "in the file    %s\n", k)
	}
	fmt.Fprintf(out, "\n  cluster   %s.cluster.json.gz\n  scenario  %s.yaml\n  next      shardquake run %s.yaml\n", name, name, name)
}

// mostCompared is up to how many copies an import computes the desired balance: it takes
// seconds beyond.
const mostCompared = 30_000

// tellAgreement says whether the model wants the copies where the cluster does.
func tellAgreement(cmd *cobra.Command, c *clusterfile.Cluster) error {
	out := cmd.OutOrStdout()
	if copies, _ := countCopies(c); copies > mostCompared {
		fmt.Fprintf(out, "  balance   not compared: more than %d copies\n", mostCompared)
		return nil
	}
	a, err := backend.Agree(cmd.Context(), c)
	if err != nil {
		return exit.Usage(fmt.Errorf("the files are written, but the cluster can't be started: %w", err))
	}
	with := "where they are"
	if a.Own {
		with = "where the cluster's own desired balance does"
	}
	fmt.Fprintf(out, "  balance   the model wants %d of %d copies %s\n", a.Agree, a.Copies, with)
	for i, d := range a.Differences {
		if i == 5 {
			fmt.Fprintf(out, "            … and %d more shards\n", len(a.Differences)-i)
			break
		}
		fmt.Fprintf(out, "            %s on %s, not on %s: %s\n", d.Shard, strings.Join(d.Model, ", "), strings.Join(d.Cluster, ", "), d.Why)
	}
	return nil
}

func countCopies(c *clusterfile.Cluster) (all, unassigned int) {
	for _, ix := range c.Indices {
		for _, s := range ix.Shards {
			all += len(s.Copies)
			for _, cp := range s.Copies {
				if cp.State == clusterfile.NoNode {
					unassigned++
				}
			}
		}
	}
	return all, unassigned
}

// previewImported says what a scenario takes from a file.
func previewImported(out io.Writer, f *clusterfile.File) {
	copies, unassigned := countCopies(f.Cluster)
	fmt.Fprintf(out, "cluster   %s as imported: %d nodes, %d indices, %d copies (%d unassigned)\n", f.Name, len(f.Nodes), len(f.Indices), copies, unassigned)
	for _, u := range f.Unmodelled {
		fmt.Fprintf(out, "          not simulated: %s\n", u)
	}
	for _, a := range f.Assumptions {
		fmt.Fprintf(out, "          assumed: %s: %s\n", a.About, a.Took)
	}
}
