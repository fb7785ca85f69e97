package importer

import (
	"slices"
)

// nodeDoc is what is known of a node from all answers of one moment.
type nodeDoc struct {
	ID string
	nodeFields
}

// nodeFields are what the answers tell of a node; each tells some.
type nodeFields struct {
	Name       text            `json:"name"`
	Address    text            `json:"transport_address"`
	Host       text            `json:"host"`
	Version    text            `json:"version"`
	Attributes map[string]text `json:"attributes"`
	Roles      names           `json:"roles"`
	Settings   flat            `json:"settings"`
	Timestamp  integer         `json:"timestamp"`
	OS         osDoc           `json:"os"`
	JVM        jvmDoc          `json:"jvm"`
	FS         fsDoc           `json:"fs"`
	Indices    nodeIndices     `json:"indices"`
}

type (
	osDoc struct {
		Allocated integer `json:"allocated_processors"`
		Available integer `json:"available_processors"`
		Memory    memDoc  `json:"mem"`
	}
	memDoc struct {
		Total    integer `json:"total_in_bytes"`
		HeapMax  integer `json:"heap_max_in_bytes"`
		HeapUsed integer `json:"heap_used_in_bytes"`
	}
	jvmDoc struct {
		Uptime integer `json:"uptime_in_millis"`
		Memory memDoc  `json:"mem"`
	}
	fsDoc struct {
		Total fsTotal `json:"total"`
	}
	fsTotal struct {
		Total     integer `json:"total_in_bytes"`
		Available integer `json:"available_in_bytes"`
	}
	nodeIndices struct {
		Store struct {
			Size integer `json:"size_in_bytes"`
		} `json:"store"`
	}
)

// merge takes over what another answer tells.
func (n *nodeDoc) merge(o nodeFields) {
	for _, t := range []struct{ to, from *text }{{&n.Name, &o.Name}, {&n.Address, &o.Address}, {&n.Host, &o.Host}, {&n.Version, &o.Version}} {
		if *t.from != "" {
			*t.to = *t.from
		}
	}
	if o.Attributes != nil {
		n.Attributes = o.Attributes
	}
	if o.Roles != nil {
		n.Roles = o.Roles
	}
	if o.Settings != nil {
		n.Settings = o.Settings
	}
	for _, w := range []struct{ to, from *integer }{
		{&n.Timestamp, &o.Timestamp}, {&n.OS.Allocated, &o.OS.Allocated}, {&n.OS.Available, &o.OS.Available},
		{&n.OS.Memory.Total, &o.OS.Memory.Total}, {&n.JVM.Uptime, &o.JVM.Uptime}, {&n.JVM.Memory.HeapMax, &o.JVM.Memory.HeapMax},
		{&n.JVM.Memory.HeapUsed, &o.JVM.Memory.HeapUsed}, {&n.FS.Total.Total, &o.FS.Total.Total}, {&n.FS.Total.Available, &o.FS.Total.Available},
		{&n.Indices.Store.Size, &o.Indices.Store.Size},
	} {
		if w.from.ok {
			*w.to = *w.from
		}
	}
}

// readNodes reads _nodes and _nodes/stats.
func readNodes(s stream, snap *snapshot) error {
	return s.object(func(key string) error {
		switch key {
		case "cluster_name":
			return s.into((*text)(&snap.cluster))
		case "nodes":
			return s.object(func(id string) error {
				var n nodeFields
				if err := s.into(&n); err != nil {
					return err
				}
				snap.node(id).merge(n)
				snap.seen(n.Timestamp.v)
				return nil
			})
		}
		return s.SkipValue()
	})
}

// readShutdowns reads _nodes/shutdown.
func readShutdowns(s stream, snap *snapshot) error {
	return s.object(func(key string) error {
		if key != "nodes" {
			return s.SkipValue()
		}
		return s.array(func() error {
			var d struct {
				ID   text `json:"node_id"`
				Type text `json:"type"`
			}
			if err := s.into(&d); err != nil {
				return err
			}
			snap.shutdowns[string(d.ID)] = string(d.Type)
			return nil
		})
	})
}

// roleLetters are the roles as _cat/nodes writes them.
var roleLetters = map[rune]string{
	'c': "data_cold", 'd': "data", 'f': "data_frozen", 'h': "data_hot", 'i': "ingest", 'l': "ml", 'm': "master",
	'r': "remote_cluster_client", 's': "data_content", 't': "transform", 'v': "voting_only", 'w': "data_warm",
}

// rolesOf spells letters out; "-" is a node without roles.
func rolesOf(letters string) []string {
	roles := []string{}
	for _, l := range letters {
		if r := roleLetters[l]; r != "" {
			roles = append(roles, r)
		}
	}
	slices.Sort(roles)
	return roles
}
