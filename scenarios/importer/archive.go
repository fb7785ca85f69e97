package importer

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// visit is given the files of a source one after another. name is its path within the
// source, with slashes; at when it was written, zero where nobody says so.
type visit func(name string, at time.Time, r io.Reader) error

// walk hands over the files of a folder, an archive, or the one file that a source is.
// What it returns beside the error are complaints: parts that could not be read.
func walk(source string, limits Limits, v visit) (complaints []string, err error) {
	b := &budget{limits: limits}
	info, err := os.Stat(source)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return walkFolder(source, b, v)
	}
	f, err := os.Open(source)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // reading only
	head := make([]byte, 4)
	n, _ := io.ReadFull(f, head)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	switch head = head[:n]; {
	case n == 0:
		return nil, errors.New("the file is empty")
	case string(head) == "PK\x03\x04" || string(head) == "PK\x05\x06":
		return walkZip(f, info.Size(), b, v)
	case n >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		return walkGzip(f, info, b, v)
	case looksLikeTar(f):
		return walkTar(f, -1, b, v)
	}
	if err := b.file(source); err != nil {
		return nil, err
	}
	return nil, v(filepath.Base(source), info.ModTime(), &bounded{r: f, b: b, name: source, packed: -1})
}

// useful reports whether a file can be an answer of the API: logs, images and what lies
// hidden are not even opened.
func useful(name string) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, ".") {
		return false
	}
	switch path.Ext(base) {
	case ".json", ".txt", ".yml", ".yaml", "":
		return !slices.Contains(strings.Split(path.Dir(name), "/"), "logs")
	}
	return false
}

// safe refuses names that point out of the source. Nothing is ever written by name; a
// bundle with such a name was made by somebody to do harm.
func safe(name string) error {
	clean := path.Clean(strings.ReplaceAll(name, `\`, "/"))
	if path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") || (len(clean) > 1 && clean[1] == ':') {
		return fmt.Errorf("the file name %q points out of the archive", clip(name))
	}
	return nil
}

func walkFolder(root string, b *budget, v visit) ([]string, error) {
	var complaints []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(root, p)
		rel = filepath.ToSlash(rel)
		switch {
		case err != nil || relErr != nil:
			complaints = append(complaints, fmt.Sprintf("%s: %v", clip(rel), errors.Join(err, relErr)))
			return nil
		case d.IsDir():
			return nil
		case !d.Type().IsRegular(): // links could lead anywhere, pipes would hang
			return nil
		}
		if err := b.file(rel); err != nil {
			return err
		}
		if !useful(rel) {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // it vanished meanwhile
		}
		f, err := os.Open(p)
		if err != nil {
			complaints = append(complaints, fmt.Sprintf("%s: %v", clip(rel), err))
			return nil
		}
		defer f.Close() //nolint:errcheck // reading only
		return v(rel, info.ModTime(), &bounded{r: f, b: b, name: rel, packed: -1})
	})
	return complaints, err
}

func walkZip(f *os.File, size int64, b *budget, v visit) ([]string, error) {
	z, err := zip.NewReader(f, size)
	if err != nil {
		// Without its table at the end: what came before the cut can still be read.
		if _, seekErr := f.Seek(0, io.SeekStart); seekErr != nil {
			return nil, seekErr
		}
		return walkCutZip(bufio.NewReaderSize(f, 1<<16), b, v, err)
	}
	var complaints []string
	for _, entry := range z.File {
		if err := b.file(entry.Name); err != nil {
			return complaints, err
		}
		if err := safe(entry.Name); err != nil {
			return complaints, err
		}
		if entry.FileInfo().IsDir() || !entry.Mode().IsRegular() || !useful(entry.Name) {
			continue
		}
		if entry.Flags&1 != 0 {
			complaints = append(complaints, clip(entry.Name)+": it is encrypted")
			continue
		}
		r, err := entry.Open()
		if err != nil {
			complaints = append(complaints, fmt.Sprintf("%s: %v", clip(entry.Name), err))
			continue
		}
		err = v(entry.Name, plausible(entry.Modified), &bounded{r: r, b: b, name: entry.Name, packed: int64(entry.CompressedSize64)}) //nolint:gosec // a size
		if err = errors.Join(err, r.Close()); err != nil {
			return complaints, err
		}
	}
	return complaints, nil
}

// plausible drops times that archives have who know of none.
func plausible(t time.Time) time.Time {
	if t.Year() < 2000 {
		return time.Time{}
	}
	return t
}

func walkGzip(f *os.File, info fs.FileInfo, b *budget, v visit) ([]string, error) {
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		return nil, err
	}
	packed := bufio.NewReaderSize(&bounded{r: z, b: &budget{limits: b.limits}, name: info.Name(), packed: info.Size()}, 1<<16)
	if head, _ := packed.Peek(tarHead); isTar(head) {
		return walkTar(packed, info.Size(), b, v)
	}
	if err := b.file(info.Name()); err != nil {
		return nil, err
	}
	return nil, v(strings.TrimSuffix(info.Name(), ".gz"), info.ModTime(), &bounded{r: packed, b: b, name: info.Name(), packed: info.Size()})
}

// tarHead is how much of a tar file tells that it is one.
const tarHead = 263

func isTar(head []byte) bool { return len(head) >= 262 && string(head[257:262]) == "ustar" }

func looksLikeTar(f *os.File) bool {
	head := make([]byte, tarHead)
	n, _ := io.ReadFull(f, head)
	_, err := f.Seek(0, io.SeekStart)
	return err == nil && isTar(head[:n])
}

func walkTar(r io.Reader, packed int64, b *budget, v visit) ([]string, error) {
	t := tar.NewReader(r)
	for read := 0; ; read++ {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case errors.Is(err, errTooLarge):
			return nil, err
		case err != nil && read > 0:
			return []string{fmt.Sprintf("the archive is cut off or damaged after %d files (%v); what came before was read", read, err)}, nil
		case err != nil:
			return nil, err
		}
		if err := b.file(h.Name); err != nil {
			return nil, err
		}
		if err := safe(h.Name); err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg || !useful(h.Name) {
			continue
		}
		if err := v(h.Name, plausible(h.ModTime), &bounded{r: t, b: b, name: h.Name, packed: packed}); err != nil {
			return nil, err
		}
	}
}
