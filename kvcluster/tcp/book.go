package tcp

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Book is a viewer's address book: machine name → address to dial. Every node and every
// client has its own, and the cluster's metadata has none: the same node may have
// another address, or another proxy in between, for each viewer.
type Book map[string]string

// Address is where to dial a machine.
func (b Book) Address(machine string) (string, error) {
	address, ok := b[machine]
	if !ok {
		return "", fmt.Errorf("node %q: %w (known are %v)", machine, ErrAddress, b.Names())
	}
	return address, nil
}

// Names are the machines, sorted.
func (b Book) Names() []string {
	names := make([]string, 0, len(b))
	for n := range b {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Check returns what is wrong with the addresses.
func (b Book) Check() error {
	for _, name := range b.Names() {
		_, port, err := net.SplitHostPort(b[name])
		if err != nil {
			return fmt.Errorf("address of %q: %w", name, err)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("address of %q: port %q is no number from 1 to 65535", name, port)
		}
	}
	return nil
}

// ParseBook reads name=host:port, separated by commas.
func ParseBook(text string) (Book, error) {
	b := make(Book)
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		name, address, ok := strings.Cut(part, "=")
		if !ok || name == "" || address == "" {
			return nil, fmt.Errorf("%q: expected name=host:port", part)
		}
		if _, twice := b[name]; twice {
			return nil, fmt.Errorf("%q has two addresses", name)
		}
		b[name] = address
	}
	return b, b.Check()
}
