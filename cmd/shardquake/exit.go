package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/shardquake/shardquake/internal/exitcode"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
)

// Exit codes of the command.
const (
	exitPass        = exitcode.Pass
	exitFail        = exitcode.Fail
	exitUsage       = exitcode.Usage
	exitUnavailable = exitcode.Unavailable
	exitAborted     = exitcode.Aborted
	exitUnknown     = exitcode.Unknown
	exitNotKept     = exitcode.NotKept
	exitDefect      = exitcode.Defect
)

// exitError is an error with the exit code it asks for; an empty message has been
// told already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage marks an error as the caller's: wrong words, or a bad file.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitUsage, err}
}

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// exitCode is the code for what a command returned.
func exitCode(err error) int {
	if err == nil {
		return exitPass
	}
	var coded *exitError
	var disk *fs.PathError // no room, no permission
	switch {
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &disk), isUsage(err):
		return exitUsage
	}
	return exitcode.OfError(err)
}

// isUsage recognises cobra's complaints about words.
func isUsage(err error) bool {
	msg := err.Error()
	return strings.HasPrefix(msg, "unknown command") || strings.Contains(msg, "flags in the group") || strings.Contains(msg, "arg(s)") || strings.HasPrefix(msg, "requires ")
}

// withNearestFlag adds to a complaint about an unknown flag the one that was perhaps meant.
func withNearestFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if nearest := source.Nearest(unknown.GetSpecifiedName(), names); nearest != "" {
		return fmt.Errorf("%w; did you mean --%s?", err, nearest)
	}
	return fmt.Errorf("%w; %s --help lists those there are", err, cmd.CommandPath())
}

// verdictError is the exit of a run by its verdict, told already by the summary.
func verdictError(v scenarios.Verdict) error {
	if code := exitcode.OfVerdict(v); code != exitPass {
		return &exitError{code: code}
	}
	return nil
}

// notKept is the exit of a run whose files could not be written: the verdict was told, and is
// named once more, apart from the failure.
func notKept(v scenarios.Verdict, err error) error {
	return &exitError{exitNotKept, fmt.Errorf("the verdict is %s, but the report could not be written: %w", v, err)}
}
