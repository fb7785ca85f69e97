package elastic

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/peer"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// What nodes tell each other of shards leads to nothing that a process or a disk holds.
func TestMessagesBetweenNodesAreValues(t *testing.T) {
	memory := map[reflect.Type]bool{
		reflect.TypeFor[Process](): true, reflect.TypeFor[Node](): true, reflect.TypeFor[Cluster](): true, reflect.TypeFor[Shard](): true,
		reflect.TypeFor[Recovery](): true, reflect.TypeFor[peer.Source](): true, reflect.TypeFor[store.Store](): true,
	}
	for _, message := range []any{
		peer.Start{}, peer.FilesInfo{}, peer.CleanFiles{}, peer.PrepareTranslog{}, peer.TranslogOps{}, peer.Finalize{}, peer.HandOff{},
		shardWrite{}, written{}, replicaOps{}, copyStarted{}, copyFailed{}, storeAnswer{}, nodeInfo{}, askStore{}, askActive{}, askInfo{}, handshake{}, startRecovery{}, state.Node{},
	} {
		seen := make(map[reflect.Type]bool)
		var walk func(of reflect.Type, path string)
		walk = func(of reflect.Type, path string) {
			if seen[of] {
				return
			}
			seen[of] = true
			if of == reflect.TypeFor[api.Error]() {
				return // texts and numbers, though its fields may hold anything
			}
			assert.Falsef(t, memory[of], "%s is the sender's memory", path)
			switch of.Kind() {
			case reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer:
				t.Errorf("%s is a %s, which hides what it leads to", path, of.Kind())
			case reflect.Struct:
				for i := range of.NumField() {
					walk(of.Field(i).Type, path+"."+of.Field(i).Name)
				}
			case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
				walk(of.Elem(), path)
			}
		}
		walk(reflect.TypeOf(message), reflect.TypeOf(message).Name())
	}
}
