package page

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
)

//go:embed page.css parts.html print.js core.js run.js gameday.js served.js live.js
var files embed.FS

// Script is a part that draws.
type Script string

// The scripts there are. Core comes by itself where any other is asked for.
const (
	paper   Script = "print.js" // of every page
	core    Script = "core.js"
	Run     Script = "run.js"
	Gameday Script = "gameday.js" // after Run
	Served  Script = "served.js"  // after Run
	Live    Script = "live.js"
)

// Content is what one page adds to the parts.
type Content struct {
	Title string
	// Body is a template that defines what stands in the page; V is its dot.
	Body  string
	V     any
	Funcs template.FuncMap
	// Data is what the scripts draw; nil: nothing but JSON's null.
	Data    any
	Scripts []Script
	// Wide pages use the whole window, for tables with many columns.
	Wide bool
}

// Verdict is the head of a page: the answer, what it is about, and in one line why.
type Verdict struct {
	Mark     string // pass, fail, unknown, worse, …; names a class of page.css
	Text     string
	Title    string
	About    string
	Headline string
}

// Card is a figure with what it means.
type Card struct{ Figure, Text string }

// Render makes the page.
func Render(c Content) ([]byte, error) {
	text := func(name string) (string, error) {
		data, err := files.ReadFile(name)
		return string(data), err
	}
	parts, err := text("parts.html")
	if err != nil {
		return nil, err
	}
	style, err := text("page.css")
	if err != nil {
		return nil, err
	}
	t, err := template.New("parts").Funcs(c.Funcs).Parse(parts)
	if err == nil {
		_, err = t.New("body").Parse(c.Body)
	}
	if err != nil {
		return nil, fmt.Errorf("page %s: %w", c.Title, err)
	}
	var scripts []template.JS
	wanted := []Script{paper}
	if len(c.Scripts) > 0 {
		wanted = append(append(wanted, core), c.Scripts...)
	}
	for _, w := range wanted {
		code, err := text(string(w))
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, template.JS(code))
	}
	data, err := json.Marshal(c.Data)
	if err != nil {
		return nil, fmt.Errorf("page %s: %w", c.Title, err)
	}
	var out bytes.Buffer
	err = t.ExecuteTemplate(&out, "page", map[string]any{
		"Title": c.Title, "Style": template.CSS(style), "Wide": c.Wide, "V": c.V, "Scripts": scripts, "Drawn": len(c.Scripts) > 0, "Data": template.JS(data),
	})
	if err != nil {
		return nil, fmt.Errorf("page %s: %w", c.Title, err)
	}
	return out.Bytes(), nil
}
