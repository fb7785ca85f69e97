package indexmeta

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// SettingBlock is the block that an index setting puts on its index.
type SettingBlock struct {
	Setting *settings.Setting[bool]
	Block   state.Block
}

// IndexBlocks are IndexMetadata.INDEX_*_BLOCK, by id.
func IndexBlocks() []SettingBlock {
	return []SettingBlock{
		{settings.IndexBlockReadOnly, state.Block{ID: 5, Description: "index read-only (api)", Status: 403, Levels: []string{"write", "metadata_write"}}},
		{settings.IndexBlockRead, state.Block{ID: 7, Description: "index read (api)", Status: 403, Levels: []string{"read"}}},
		{settings.IndexBlockWrite, state.Block{ID: 8, Description: "index write (api)", Status: 403, Levels: []string{"write"}}},
		{settings.IndexBlockMetadata, state.Block{ID: 9, Description: "index metadata (api)", Status: 403, Levels: []string{"metadata_write", "metadata_read"}}},
		{settings.IndexBlockReadOnlyAllowDelete, state.Block{
			ID: 12, Status: 429, Levels: []string{"write", "metadata_write"}, AllowReleaseResources: true,
			Description: "disk usage exceeded flood-stage watermark, index has read-only-allow-delete block; for more information, see " +
				"https://www.elastic.co/guide/en/elasticsearch/reference/8.19/fix-watermark-errors.html",
		}},
	}
}

// statusName is RestStatus's name of an HTTP status that blocks use.
func statusName(status int) string {
	switch status {
	case 403:
		return "FORBIDDEN"
	case 429:
		return "TOO_MANY_REQUESTS"
	}
	return "SERVICE_UNAVAILABLE"
}

// blockedAt lists the blocks of a level on the whole cluster, or on an index.
func blockedAt(blocks []state.Block, level string) []state.Block {
	var out []state.Block
	for _, b := range blocks {
		if slices.Contains(b.Levels, level) {
			out = append(out, b)
		}
	}
	return out
}

func blockTexts(blocks []state.Block) (text string, status int, retryable bool) {
	var parts []string
	retryable = true
	for _, b := range blocks {
		parts = append(parts, fmt.Sprintf("%s/%d/%s", statusName(b.Status), b.ID, b.Description))
		status = max(status, b.Status)
		retryable = retryable && b.Retryable
	}
	return strings.Join(parts, ", "), status, retryable
}

// GlobalBlock is the error of a request that the whole cluster's blocks refuse at a level
// ("read", "write", "metadata_read", "metadata_write"), and whether it is worth waiting
// for the block to go; nil when nothing blocks.
func GlobalBlock(st *state.State, level string) (err *api.Error, retryable bool) {
	blocks := blockedAt(st.Global, level)
	if len(blocks) == 0 {
		return nil, false
	}
	text, status, retryable := blockTexts(blocks)
	return &api.Error{Status: status, Type: "cluster_block_exception", Reason: "blocked by: [" + text + "];"}, retryable
}

// BlocksOf are the blocks that an index has for its settings, or for being closed.
func BlocksOf(meta *state.Index) (out []state.Block) {
	if meta.Closed {
		out = append(out, ClosedBlock(false))
	}
	for _, b := range IndexBlocks() {
		if b.Setting.Get(meta.Settings) {
			out = append(out, b.Block)
		}
	}
	return out
}

// IndexClosed is the error of a request that a closed index can't answer.
func IndexClosed(meta *state.Index) *api.Error {
	return &api.Error{
		Status: 400, Type: "index_closed_exception", Reason: "closed",
		Fields: []api.Field{{Name: "index_uuid", Value: meta.UUID}, {Name: "index", Value: meta.Name}},
	}
}

// IndexBlock is the error of a request that an index's blocks refuse; nil when nothing does.
func IndexBlock(st *state.State, index, level string) *api.Error {
	if meta := st.Index(index); meta != nil && meta.Closed && (level == "read" || level == "write") {
		return IndexClosed(meta)
	}
	for _, b := range st.Blocks {
		if b.Index != index {
			continue
		}
		blocks := blockedAt(b.Blocks, level)
		if len(blocks) == 0 {
			return nil
		}
		text, status, _ := blockTexts(blocks)
		return &api.Error{Status: status, Type: "cluster_block_exception", Reason: "index [" + index + "] blocked by: [" + text + "];"}
	}
	return nil
}

// DeletionBlock is the error of deleting an index whose blocks keep it from that: one that lets
// go of what fills the disk does not.
func DeletionBlock(st *state.State, index string) *api.Error {
	for _, b := range st.Blocks {
		if b.Index != index {
			continue
		}
		if !slices.ContainsFunc(blockedAt(b.Blocks, "metadata_write"), func(b state.Block) bool { return !b.AllowReleaseResources }) {
			return nil
		}
		return IndexBlock(st, index, "metadata_write")
	}
	return nil
}

// ClosedBlock is the block of a closed index (INDEX_CLOSED_BLOCK); preparing is that of one
// that is about to be.
func ClosedBlock(preparing bool) state.Block {
	b := state.Block{ID: 4, Description: "index closed", Status: 403, Levels: []string{"read", "write"}}
	if preparing {
		b.Description = "index preparing to close. Reopen the index to allow writes again or retry closing the index to fully close the index."
	}
	return b
}
