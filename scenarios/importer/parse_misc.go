package importer

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// readSettings reads _cluster/settings; its defaults are the release's, not the cluster's.
func readSettings(s stream, snap *snapshot) error {
	return s.object(func(key string) error {
		if key != "persistent" && key != "transient" {
			return s.SkipValue()
		}
		var f flat
		if err := s.into(&f); err != nil {
			return err
		}
		snap.settings[key] = f
		return nil
	})
}

// readIndexSettings reads _settings.
func readIndexSettings(s stream, snap *snapshot) error {
	return s.object(func(index string) error {
		var d struct {
			Settings flat `json:"settings"`
		}
		if err := s.into(&d); err != nil {
			return err
		}
		snap.indexSettings[index] = d.Settings
		return nil
	})
}

// readAliases reads _alias.
func readAliases(s stream, snap *snapshot) error {
	return s.object(func(index string) error {
		var d struct {
			Aliases map[string]skip `json:"aliases"`
		}
		if err := s.into(&d); err != nil {
			return err
		}
		if len(d.Aliases) > 0 {
			snap.aliases[index] = slices.Sorted(maps.Keys(d.Aliases))
		}
		return nil
	})
}

// leastSpeed is the size from which a recovery says something of speed.
const leastSpeed = 32 << 20

// readRecoveries reads _recovery?detailed for the speeds that were reached.
func readRecoveries(s stream, snap *snapshot) error {
	return s.object(func(string) error {
		return s.object(func(key string) error {
			if key != "shards" {
				return s.SkipValue()
			}
			return s.array(func() error {
				var d struct {
					Type  text    `json:"type"`
					Stage text    `json:"stage"`
					Stop  integer `json:"stop_time_in_millis"`
					Index struct {
						Time integer `json:"total_time_in_millis"`
						Size struct {
							Recovered integer `json:"recovered_in_bytes"`
						} `json:"size"`
					} `json:"index"`
				}
				if err := s.into(&d); err != nil {
					return err
				}
				if strings.EqualFold(string(d.Type), "peer") && strings.EqualFold(string(d.Stage), "done") && d.Index.Time.v > 0 && d.Index.Size.Recovered.v >= leastSpeed {
					snap.speeds = append(snap.speeds, d.Index.Size.Recovered.v*1000/d.Index.Time.v)
				}
				return nil
			})
		})
	})
}

// readDesired reads _internal/desired_balance.
func readDesired(s stream, snap *snapshot) error {
	return s.object(func(key string) error {
		switch key {
		case "stats":
			var d struct {
				Unassigned integer `json:"unassigned_shards"`
				Undesired  integer `json:"undesired_allocations"`
			}
			if err := s.into(&d); err != nil {
				return err
			}
			snap.desiredStats = &clusterfile.Desired{Unassigned: number(d.Unassigned), Undesired: number(d.Undesired)}
			return nil
		case "cluster_info":
			return readInfo(s, snap)
		case "routing_table":
			return s.object(func(index string) error {
				shards := map[int][]string{}
				snap.desired[index] = shards
				return s.object(func(num string) error {
					n, err := strconv.Atoi(num)
					if err != nil {
						return problemf("[%s] has a shard %q", clip(index), clip(num))
					}
					var d struct {
						Desired struct {
							Nodes names `json:"node_ids"`
						} `json:"desired"`
					}
					if err := s.into(&d); err != nil {
						return err
					}
					shards[n] = d.Desired.Nodes
					return nil
				})
			})
		}
		return s.SkipValue()
	})
}

// infoDoc is what the master had heard of disks and sizes (ClusterInfo).
type infoDoc struct {
	disks map[string]fsTotal // by node id
	sizes map[sizeKey]int64
}

// sizeKey names a size as the master knows it.
type sizeKey struct {
	index   string
	shard   int
	primary bool
}

func readInfo(s stream, snap *snapshot) error {
	snap.info = &infoDoc{disks: map[string]fsTotal{}, sizes: map[sizeKey]int64{}}
	return s.object(func(key string) error {
		switch key {
		case "nodes":
			return s.object(func(id string) error {
				var d struct {
					Least struct {
						Total integer `json:"total_bytes"`
						Free  integer `json:"free_bytes"`
					} `json:"least_available"`
				}
				if err := s.into(&d); err != nil {
					return err
				}
				snap.info.disks[id] = fsTotal{d.Least.Total, d.Least.Free}
				return nil
			})
		case "shard_sizes":
			return s.object(func(name string) error {
				var bytes integer
				if err := s.into(&bytes); err != nil {
					return err
				}
				// "[index][0][p]_bytes"; beside it stands a text for people, "[index][0][p]".
				name, exact := strings.CutSuffix(name, "_bytes")
				parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"), "][")
				if !exact || len(parts) != 3 || !bytes.ok {
					return nil
				}
				num, err := strconv.Atoi(parts[1])
				if err == nil {
					snap.info.sizes[sizeKey{parts[0], num, parts[2] == "p"}] = bytes.v
				}
				return nil
			})
		}
		return s.SkipValue()
	})
}

// readDataStreams reads _data_stream.
func readDataStreams(s stream, snap *snapshot) error {
	return s.object(func(key string) error {
		if key != "data_streams" {
			return s.SkipValue()
		}
		return s.array(func() error {
			var d struct {
				Name    text `json:"name"`
				Policy  text `json:"ilm_policy"`
				Indices []struct {
					Name text `json:"index_name"`
				} `json:"indices"`
			}
			if err := s.into(&d); err != nil {
				return err
			}
			out := clusterfile.DataStream{Name: string(d.Name), Policy: string(d.Policy)}
			for _, ix := range d.Indices {
				out.Indices = append(out.Indices, string(ix.Name))
			}
			snap.streams = append(slices.DeleteFunc(snap.streams, func(o clusterfile.DataStream) bool { return o.Name == out.Name }), out)
			return nil
		})
	})
}

// readExplain reads _ilm/explain.
func readExplain(s stream, snap *snapshot) error {
	return s.object(func(key string) error {
		if key != "indices" {
			return s.SkipValue()
		}
		return s.object(func(index string) error {
			var d struct {
				Policy text `json:"policy"`
				Phase  text `json:"phase"`
			}
			if err := s.into(&d); err != nil {
				return err
			}
			snap.managed[index], snap.phases[index] = string(d.Policy), string(d.Phase)
			return nil
		})
	})
}

// healthDoc is what _cluster/health counts.
type healthDoc struct {
	Nodes      integer `json:"number_of_nodes"`
	Active     integer `json:"active_shards"`
	Unassigned integer `json:"unassigned_shards"`
}

func readHealth(s stream, snap *snapshot) error {
	snap.health = &healthDoc{}
	return s.into(snap.health)
}

// readVersion reads the answer of the root.
func readVersion(s stream, snap *snapshot) error {
	var d struct {
		Cluster text `json:"cluster_name"`
		UUID    text `json:"cluster_uuid"`
		Version struct {
			Number       text `json:"number"`
			Distribution text `json:"distribution"`
		} `json:"version"`
	}
	if err := s.into(&d); err != nil {
		return err
	}
	snap.cluster, snap.uuid = string(d.Cluster), string(d.UUID)
	snap.version.Number, snap.version.Distribution = string(d.Version.Number), string(d.Version.Distribution)
	return nil
}

// readManifest reads when a bundle was made.
func readManifest(s stream, snap *snapshot) error {
	return s.object(func(key string) error {
		if key != "collectionDate" && key != "timestamp" {
			return s.SkipValue()
		}
		var at text
		if err := s.into(&at); err != nil {
			return err
		}
		snap.seen(millis(string(at)))
		return nil
	})
}

// number is a number that a source tells, if it does.
func number(w integer) clusterfile.Number {
	if !w.ok {
		return clusterfile.Number{}
	}
	return clusterfile.Seen(w.v)
}
