package importer_test

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/importer"
)

// tarred packs one file into a tar.gz: as much of r as the header says.
func tarred(t *testing.T, h tar.Header, r io.Reader) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bundle.tar.gz")
	f, err := os.Create(path)
	require.NoError(t, err)
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	require.NoError(t, w.WriteHeader(&h))
	if h.Typeflag == tar.TypeReg {
		_, err = io.CopyN(w, r, h.Size)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	return path
}

// What is true of zips is true of tar.gz, and links in one are not followed.
func TestHostileTarArchivesAreRefused(t *testing.T) {
	file := func(name string, size int64) tar.Header {
		return tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600}
	}
	secret := filepath.Join(t.TempDir(), "cluster_state.json")
	require.NoError(t, os.WriteFile(secret, []byte(`{"cluster_name": "x", "metadata": {}}`), 0o600))
	for says, path := range map[string]string{
		"points out of the archive": tarred(t, file("../../etc/cluster_state.json", 2), strings.NewReader("{}")),
		"more than 200 times":       tarred(t, file("cluster_state.json", 80<<20), zeros{}),
		"nothing in it tells":       tarred(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "cluster_state.json", Linkname: secret}, nil),
	} {
		_, err := importer.Import(t.Context(), importer.Options{Sources: []string{path}})
		require.ErrorIs(t, err, importer.ErrSource, says)
		assert.ErrorContains(t, err, says)
	}
	absolute := tarred(t, file("/etc/cluster_state.json", 2), strings.NewReader("{}"))
	_, err := importer.Import(t.Context(), importer.Options{Sources: []string{absolute}})
	assert.ErrorContains(t, err, "points out of the archive")
	_, err = importer.Import(t.Context(), importer.Options{Sources: []string{tarred(t, file(`C:\state\cluster_state.json`, 2), strings.NewReader("{}"))}})
	assert.ErrorContains(t, err, "points out of the archive")
}
