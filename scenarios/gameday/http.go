package gameday

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"

	"github.com/shardquake/shardquake/scenarios"
)

// Orders are what people may ask of a course, over HTTP: POST /halt, /pause, /resume, /next
// and /note, with a text in the body; "NAME: TEXT" says who.
func (c *Course) Orders(mux *http.ServeMux) {
	order := func(path string, do func(ctx context.Context, who, text string) error) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
			if err == nil {
				who, text := said(string(body))
				err = do(r.Context(), who, text)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
				return
			}
			_, _ = io.WriteString(w, "done\n") // who has gone needs no answer
		})
	}
	order("/halt", func(ctx context.Context, who, text string) error {
		if text == "" {
			text = "no reason was given"
		}
		c.Halt(context.WithoutCancel(ctx), who, text)
		return nil
	})
	order("/pause", func(_ context.Context, who, _ string) error { return c.Pause(who) })
	order("/resume", func(_ context.Context, who, _ string) error { return c.Resume(who) })
	order("/next", func(_ context.Context, who, _ string) error { return c.Next(who) })
	order("/note", func(_ context.Context, who, text string) error {
		if text == "" {
			return errors.New("an empty note")
		}
		return c.Note(who, text)
	})
	mux.HandleFunc("GET /moments", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"moments": c.Moments(), "halt": c.Halted()})
	})
}

// said parts who from what was said; nobody named is a reader of the page.
func said(body string) (who, text string) {
	body = strings.TrimSpace(body)
	if name, rest, named := strings.Cut(body, ": "); named && len(name) < 40 && !strings.Contains(name, " ") {
		return name, strings.TrimSpace(rest)
	}
	return "page", body
}

// Look makes one look of the user's own, in time.
func Look(ctx context.Context, p scenarios.GamedayProbe) error {
	ctx, cancel := context.WithTimeout(ctx, p.Within.D())
	defer cancel()
	if p.Command != "" {
		out, err := exec.CommandContext(ctx, "sh", "-c", p.Command).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %.200s", errors.Join(ctx.Err(), err), strings.TrimSpace(string(out)))
		}
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.HTTP, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // reading only
	if res.StatusCode >= 400 {
		return fmt.Errorf("answered %d", res.StatusCode)
	}
	return nil
}
