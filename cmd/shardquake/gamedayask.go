package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/shardquake/shardquake/scenarios/gameday"
)

// askOnTerminal asks for name, reason and the beginning of the plan's hash; false where
// nobody is there, or says no.
func (d *day) askOnTerminal(ctx context.Context) bool {
	in, is := d.cmd.InOrStdin().(*os.File)
	if !is || !interactive(in) {
		return false
	}
	lines := bufio.NewReader(in)
	ask := func(question string) string {
		fmt.Fprint(d.cmd.OutOrStdout(), question)
		answer := make(chan string, 1)
		go func() {
			line, _ := lines.ReadString('\n') // what ends without a line is no answer
			answer <- strings.TrimSpace(line)
		}()
		select {
		case line := <-answer:
			return line
		case <-ctx.Done():
			return ""
		}
	}
	a := gameday.Approval{Name: d.flags.as, Reason: d.flags.reason}
	if a.Name == "" {
		a.Name = ask("  your name (it is recorded): ")
	}
	if a.Reason == "" {
		a.Reason = ask("  why: ")
	}
	a.Hash = ask(fmt.Sprintf("  the first eight characters of the plan's hash (%s) let it begin: ", d.hash[:8]))
	if err := d.fits(a); err != nil {
		fmt.Fprintln(d.cmd.OutOrStdout(), "  "+err.Error())
		return false
	}
	d.approval = a
	return true
}

// interactive reports whether somebody may sit before a file.
func interactive(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
