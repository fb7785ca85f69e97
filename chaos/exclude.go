package chaos

import (
	"context"
	"slices"
	"strings"
)

// excludeKey is the filter that takes copies off nodes.
const excludeKey = "cluster.routing.allocation.exclude._name"

// excludeNode adds a node to those that hold no copies, beside the ones that are there.
type excludeNode struct{ node string }

func (e excludeNode) String() string { return "drain " + e.node }

func (e excludeNode) Needs(t Target) error {
	if t.Settings == nil {
		return lacks("settings")
	}
	return nil
}

// Holds implements [Primitive].
func (e excludeNode) Holds() Hold { return Hold{On: "drain " + e.node} }

// names are the nodes that are excluded now.
func (e excludeNode) names(ctx context.Context, t Target) ([]string, error) {
	now, err := t.Settings.Read(ctx, Scope{}, []string{excludeKey})
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(now[excludeKey], func(r rune) bool { return r == ',' || r == ' ' }), nil
}

func (e excludeNode) write(ctx context.Context, t Target, names []string) error {
	return t.Settings.Write(ctx, Scope{}, map[string]string{excludeKey: strings.Join(names, ",")})
}

func (e excludeNode) Inject(ctx context.Context, t Target) error {
	names, err := e.names(ctx, t)
	if err != nil || slices.Contains(names, e.node) {
		return err
	}
	return e.write(ctx, t, append(names, e.node))
}

func (e excludeNode) Heal(ctx context.Context, t Target) error {
	names, err := e.names(ctx, t)
	if err != nil {
		return err
	}
	return e.write(ctx, t, slices.DeleteFunc(names, func(n string) bool { return n == e.node }))
}

func (e excludeNode) look(ctx context.Context, t Target, want bool) Evidence {
	names, err := e.names(ctx, t)
	return evidence(e, err, slices.Contains(names, e.node) == want, "excluded from allocation: %s", strings.Join(names, ", "))
}

func (e excludeNode) Bites(ctx context.Context, t Target) Evidence { return e.look(ctx, t, true) }
func (e excludeNode) Gone(ctx context.Context, t Target) Evidence  { return e.look(ctx, t, false) }
