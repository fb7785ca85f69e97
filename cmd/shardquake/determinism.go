package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports/divergence"
	"github.com/shardquake/shardquake/scenarios"
)

// newEventsCommand prints every event of a run, one JSON document per line; it is
// what --check-determinism starts twice.
func newEventsCommand() *cobra.Command {
	var seed uint64
	var set []string
	scale, calibration := "", ""
	cmd := &cobra.Command{
		Use:    "events FILE|NAME",
		Short:  "Print every event of a simulated run",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := scenarios.Load(args[0], set, catalog.Vocabulary())
			if err != nil {
				return exit.Usage(err)
			}
			backend, err := simBackend(calibration)
			if err != nil {
				return exit.Usage(err)
			}
			out := bufio.NewWriterSize(cmd.OutOrStdout(), 1<<20)
			enc := json.NewEncoder(out)
			var writing error
			runner := &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain, OnEvent: func(e scenarios.Event) {
				if writing == nil {
					writing = enc.Encode(e)
				}
			}}
			if _, err := runner.Run(cmd.Context(), s, scenarios.Options{Seed: seed, Scale: scenarios.Scale(scale)}); err != nil {
				return err
			}
			if cmd.Context().Err() != nil { // the events end early
				return &exit.Error{Code: exit.CodeAborted}
			}
			return errors.Join(writing, out.Flush())
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 0, "seed")
	cmd.Flags().StringVar(&scale, "scale", string(scenarios.AsDescribed), "described or real")
	cmd.Flags().StringVar(&calibration, "calibration", "", "file with the constants of a machine")
	cmd.Flags().StringArrayVar(&set, "set", nil, "replace a value of the file")
	return cmd
}

// checkDeterminism runs a scenario twice, in processes of their own with one and two
// processors, and compares them event by event.
func checkDeterminism(cmd *cobra.Command, s *scenarios.Loaded, f *runFlags) error {
	words := []string{"events", nameOf(s), "--seed", strconv.FormatUint(f.seed, 10), "--scale", string(f.scaleFor(f.backend))}
	if f.calibration != "" {
		words = append(words, "--calibration", f.calibration)
	}
	for _, v := range f.set {
		words = append(words, "--set", v)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var streams [2]*bufio.Scanner
	var procs [2]*exec.Cmd
	for i := range procs {
		p := exec.CommandContext(cmd.Context(), self, words...)
		p.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(i+1))
		p.Stderr = cmd.ErrOrStderr()
		pipe, err := p.StdoutPipe()
		if err != nil {
			return err
		}
		if err := p.Start(); err != nil {
			return errors.Join(aborted(cmd.Context(), nil), err)
		}
		procs[i], streams[i] = p, bufio.NewScanner(bufio.NewReaderSize(pipe, 1<<20))
		streams[i].Buffer(nil, 1<<20)
	}
	at := divergence.Find(streams[0], streams[1])
	var ended [2]error
	for i, p := range procs {
		if at.Parted {
			p.Process.Kill()
		}
		ended[i] = p.Wait()
	}
	if err := aborted(cmd.Context(), ended[:]); err != nil {
		return err
	}
	for i, err := range ended {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok && !at.Parted && failed.ExitCode() > 0 {
			return &exit.Error{Code: failed.ExitCode(), Err: fmt.Errorf("run %d: %w", i+1, err)}
		}
		if err != nil && !at.Parted {
			return fmt.Errorf("run %d: %w", i+1, err)
		}
	}
	return tellDeterminism(cmd.OutOrStdout(), s.Name, at)
}

// aborted is the end of a check that was interrupted, nil if it was not: the signal reaches
// the runs too, and where they stopped says nothing of them.
func aborted(ctx context.Context, ended []error) error {
	told := slices.ContainsFunc(ended, func(err error) bool {
		failed, ok := errors.AsType[*exec.ExitError](err)
		return ok && failed.ExitCode() == exit.CodeAborted
	})
	if ctx.Err() == nil && !told {
		return nil
	}
	return &exit.Error{Code: exit.CodeAborted, Err: errors.New("aborted before all events were compared")}
}

func tellDeterminism(out io.Writer, name string, at divergence.Point) error {
	if !at.Parted {
		var e scenarios.Event
		if err := json.Unmarshal([]byte(at.Last), &e); err != nil {
			return fmt.Errorf("%s: no event was seen", name)
		}
		_, err := fmt.Fprintf(out, "PASS  %s: %d events are identical in two processes, trace hash %016x\n", name, e.Run, e.Hash)
		return err
	}
	fmt.Fprintf(out, "FAIL  %s: the first event that differs is number %d\n  first run   %s\n  second run  %s\n  before it   %s\n", name, at.Agree+1, orEnd(at.Lines[0]), orEnd(at.Lines[1]), at.Last)
	return &exit.Error{Code: exit.CodeFail}
}

func orEnd(s string) string {
	if s == "" {
		return "(the run had ended)"
	}
	return s
}

// nameOf is how a loaded scenario is named on a command line.
func nameOf(s *scenarios.Loaded) string {
	if s.Shipped {
		return strings.TrimSuffix(s.File, ".yaml")
	}
	return s.File
}
