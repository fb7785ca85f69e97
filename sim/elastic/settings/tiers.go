package settings

import (
	"fmt"
	"slices"
	"strings"
)

// Tiers are the data tiers, in the order in which Elasticsearch names them.
var Tiers = []string{"data_frozen", "data_content", "data_cold", "data_hot", "data_warm"}

// DefaultTier is the preference of an index that is created without one.
const DefaultTier = "data_content"

// HotTier is that of a data stream's indices.
const HotTier = "data_hot"

// parseTiers reads a tier preference (DataTier.DataTierSettingValidator). Frozen data are
// partial searchable snapshots, which the model does not have.
func parseTiers(_, text string) ([]string, error) {
	var tiers []string
	for part := range strings.SplitSeq(text, ",") {
		tier := strings.TrimSpace(part)
		switch {
		case tier == "":
			continue
		case !slices.Contains(Tiers, tier):
			return nil, fmt.Errorf("invalid tier names found in [%s] allowed values are [%s]", text, strings.Join(Tiers, ", "))
		case tier == "data_frozen":
			return nil, fmt.Errorf("[data_frozen] tier can only be used for partial searchable snapshots")
		}
		tiers = append(tiers, tier)
	}
	return tiers, nil
}
