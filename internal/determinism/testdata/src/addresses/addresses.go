package addresses

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"
	"unsafe"
)

type node struct {
	name string
	next *node
}

type named struct{ name string }

func (n *named) String() string { return n.name }

type leaf struct{ size int }

type record struct{ at time.Time }

type public struct{ At time.Time }

func broken(w io.Writer, n *node, ns []*leaf, f func()) (uintptr, error) {
	fmt.Fprintf(w, "%d: %p", 1, n)      // want `%p prints an address: print an id or a name \(address: `
	fmt.Fprintln(w, n)                  // want `Fprintln prints an address within \*node`
	_ = fmt.Sprintf("%s %v", "x", ns)   // want `Sprintf prints an address within \[\]\*leaf`
	_ = fmt.Sprint(f)                   // want `Sprint prints an address within func\(\)`
	_ = fmt.Sprint(record{})            // want `Sprint prints an address within record`
	_ = reflect.ValueOf(n).Pointer()    // want `reflect.Value.Pointer: compare or print an id`
	id := uintptr(unsafe.Pointer(n))    // want `address as a number: use an id`
	return id, fmt.Errorf("no %v", &id) // want `Errorf prints an address within \*uintptr`
}

func kept(w io.Writer, n *node, l *leaf, s *named, p public) error {
	fmt.Fprintf(w, "%s %*d %5.1f%% %T", n.name, 4, 1, 2.5, n)
	fmt.Fprintln(w, l, s, p, []*named{s}, time.Second)
	var back *leaf
	fmt.Sscan("1", &back)
	return errors.Join(fmt.Errorf("no %v: %w", l, io.EOF))
}
