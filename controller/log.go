package controller

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/shardquake/shardquake/internal/clock"
)

// lineTime is the form in which the standard logger writes the time, which is the
// form that operators' tools expect of these lines.
const lineTime = "2006/01/02 15:04:05"

// LineHandler writes log records as lines of the classic form
// "2024/01/01 10:00:05 [REBALANCE] Total active recoveries: 2", without levels.
type LineHandler struct {
	write func(line string)
	attrs string
}

// NewLineHandler makes a handler that hands finished lines, without line end, to
// write. write must bear being called by several processes at once.
func NewLineHandler(write func(line string)) *LineHandler { return &LineHandler{write: write} }

// Enabled implements slog.Handler: everything from level info up.
func (h *LineHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

// Handle implements slog.Handler.
func (h *LineHandler) Handle(_ context.Context, r slog.Record) error {
	line := r.Time.UTC().Format(lineTime) + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	h.write(line + h.attrs)
	return nil
}

// WithAttrs implements slog.Handler.
func (h *LineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	for _, a := range attrs {
		with.attrs += " " + a.String()
	}
	return &with
}

// WithGroup implements slog.Handler. Lines have no groups.
func (h *LineHandler) WithGroup(string) slog.Handler { return h }

// logger writes records with the time of a clock: the methods of slog.Logger take
// the machine's.
type logger struct {
	clock   clock.Clock
	handler slog.Handler
}

func (l logger) infof(ctx context.Context, format string, args ...any) {
	l.log(ctx, slog.LevelInfo, format, args...)
}

func (l logger) warnf(ctx context.Context, format string, args ...any) {
	l.log(ctx, slog.LevelWarn, format, args...)
}

func (l logger) errorf(ctx context.Context, format string, args ...any) {
	l.log(ctx, slog.LevelError, format, args...)
}

func (l logger) log(ctx context.Context, level slog.Level, format string, args ...any) {
	if !l.handler.Enabled(ctx, level) {
		return
	}
	// There is nobody to tell that a line of the log could not be written.
	_ = l.handler.Handle(ctx, slog.NewRecord(l.clock.Now(), level, fmt.Sprintf(format, args...), 0))
}
