package settings

import "math"

// Watermark is a level of disk usage: a size that must be free, or a part of the disk
// that may be used, with a cap on what must be free then (DiskThresholdSettings).
type Watermark struct {
	key      string
	value    Relative
	headroom int64 // -1 none
}

// LowWatermark is where a node gets no more copies.
func LowWatermark(s Settings) Watermark { return watermark(s, DiskLow, DiskLowHeadroom) }

// HighWatermark is where copies leave a node.
func HighWatermark(s Settings) Watermark { return watermark(s, DiskHigh, DiskHighHeadroom) }

// FloodWatermark is where the indices of a node are blocked.
func FloodWatermark(s Settings) Watermark { return watermark(s, DiskFlood, DiskFloodHeadroom) }

func watermark(s Settings, value *Setting[Relative], headroom *Setting[int64]) Watermark {
	return Watermark{key: value.Key(), value: value.Get(s), headroom: headroom.Get(s)}
}

// MustBeFree is how many bytes the watermark wants free on a disk of a size
// (getFreeBytesThreshold).
func (w *Watermark) MustBeFree(total int64) int64 {
	if !w.value.Ratio {
		return w.value.Bytes
	}
	return total - w.mayBeUsed(total, w.headroom)
}

func (w *Watermark) mayBeUsed(total, headroom int64) int64 {
	used := int64(math.Ceil(float64(float64(total)*w.value.Percent) / 100))
	if headroom != -1 {
		used = max(used, total-headroom)
	}
	return used
}

// Describe is the setting that makes the watermark, as Elasticsearch prints it.
func (w *Watermark) Describe(total int64) string {
	if w.value.Ratio && w.mayBeUsed(total, w.headroom) != w.mayBeUsed(total, -1) {
		return w.key + ".max_headroom=" + BytesText(w.headroom)
	}
	return w.key + "=" + w.value.Text()
}
