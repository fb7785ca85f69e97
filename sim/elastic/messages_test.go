package elastic_test

import (
	"go/types"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

const model = "github.com/shardquake/shardquake/sim/elastic"

// handlers are the methods by which a message says what the receiver does, each with what it
// gets of the receiver. A type that has one is a message.
var handlers = map[string]string{
	"Serve": "Process", "Reach": "Master", "Ask": "Node", "AskMaster": "Master",
	"Change": "Master", "ChangeTelling": "Master", "Do": "Shard", "Read": "Shard",
}

// memory is what a process or a disk holds.
var memory = []string{
	model + ".Process", model + ".Node", model + ".Cluster", model + ".Shard", model + ".Master", model + ".Recovery",
	model + "/peer.Source", model + "/peer.Target", model + "/store.Store", model + "/snapshots.room", model + "/snapshots.vault",
	model + "/search.reader", model + "/coordination.Coordinator",
	"github.com/shardquake/shardquake/sim.Engine", "github.com/shardquake/shardquake/sim.Transfer",
}

// asFunctions are messages that hide what they lead to.
var asFunctions = []string{
	model + "/metadata.change", // the REST layer's policies by which indices age tell their changes so
}

// What nodes tell each other, and what they answer, leads to nothing that a process or a disk
// holds: a message that does is found, whichever room it is in.
func TestMessagesBetweenNodesAreValues(t *testing.T) {
	w := load(t)
	require.NotEmpty(t, w.messages)
	for _, m := range w.messages {
		w.walk(m, w.name(m))
		for _, answer := range w.answers(m) {
			w.walk(answer, w.name(m)+"'s answer")
		}
	}
	for _, name := range []string{".shardWrite", ".nodeQuestion", ".masterTask", "/search.queryCopy", "/oncopies.MergeOrder", "/metadata.createIndex", "/peer.TranslogOps"} {
		assert.True(t, w.seen[model+name], "%s was not looked at", name)
	}
}

// walker follows types.
type walker struct {
	t        *testing.T
	named    []*types.Named // all types of the model
	messages []*types.Named
	seen     map[string]bool
}

func load(t *testing.T) *walker {
	const needs = packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedSyntax | packages.NeedExportFile
	loaded, err := packages.Load(&packages.Config{Mode: needs}, model+"/...")
	require.NoError(t, err)
	w := &walker{t: t, seen: map[string]bool{}}
	for _, p := range loaded {
		require.Empty(t, p.Errors, p.PkgPath)
		for _, name := range p.Types.Scope().Names() {
			of, ok := p.Types.Scope().Lookup(name).(*types.TypeName)
			if !ok || of.IsAlias() {
				continue
			}
			n := of.Type().(*types.Named)
			w.named = append(w.named, n)
			if !types.IsInterface(n) && handler(n) != nil && !slices.Contains(asFunctions, w.name(n)) {
				w.messages = append(w.messages, n)
			}
		}
	}
	return w
}

func (w *walker) name(t types.Type) string {
	if n, ok := t.(*types.Named); ok && n.Obj().Pkg() != nil {
		return n.Obj().Pkg().Path() + "." + n.Obj().Name()
	}
	return t.String()
}

// handler is the method that makes a type a message, or nil.
func handler(t types.Type) *types.Func {
	set := types.NewMethodSet(t)
	if _, pointer := t.(*types.Pointer); !pointer && !types.IsInterface(t) {
		set = types.NewMethodSet(types.NewPointer(t))
	}
	for i := range set.Len() {
		f, ok := set.At(i).Obj().(*types.Func)
		if !ok {
			continue
		}
		receiver := handlers[f.Name()]
		parameters := f.Signature().Params()
		if receiver != "" && parameters.Len() > 0 && parameters.At(0).Type().String() == "*"+model+"."+receiver {
			return f
		}
	}
	return nil
}

// answers are what a message is answered with: what its handler returns, and what it gives to
// the function that it calls with the answer.
func (w *walker) answers(m *types.Named) []types.Type {
	var out []types.Type
	of := handler(m).Signature()
	for v := range of.Results().Variables() {
		out = append(out, v.Type())
	}
	for v := range of.Params().Variables() {
		if answer, ok := v.Type().(*types.Signature); ok {
			for a := range answer.Params().Variables() {
				out = append(out, a.Type())
			}
		}
	}
	return out
}

// walk looks at all that a type leads to.
func (w *walker) walk(of types.Type, path string) {
	of = types.Unalias(of)
	key := types.TypeString(of, nil)
	if w.seen[key] || key == model+"/api.Error" { // texts and numbers, though its fields may hold anything
		return
	}
	w.seen[key] = true
	if slices.Contains(memory, w.name(of)) {
		w.t.Errorf("%s is the sender's memory", path)
		return
	}
	if n, ok := of.(*types.Named); ok {
		w.seen[w.name(n)] = true
		if p := n.Obj().Pkg(); p == nil || !strings.HasPrefix(p.Path(), "github.com/shardquake/") {
			return // error, and values of the library
		}
	}
	switch u := of.Underlying().(type) {
	case *types.Pointer:
		w.walk(u.Elem(), path)
	case *types.Slice:
		w.walk(u.Elem(), path)
	case *types.Array:
		w.walk(u.Elem(), path)
	case *types.Map:
		w.walk(u.Key(), path)
		w.walk(u.Elem(), path)
	case *types.Struct:
		for f := range u.Fields() {
			w.walk(f.Type(), path+"."+f.Name())
		}
	case *types.Interface:
		if _, parameter := of.(*types.TypeParam); parameter {
			return // what stands for it is the answer of a message
		}
		w.implementations(of, u, path)
	case *types.Signature, *types.Chan:
		w.t.Errorf("%s is a %s, which hides what it leads to", path, key)
	}
}

// implementations looks at all that may be behind an interface.
func (w *walker) implementations(of types.Type, u *types.Interface, path string) {
	if handler(of) != nil {
		return // messages all
	}
	found := false
	for _, n := range w.named {
		if types.IsInterface(n) || n.TypeParams().Len() > 0 {
			continue
		}
		if u.NumMethods() > 0 && (types.Implements(n, u) || types.Implements(types.NewPointer(n), u)) {
			found = true
			w.walk(n, path+"("+n.Obj().Name()+")")
		}
	}
	if !found {
		w.t.Errorf("%s is a %s, of which nothing can be said", path, of)
	}
}
