// Command draw writes random allocation cases, one JSON object a line, for recording
// with Elasticsearch's own allocators (see package oracle).
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/shardquake/shardquake/integration/oracle"
)

func main() {
	count := flag.Int("cases", 20, "cases of each family, every other one bold")
	seed := flag.Uint64("seed", 1, "seed of the first")
	huge := flag.Bool("huge", false, "cases of 100 nodes and 5,000 copies")
	flag.Parse()
	if err := write(os.Stdout, *count, *seed, *huge); err != nil {
		fmt.Fprintln(os.Stderr, "draw:", err)
		os.Exit(1)
	}
}

func write(to io.Writer, count int, seed uint64, huge bool) error {
	w := bufio.NewWriter(to)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for _, family := range oracle.Families {
		for i := range count {
			o := oracle.Options{Bold: i%2 == 1}
			if huge {
				o.Size = oracle.Huge
			}
			c, err := oracle.Draw(family, seed+uint64(i), o)
			if err != nil {
				return err
			}
			if err := lines.Encode(c); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}
