package cluster

import (
	"net/netip"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

func isAddress(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	_, err := netip.ParsePrefix(text)
	return err == nil
}

// checkTogether refuses disk watermarks that do not fit together
// (DiskThresholdSettings): all percentages or all sizes, and in order.
func checkTogether(all settings.Settings) {
	text := map[string]string{}
	value := map[string]settings.Relative{}
	changed := false
	for _, name := range []string{"low", "high", "flood_stage"} {
		key := rest.WatermarkPrefix + name
		v, ok := all.Get(key)
		if !ok {
			v = settings.ClusterRegistry().Lookup(key).Default
		}
		changed = changed || ok
		parsed, err := settings.ParseRelative(key, v)
		if err != nil {
			rest.Raise(rest.IllegalArgument("%s", err.Error()))
		}
		text[name], value[name] = v, parsed
	}
	if !changed {
		return
	}
	low, high, flood := value["low"], value["high"], value["flood_stage"]
	if low.Ratio != high.Ratio || high.Ratio != flood.Ratio {
		rest.Raise(rest.IllegalArgument("unable to consistently parse [%slow=%s], [%shigh=%s], and [%sflood_stage=%s] as percentage or bytes",
			rest.WatermarkPrefix, text["low"], rest.WatermarkPrefix, text["high"], rest.WatermarkPrefix, text["flood_stage"]))
	}
	before, after := "more", func(a, b settings.Relative) bool { return a.Percent > b.Percent }
	if !low.Ratio {
		before, after = "less", func(a, b settings.Relative) bool { return a.Bytes < b.Bytes }
	}
	if after(low, high) {
		rest.Raise(rest.IllegalArgument("low disk watermark [%s] %s than high disk watermark [%s]", strings.TrimSpace(text["low"]), before, text["high"]))
	}
	if after(high, flood) {
		rest.Raise(rest.IllegalArgument("high disk watermark [%s] %s than flood stage disk watermark [%s]", text["high"], before, text["flood_stage"]))
	}
}
