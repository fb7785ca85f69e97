package storage_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

func TestThePrefixesEndIsTheFirstKeyBehindIt(t *testing.T) {
	assert.Equal(t, []byte("b"), storage.PrefixEnd([]byte("a")))
	assert.Equal(t, []byte("b"), storage.PrefixEnd([]byte("a\xff\xff")))
	assert.Nil(t, storage.PrefixEnd([]byte("\xff")))
	assert.Nil(t, storage.PrefixEnd(nil))
}
