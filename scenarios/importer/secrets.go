package importer

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// secretName finds settings whose names promise something that belongs to nobody else.
// Elasticsearch keeps its own secrets in the keystore, and its answers never show them;
// plugins and older versions were not so careful.
var secretName = regexp.MustCompile(`(?i)(passw|secret|token|credential|access[_.-]?key|api[_.-]?key|private|bearer|webhook|signature|session_key|keystore|truststore|account|client[_.-]?id|\bkey$|sas_)`)

// withoutSecrets are settings without those that may be secrets, and the names of those.
func withoutSecrets(f flat) (kept clusterfile.Settings, left []string) {
	for _, k := range sortedKeys(f) {
		if isSecret(k, f[k]) {
			left = append(left, clip(k))
			continue
		}
		if kept == nil {
			kept = clusterfile.Settings{}
		}
		kept[k] = f[k]
	}
	return kept, left
}

func isSecret(key, value string) bool {
	if secretName.MatchString(key) {
		return true
	}
	for part := range strings.SplitSeq(value, ",") {
		if u, err := url.Parse(strings.TrimSpace(part)); err == nil && u.User != nil {
			return true
		}
	}
	return false
}
