package exit

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
	CodePass        = exitcode.Pass
	CodeFail        = exitcode.Fail
	CodeUsage       = exitcode.Usage
	CodeUnavailable = exitcode.Unavailable
	CodeAborted     = exitcode.Aborted
	CodeUnknown     = exitcode.Unknown
	CodeNotKept     = exitcode.NotKept
	CodeDefect      = exitcode.Defect
)

// Error is an error with the exit code it asks for; an empty message has been
// told already.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Usage marks an error as the caller's: wrong words, or a bad file.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return &Error{CodeUsage, err}
}

func Usagef(format string, args ...any) error { return Usage(fmt.Errorf(format, args...)) }

// CodeOf is the code for what a command returned.
func CodeOf(err error) int {
	if err == nil {
		return CodePass
	}
	var coded *Error
	var disk *fs.PathError // no room, no permission
	switch {
	case errors.As(err, &coded):
		return coded.Code
	case errors.As(err, &disk), isUsage(err):
		return CodeUsage
	}
	return exitcode.OfError(err)
}

// isUsage recognises cobra's complaints about words.
func isUsage(err error) bool {
	msg := err.Error()
	return strings.HasPrefix(msg, "unknown command") || strings.Contains(msg, "flags in the group") || strings.Contains(msg, "arg(s)") || strings.HasPrefix(msg, "requires ")
}

// WithNearestFlag adds to a complaint about an unknown flag the one that was perhaps meant.
func WithNearestFlag(cmd *cobra.Command, err error) error {
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

// VerdictError is the exit of a run by its verdict, told already by the summary.
func VerdictError(v scenarios.Verdict) error {
	if code := exitcode.OfVerdict(v); code != CodePass {
		return &Error{Code: code}
	}
	return nil
}

// NotKept is the exit of a run whose files could not be written: the verdict was told, and is
// named once more, apart from the failure.
func NotKept(v scenarios.Verdict, err error) error {
	return &Error{CodeNotKept, fmt.Errorf("the verdict is %s, but the report could not be written: %w", v, err)}
}
