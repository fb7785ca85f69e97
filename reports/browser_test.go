package reports_test

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var shots = flag.String("shots", "", "folder in which pictures of every page are left, at four widths, in the dark and printed")

// widths are a phone's, a small window's, a laptop's and a beamer's.
var widths = [...]int64{400, 800, 1280, 1920}

// patience bounds each thing that is asked of the browser.
const patience = time.Minute

// browser starts Chromium, or skips where there is none; with SHARDQUAKE_REQUIRE_CHROMIUM
// that is a failure.
func browser(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("short: no browser is started")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("SHARDQUAKE_REQUIRE_CHROMIUM") != "" {
			t.Fatal("no Chromium on PATH")
		}
		t.Skip("no Chromium on PATH: pages were not looked at")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
	alloc, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	ask(t, ctx, chromedp.EmulateViewport(1280, 900)) // starts it; the first call must have no limit
	return ctx
}

// ask asks the browser for something, within a limit.
func ask[T any](t *testing.T, ctx context.Context, action chromedp.Action[T]) T {
	t.Helper()
	out, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (T, error) {
		limited, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return action(limited, target)
	})
	require.NoError(t, err)
	return out
}

// eval is what a script of the test's answers in the page.
func eval[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	return ask(t, ctx, chromedp.Evaluate[T](script))
}

// until waits for something to be true in the page. The browser's own waiting is forbidden by
// the page's policy.
func until(t *testing.T, ctx context.Context, script string) {
	t.Helper()
	require.Eventually(t, func() bool { return eval[bool](t, ctx, script) }, patience, 20*time.Millisecond, script)
}

// dark chooses the colours that a reader has asked for.
func dark(on bool) chromedp.Action[chromedp.Void] {
	value := "light"
	if on {
		value = "dark"
	}
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
		return err
	})
}

// complaints collects what the page's scripts complain about.
func complaints(t *testing.T, ctx context.Context) func() []string {
	t.Helper()
	var mu sync.Mutex
	var all []string
	require.NoError(t, chromedp.Listen(ctx, func(e any) {
		if x, ok := e.(*runtime.EventExceptionThrown); ok {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, x.ExceptionDetails.Text+" "+x.ExceptionDetails.Exception.Description)
		}
	}))
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// tooFaint lists the texts of a page whose colour is too near to their background's.
const tooFaint = `(() => {
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const lum = c => { const f = c.slice(0, 3).map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const behind = e => { const stack = []; for (let n = e; n; n = n.parentElement) stack.push(parse(getComputedStyle(n).backgroundColor)); return stack.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]); };
  const out = [];
  for (const e of document.querySelectorAll("main *")) {
    if (e.closest("svg") || !e.offsetParent || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const s = getComputedStyle(e), bg = behind(e), fg = over(parse(s.color), bg), a = lum(fg), b = lum(bg);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(s.fontSize) >= 24 || (parseFloat(s.fontSize) >= 18.66 && +s.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) out.push(ratio.toFixed(2) + " " + e.className + " " + e.textContent.trim().slice(0, 40));
  }
  return [...new Set(out)];
})()`

// tooWide lists what sticks out of the window although it can't be scrolled into view.
const tooWide = `(() => {
  const out = [];
  if (document.documentElement.scrollWidth > innerWidth) out.push("the page: " + document.documentElement.scrollWidth);
  for (const e of document.querySelectorAll("main *")) {
    if (e.closest(".scroll,pre,.log,.drawing") || e.closest("svg") && e.tagName !== "svg") continue;
    const r = e.getBoundingClientRect();
    if (r.width && r.right > innerWidth + 1) out.push(e.tagName + "." + e.className + " ends at " + r.right);
  }
  return out;
})()`

// hidden lists the tables of which a part is out of sight until somebody scrolls them.
const hidden = `[...document.querySelectorAll(".scroll")].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.trim().slice(0, 60) + ": " + e.scrollWidth + " of " + e.clientWidth)`

// cutOrders lists the commands to be approved of which a part is out of sight.
const cutOrders = `[...document.querySelectorAll("pre.commands")].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.scrollWidth + " of " + e.clientWidth)`

// smallest is the smallest text of a page in pixels, as it is shown.
const smallest = `Math.min(...[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().width && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())).map(e => {
  const svg = e.closest("svg"), scale = svg && svg.viewBox.baseVal.width ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
  return parseFloat(getComputedStyle(e).fontSize) * scale;
}))`

func TestEveryPageCanBeReadAtEveryWidthInTheLightAndInTheDark(t *testing.T) {
	ctx := browser(t)
	wrong := complaints(t, ctx)
	for name, text := range samplePages(t) {
		t.Run(name, func(t *testing.T) {
			url := serve(t, text)
			for _, night := range []bool{false, true} {
				for _, width := range widths {
					ask(t, ctx, chromedp.Steps(dark(night), chromedp.EmulateViewport(width, 900), chromedp.Navigate(url)))
					assert.Empty(t, eval[[]string](t, ctx, tooFaint), "contrast at %d, dark %t", width, night)
					assert.Empty(t, eval[[]string](t, ctx, tooWide), "width %d", width)
					assert.Empty(t, eval[[]string](t, ctx, cutOrders), "a command that is approved is cut at %d", width)
					if width >= 1280 {
						assert.Empty(t, eval[[]string](t, ctx, hidden), "a table has to be scrolled at %d", width)
					}
					assert.GreaterOrEqual(t, eval[float64](t, ctx, smallest), 11.5, "the smallest text at %d", width)
					assert.Equal(t, 1, eval[int](t, ctx, `document.querySelectorAll("h1").length`), "one page, one heading")
					shoot(t, ctx, name, width, night)
				}
			}
			printed(t, ctx, name)
		})
	}
	assert.Empty(t, wrong(), "no script complains")
}

// serve puts a page where the browser finds it.
func serve(t *testing.T, text []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(text)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// shoot leaves a picture of the whole page, when pictures are asked for.
func shoot(t *testing.T, ctx context.Context, name string, width int64, night bool) {
	t.Helper()
	if *shots == "" {
		return
	}
	picture := ask(t, ctx, chromedp.FullScreenshot(100))
	light := "light"
	if night {
		light = "dark"
	}
	keep(t, name+"-"+light+"-"+itoa(width)+".png", picture)
}

// printed prints the page: it must work, and its details stand open.
func printed(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	ask(t, ctx, dark(true))
	paper := ask(t, ctx, chromedp.PrintToPDF(chromedp.PDFPrintBackground()))
	closed := eval[int](t, ctx, `document.querySelectorAll("details:not([open])").length`)
	assert.Greater(t, len(paper), 5_000)
	assert.Zero(t, closed, "on paper nothing can be opened")
	if *shots != "" {
		keep(t, name+"-printed.pdf", paper)
	}
}

func keep(t *testing.T, name string, data []byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(*shots, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(*shots, name), data, 0o600))
}

func TestTheMomentIsMovedByKeysClicksAndLinks(t *testing.T) {
	ctx := browser(t)
	url := serve(t, samplePages(t)["run-failed"])
	ask(t, ctx, chromedp.Navigate(url+"#t=20.00"))
	moment := func() float64 { return eval[float64](t, ctx, "SQ.moment") }
	assert.Equal(t, "20.0 s", ask(t, ctx, chromedp.Text("#tt")), "a link opens its moment")
	ask(t, ctx, chromedp.KeyEvent(kb.ArrowRight))
	assert.InDelta(t, 21, moment(), 1e-6)
	ask(t, ctx, chromedp.KeyEvent(","))
	assert.InDelta(t, 10.3, moment(), 1e-6, "the event before: the cluster turned yellow")
	assert.Equal(t, "#t=10.30", eval[string](t, ctx, "location.hash"))

	here := eval[string](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = true); document.querySelector(".log [data-t]").click(); document.querySelector(".log .here").textContent`)
	assert.InDelta(t, 30, moment(), 1e-6, "a line of the log moves there")
	assert.Contains(t, here, "Triggering shard rebalancing")
	assert.Contains(t, eval[string](t, ctx, `document.querySelector("#map .node small").textContent`), "copies · master")
}

func TestPrimaryAndReplicaAreToldApartByMoreThanColour(t *testing.T) {
	ctx := browser(t)
	url := serve(t, samplePages(t)["run-failed"])
	for _, night := range []bool{false, true} {
		ask(t, ctx, chromedp.Steps(dark(night), chromedp.Navigate(url)))
		filled := eval[[]bool](t, ctx, `[".copy.p.S", ".copy.r.S"].map(q => { const s = getComputedStyle(document.querySelector("#map " + q)); return s.backgroundColor === s.borderTopColor; })`)
		assert.Equal(t, []bool{true, false}, filled, "one is filled, the other an outline")
	}
}

func TestALivePageShowsWhatItsStreamTells(t *testing.T) {
	ctx := browser(t)
	wrong := complaints(t, ctx)
	url, finish := liveSample(t)
	ask(t, ctx, chromedp.Navigate(url))
	until(t, ctx, `document.querySelectorAll("#map .copy").length === 2`)
	assert.Equal(t, 2, eval[int](t, ctx, `document.querySelectorAll("#map .node").length`))
	assert.Equal(t, "live", eval[string](t, ctx, `document.getElementById("stream").textContent`))
	assert.Contains(t, eval[string](t, ctx, `document.getElementById("log").textContent`), "3.0 s  n2 was lost")
	eval[any](t, ctx, `document.querySelector("[data-order]").click()`)
	until(t, ctx, `document.querySelector("[data-order]").nextElementSibling.textContent === "halted"`) // told beside it
	assert.InDelta(t, 5, eval[float64](t, ctx, "SQ.moment"), 1e-6, "it follows the cluster")
	until(t, ctx, `document.querySelectorAll("#plan tr").length === 1`)
	eval[any](t, ctx, `document.querySelector("#plan [data-method=DELETE]").click()`)
	until(t, ctx, `document.querySelector("#plan [role=status]").textContent === "1 healed"`)
	eval[any](t, ctx, `const k = document.getElementById("kind"); k.selectedIndex = 1; k.dispatchEvent(new Event("change")); document.querySelector("[data-order='/faults']").click()`)
	until(t, ctx, `document.querySelector(".inject [role=status]").textContent === "refused (409): time stands still for {disk-slow: {node: n1}}"`)
	for _, night := range []bool{false, true} {
		for _, width := range widths {
			ask(t, ctx, chromedp.Steps(dark(night), chromedp.EmulateViewport(width, 900)))
			assert.Empty(t, eval[[]string](t, ctx, tooFaint), "contrast at %d, dark %t", width, night)
			assert.Empty(t, eval[[]string](t, ctx, tooWide), "width %d", width)
			shoot(t, ctx, "live", width, night)
		}
	}
	finish()
	until(t, ctx, `document.getElementById("stream").textContent === "ended"`)
	assert.Empty(t, wrong())
}

func TestALivePageOfAGameDayCanBeReadAtEveryWidth(t *testing.T) {
	ctx := browser(t)
	wrong := complaints(t, ctx)
	ask(t, ctx, chromedp.Navigate(gamedayLiveSample(t)))
	until(t, ctx, `document.body.textContent.includes("departure of not-started")`)
	for _, night := range []bool{false, true} {
		for _, width := range append([]int64{768}, widths[:]...) {
			ask(t, ctx, chromedp.Steps(dark(night), chromedp.EmulateViewport(width, 900)))
			until(t, ctx, smallest+" >= 11.5") // once the charts are drawn anew for the width
			assert.Empty(t, eval[[]string](t, ctx, tooFaint), "contrast at %d, dark %t", width, night)
			assert.Empty(t, eval[[]string](t, ctx, tooWide), "width %d", width)
			shoot(t, ctx, "gameday-live", width, night)
		}
	}
	printed(t, ctx, "gameday-live")
	assert.Empty(t, wrong())
}

// Lines are told apart by those who see few colours, and in both lights: each stands out from
// what is behind it, eight of them have eight patterns, and no two of sixteen look the same.
func TestLinesAreToldApartWithoutColours(t *testing.T) {
	ctx := browser(t)
	url := serve(t, samplePages(t)["run-failed"])
	const measured = `(() => {
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
  const of = v => { const e = document.body.appendChild(document.createElement("i")); e.style.color = v; const c = parse(getComputedStyle(e).color); e.remove(); return c; };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const lum = c => { const f = c.slice(0, 3).map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const ratio = (a, b) => (Math.max(lum(a), lum(b)) + 0.05) / (Math.min(lum(a), lum(b)) + 0.05);
  const bg = of("var(--bg)"), band = over(of("var(--band)"), bg), lines = [...Array(16).keys()];
  return {
    line: Math.min(...lines.flatMap(i => [ratio(of(color(i)), bg), ratio(of(color(i)), band)])), text: ratio(of("var(--soft)"), band),
    patterns: new Set(lines.slice(0, 8).map(dash)).size, both: new Set(lines.map(i => color(i) + dash(i))).size,
  };
})()`
	type looks struct {
		Line, Text     float64
		Patterns, Both int
	}
	for _, night := range []bool{false, true} {
		ask(t, ctx, chromedp.Steps(dark(night), chromedp.Navigate(url)))
		got := eval[looks](t, ctx, measured)
		assert.GreaterOrEqual(t, got.Line, 3.0, "a line on its ground or on a fault's band, dark %t", night)
		assert.GreaterOrEqual(t, got.Text, 4.5, "a label on a fault's band, dark %t", night)
		assert.Equal(t, 8, got.Patterns)
		assert.Equal(t, 16, got.Both)
	}
}
