package client

import (
	"context"
	"fmt"

	"github.com/shardquake/shardquake/kvcluster/balance"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// reading is the level of a read that was given options.
func (db *DB) reading(ctx context.Context, o options) wire.Level {
	return db.levelFor(ctx, o, func(s *wire.Settings) wire.Level { return s.ReadLevel })
}

// writing is the level of a write that was given options.
func (db *DB) writing(ctx context.Context, o options) wire.Level {
	return db.levelFor(ctx, o, func(s *wire.Settings) wire.Level { return s.WriteLevel })
}

// levelFor is the level that was asked for, or else the client's, or else the cluster's. While
// the cluster can't be asked it is QUORUM: the operation will have to wait anyway.
func (db *DB) levelFor(ctx context.Context, o options, ofCluster func(*wire.Settings) wire.Level) wire.Level {
	if o.level != nil {
		return *o.level
	}
	db.mu.Lock()
	level := db.level
	db.mu.Unlock()
	if level != nil {
		return *level
	}
	if _, err := db.shardMap(ctx); err != nil {
		return wire.Quorum
	}
	db.renew(ctx)
	db.mu.Lock()
	defer db.mu.Unlock()
	return ofCluster(&db.settings)
}

// adopt takes over what a state says of how clients work, unless this one was told otherwise.
func (db *DB) adopt(s *wire.ClusterState) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.settings, db.settingsAt = s.Settings, db.clk.Monotonic()
	if db.cfg.Strategy != nil {
		return nil
	}
	return db.bal.SetStrategy(balance.Strategy(s.Settings.Strategy))
}

// renew asks for the settings anew, in the background, if they are old.
func (db *DB) renew(ctx context.Context) {
	db.mu.Lock()
	old := !db.asking && db.clk.Monotonic()-db.settingsAt >= db.cfg.SettingsFor
	db.asking = db.asking || old
	db.mu.Unlock()
	if !old {
		return
	}
	db.clk.Go(db.clk.WithoutCancel(ctx), "kv.settings", func(ctx context.Context) {
		ctx, cancel := db.clk.WithTimeout(ctx, db.cfg.Timeout)
		defer cancel()
		_, _ = db.state(ctx) // the next operation tries again
		db.mu.Lock()
		defer db.mu.Unlock()
		db.asking = false
	})
}

// SetStrategy sets how this client chooses the copy that a read at ONE goes to, whatever the
// cluster's settings say.
func (db *DB) SetStrategy(s balance.Strategy) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.bal.SetStrategy(s); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	db.cfg.Strategy = &s
	return nil
}

// Settings are the cluster's.
func (db *DB) Settings(ctx context.Context) (wire.Settings, error) {
	ctx, cancel := db.clk.WithTimeout(ctx, db.cfg.Timeout)
	defer cancel()
	s, err := db.state(ctx)
	if err != nil {
		return wire.Settings{}, err
	}
	return s.Settings, nil
}

// ChangeSettings changes the cluster's settings, while it runs. Of two changes at the same
// time the later one may undo the other.
func (db *DB) ChangeSettings(ctx context.Context, change func(*wire.Settings)) error {
	settings, err := db.Settings(ctx)
	if err != nil {
		return err
	}
	change(&settings)
	_, err = db.command(ctx, wire.Command{Kind: wire.ChangeSettings, Settings: &settings})
	return err
}
