package clusterfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Limits of what is read: a file beyond them is refused before it fills the memory.
const (
	mostPacked   = 256 << 20
	mostUnpacked = 2 << 30
)

// Write writes the file. The same cluster gives the same bytes.
func (c *Cluster) Write(w io.Writer) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(z, 1<<16)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return z.Close()
}

// Save writes the file beside its final name and renames it.
func (c *Cluster) Save(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".cluster-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is gone when it was renamed
	if err := errors.Join(c.Write(f), f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}

// File is a cluster as it was read.
type File struct {
	*Cluster
	// Data is the packed file, SHA256 its hash.
	Data   []byte
	SHA256 string
}

// Load reads a file of this schema.
func Load(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // reading only
	data, err := io.ReadAll(io.LimitReader(f, mostPacked+1))
	if err != nil {
		return nil, err
	}
	if len(data) > mostPacked {
		return nil, fmt.Errorf("%s: larger than %d MB; this is no cluster file", path, mostPacked>>20)
	}
	out, err := Read(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// Read reads a packed file.
func Read(data []byte) (*File, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("not a cluster file: %w; expected gzipped JSON as `shardquake import` writes it", err)
	}
	limited := &io.LimitedReader{R: z, N: mostUnpacked}
	dec := json.NewDecoder(bufio.NewReaderSize(limited, 1<<16))
	dec.DisallowUnknownFields()
	c := &Cluster{}
	if err := dec.Decode(c); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("unpacks to more than %d MB; this is no cluster file", mostUnpacked>>20)
		}
		return nil, readError(data, err)
	}
	if c.Schema != Schema {
		return nil, schemaError(c.Schema)
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return &File{c, data, hex.EncodeToString(sum[:])}, nil
}

func schemaError(found int) error {
	return fmt.Errorf("follows schema %d of cluster files; expected %d: import the source again with this version", found, Schema)
}

// readError says that a file is of another schema where that is why it can't be read.
func readError(data []byte, err error) error {
	z, again := gzip.NewReader(bytes.NewReader(data))
	if again != nil {
		return err
	}
	var head struct {
		Schema *int `json:"schema"`
	}
	switch decoded := json.NewDecoder(io.LimitReader(z, mostUnpacked)).Decode(&head); {
	case decoded == nil && head.Schema == nil:
		return errors.New(`not a cluster file: there is no "schema" in it`)
	case decoded == nil && *head.Schema != Schema:
		return schemaError(*head.Schema)
	}
	return err
}
