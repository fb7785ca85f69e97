package reports

// Versions of the files that a run leaves. Fields are added without changing them; a
// field that changes its meaning or goes away changes the number. What earlier versions
// wrote still loads: testdata/formats holds one of each.
const (
	PlanSchema  = "shardquake.plan/1"
	TraceSchema = "shardquake.trace/1"
	SweepSchema = "shardquake.sweep/1"
	// ExploreSchema is that of what an exploration leaves.
	ExploreSchema = "shardquake.explore/1"
	// HistorySchema is of the lines of [FileRuns] and of histories.
	HistorySchema = "shardquake.history/1"
)

// FileExplore is the file of an exploration.
const FileExplore = "explore.json"

// Format is a kind of file and the version of it that this Shardquake writes.
type Format struct {
	File string `json:"file"`
	Name string `json:"format"`
}

// Formats are those of this package.
func Formats() []Format {
	return []Format{
		{FileReport, Schema}, {FilePlan, PlanSchema}, {FileTrace, TraceSchema}, {FileSweep, SweepSchema}, {FileExplore, ExploreSchema},
		{FileRuns, HistorySchema}, {"policies (JSON)", PoliciesSchema},
	}
}
