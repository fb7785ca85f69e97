package metadata

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/mapping"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/templates"
)

// streamMapping is what every backing index maps at least.
const streamMapping = `{"_data_stream_timestamp":{"enabled":true},"properties":{"@timestamp":{"type":"date"}}}`

// CreateDataStream makes a data stream with its first backing index. The name's template
// must be one of data streams.
func CreateDataStream(ctx context.Context, n *elastic.Node, name string, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "create-data-stream ["+name+"]", elastic.High, masterTimeout, ackTimeout, createDataStream{name})
	return acked, err
}

// createDataStream makes a data stream.
type createDataStream struct {
	name string
}

func (c createDataStream) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	return createStream(m, st, c.name)
}

func streamExists(name string) *elastic.Error {
	return &elastic.Error{Status: 400, Type: "resource_already_exists_exception", Reason: "data_stream [" + name + "] already exists"}
}

func createStream(m *elastic.Master, st *state.State, name string) (*state.State, error) {
	t := templates.Find(st, name)
	switch {
	case st.DataStream(name) != nil:
		return nil, streamExists(name)
	case st.Index(name) != nil || len(st.Aliased(name)) > 0:
		return nil, illegalState("data stream [" + name + "] conflicts with index or alias of that name")
	case t == nil:
		return nil, api.IllegalArgument("no matching index template found for data stream [%s]", name)
	case t.DataStream == nil:
		return nil, api.IllegalArgument("matching index template [%s] for data stream [%s] has no data stream template", t.Name, name)
	}
	d := &state.DataStream{Name: name, Generation: 1, Template: t.Name, Hidden: t.DataStream.Hidden}
	st, index, err := addBacking(m, st, d)
	if err != nil {
		return nil, err
	}
	d.Indices = []string{index}
	return st.WithDataStream(d), nil
}

// addBacking creates the backing index of a stream's generation.
func addBacking(m *elastic.Master, st *state.State, d *state.DataStream) (*state.State, string, error) {
	name := fmt.Sprintf(".ds-%s-%s-%06d", d.Name, m.Process.Clock.Now().UTC().Format("2006.01.02"), d.Generation)
	base, err := mapping.Normal([]byte(streamMapping))
	if err != nil {
		return nil, "", err
	}
	st, err = WithIndex(m, st, CreateIndexRequest{
		Name: name, Stream: d.Name, Settings: settings.Of(map[string]string{"index.hidden": "true"}), Mapping: base,
	})
	if err != nil {
		return nil, "", err
	}
	return st, name, nil
}

// DeleteDataStreams deletes data streams with their indices.
func DeleteDataStreams(ctx context.Context, n *elastic.Node, names []string, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "remove-data-stream", elastic.High, masterTimeout, ackTimeout, removeDataStreams{names})
	return acked, err
}

// removeDataStreams takes data streams away with their indices.
type removeDataStreams struct {
	names []string
}

func (c removeDataStreams) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	for _, name := range c.names {
		d := st.DataStream(name)
		if d == nil {
			return nil, elastic.IndexNotFound(name)
		}
		st = st.WithoutDataStream(name)
		for _, index := range d.Indices {
			st = allocation.RemoveIndex(st, index)
		}
	}
	return m.Rerouted(st), nil
}

// withoutBacking takes an index out of the stream that it backs; that stream's write index
// stays.
func withoutBacking(st *state.State, index string) (*state.State, error) {
	d := st.StreamOf(index)
	if d == nil {
		return st, nil
	}
	if d.WriteIndex() == index {
		return nil, api.IllegalArgument("index [%s] is the write index for data stream [%s] and cannot be deleted", index, d.Name)
	}
	next := *d
	next.Indices = slices.DeleteFunc(slices.Clone(d.Indices), func(i string) bool { return i == index })
	return st.WithDataStream(&next), nil
}
