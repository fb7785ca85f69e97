package kv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/kvcluster/client"
	kvnode "github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// ErrNoAnswer means that there was no answer in time, or nobody to give one.
var ErrNoAnswer = errors.New("kv: no answer")

// Link is a Client as the transport of package client.
type Link struct{ Client *Client }

var _ client.Transport = Link{}

// Send implements client.Transport.
func (l Link) Send(ctx context.Context, to shardmap.NodeID, m wire.Message) (wire.Message, error) {
	r, ok := m.(*wire.Request)
	if !ok {
		return nil, fmt.Errorf("kv: a copy can't be asked for %v", wire.KindOf(m))
	}
	answered := l.Client.c.Engine.NewEvent()
	var answer *wire.Response
	l.Client.Do(to, r, time.Minute, func(a *wire.Response) {
		answer = a
		answered.Set()
	})
	if err := answered.Wait(ctx); err != nil {
		return nil, err
	}
	if answer == nil {
		return nil, ErrNoAnswer
	}
	return answer, nil
}

// FleetLink is a Caller as the transport of package client.
type FleetLink struct{ Caller *Caller }

var _ client.Transport = FleetLink{}

// Send implements client.Transport.
func (l FleetLink) Send(ctx context.Context, to shardmap.NodeID, m wire.Message) (wire.Message, error) {
	answered := l.Caller.f.Engine.NewEvent()
	var answer wire.Message
	l.Caller.Ask(kvnode.Machine(to), m, time.Minute, func(a wire.Message) {
		answer = a
		answered.Set()
	})
	if err := answered.Wait(ctx); err != nil {
		return nil, err
	}
	if answer == nil {
		return nil, ErrNoAnswer
	}
	return answer, nil
}
