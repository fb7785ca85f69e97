package determinism

import (
	"go/ast"
	"go/types"
	"path"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/inspector"
)

// A ban refuses functions, methods, variables or types of a package, wherever
// they are mentioned: called, stored in a field or passed on.
type ban struct {
	rule string
	// pkg is the import path, or a prefix of it when it ends in "/...".
	pkg string
	// names are "Func", "Type.Method" or "Type"; none means all of the package.
	names []string
	// but are exceptions from "all of the package".
	but     []string
	instead string
}

const (
	useClock     = "ask the clock that the process was given"
	useClockCtx  = "use the clock's WithTimeout and WithCancel"
	useProcess   = "start a process with the clock's Go, AfterFunc or Group"
	useStream    = "draw from a named stream: the clock's Rand(name)"
	useWaiting   = "wait with the clock's Event, Group or Mutex"
	useScenario  = "take it from the scenario or a config struct"
	usePureMath  = "use a pure-Go function whose products are rounded by float64(x*y)"
	useTransport = "go through the transport that the process was given"
)

// exactMath are the functions of package math whose results are exact or
// correctly rounded, and so the same everywhere.
var exactMath = []string{
	"Abs", "Ceil", "Floor", "Trunc", "Round", "RoundToEven", "Sqrt", "Copysign", "Signbit", "Max", "Min", "Dim",
	"Mod", "Modf", "Remainder", "Frexp", "Ldexp", "Logb", "Ilogb", "Nextafter", "Nextafter32", "FMA", "Inf", "IsInf",
	"NaN", "IsNaN", "Float64bits", "Float64frombits", "Float32bits", "Float32frombits",
}

// bans is the table of what must not be mentioned.
var bans = []ban{
	{rule: wallClock, pkg: "time", instead: useClock, names: []string{
		"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}},
	{rule: contextRule, pkg: "context", instead: useClockCtx, names: []string{
		"WithTimeout", "WithDeadline", "WithCancel", "WithTimeoutCause", "WithDeadlineCause", "WithCancelCause", "AfterFunc"}},
	{rule: goroutine, pkg: "sync", names: []string{"WaitGroup.Go"}, instead: useProcess},
	{rule: goroutine, pkg: "golang.org/x/sync/...", instead: useProcess},
	{rule: goroutine, pkg: "os/signal", instead: "leave signals to the command line"},
	{rule: goroutine, pkg: "os/exec", instead: useTransport},
	{rule: goroutine, pkg: "net/http/httptest", names: []string{"NewServer", "NewTLSServer", "NewUnstartedServer"}, instead: useTransport},
	{rule: goroutine, pkg: "net/http", instead: useTransport, names: []string{
		"Get", "Head", "Post", "PostForm", "DefaultClient", "DefaultTransport", "Serve", "ServeTLS", "ListenAndServe",
		"ListenAndServeTLS", "Server.Serve", "Server.ServeTLS", "Server.ListenAndServe", "Server.ListenAndServeTLS",
		"Server.Shutdown", "TimeoutHandler"}},
	{rule: goroutine, pkg: "net", instead: useTransport, names: []string{
		"Dial", "DialTimeout", "DialTCP", "DialUDP", "Listen", "ListenPacket", "ListenTCP", "ListenUDP", "Dialer", "ListenConfig",
		"LookupHost", "LookupIP", "LookupAddr", "DefaultResolver", "Pipe"}},
	{rule: channel, pkg: "io", names: []string{"Pipe"}, instead: "pass a buffer"},
	{rule: syncRule, pkg: "sync", names: []string{"WaitGroup", "Cond", "NewCond"}, instead: useWaiting},
	{rule: syncRule, pkg: "sync", names: []string{"Map"}, instead: "use a map that one process owns and walk its sorted keys"},
	{rule: syncRule, pkg: "sync", names: []string{"Pool"}, instead: "keep a free list in the struct that uses it"},
	{rule: randomRule, pkg: "math/rand", but: []string{"New", "NewSource", "NewZipf", "Rand", "Source", "Source64", "Zipf"}, instead: useStream},
	{rule: randomRule, pkg: "math/rand/v2", instead: useStream, but: []string{
		"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf"}},
	{rule: randomRule, pkg: "crypto/rand", instead: useStream},
	{rule: randomRule, pkg: "hash/maphash", instead: "hash with hash/fnv or xxhash"},
	{rule: randomRule, pkg: "github.com/google/uuid", but: []string{"UUID", "Parse", "MustParse", "NewSHA1", "NewMD5", "Nil"},
		instead: "number them, or hash a name"},
	{rule: machine, pkg: "os", instead: useScenario, names: []string{
		"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Hostname", "Getpid", "Getppid", "Getuid", "Getwd", "Executable", "UserHomeDir",
		"TempDir", "Args"}},
	{rule: machine, pkg: "runtime", instead: useScenario, names: []string{
		"NumGoroutine", "GOMAXPROCS", "NumCPU", "NumCgoCall", "GOOS", "GOARCH", "Version", "ReadMemStats", "SetFinalizer", "AddCleanup", "Gosched"}},
	{rule: machine, pkg: "runtime/metrics", instead: useScenario},
	{rule: machine, pkg: "weak", instead: "keep an ordinary pointer"},
	{rule: machine, pkg: "time", names: []string{"Local", "LoadLocation", "Time.Local"}, instead: "use time.UTC"},
	{rule: mapOrder, pkg: "reflect", names: []string{"Value.MapRange", "Value.MapKeys", "Value.Seq2"}, instead: "sort the keys first"},
	{rule: address, pkg: "reflect", names: []string{"Value.Pointer", "Value.UnsafePointer", "Value.UnsafeAddr"}, instead: "compare or print an id"},
	{rule: floatMath, pkg: "math/cmplx", instead: usePureMath},
	{rule: floatMath, pkg: "math/rand", names: []string{"Rand.NormFloat64", "Rand.ExpFloat64", "Zipf", "NewZipf"}, instead: usePureMath},
	{rule: floatMath, pkg: "math/rand/v2", names: []string{"Rand.NormFloat64", "Rand.ExpFloat64", "Zipf", "NewZipf"}, instead: usePureMath},
	{rule: floatMath, pkg: "gonum.org/v1/gonum/...", instead: "leave statistics to package reports, which rounds them"},
}

func (b ban) covers(pkg string) bool {
	if prefix, ok := strings.CutSuffix(b.pkg, "/..."); ok {
		return pkg == prefix || strings.HasPrefix(pkg, prefix+"/")
	}
	return pkg == b.pkg
}

// checkBanned reports the mention of anything in the table of bans.
func (c *checker) checkBanned(cur inspector.Cursor) {
	id := cur.Node().(*ast.Ident)
	obj, pkg := c.use(id)
	if pkg == "" {
		return
	}
	if pkg == "math" {
		c.checkMath(id, obj)
		return
	}
	name, ok := mentioned(obj)
	if !ok {
		return
	}
	for _, b := range bans {
		if !b.covers(pkg) || (len(b.names) > 0 && !slices.Contains(b.names, name)) || slices.Contains(b.but, name) {
			continue
		}
		if len(b.names) == 0 && strings.Contains(name, ".") {
			continue // a method of something whose making was judged already
		}
		c.report(b.rule, id, path.Base(pkg)+"."+name, b.instead)
		return
	}
}

// checkMath reports functions of package math that are not exact.
func (c *checker) checkMath(id *ast.Ident, obj types.Object) {
	if _, ok := obj.(*types.Func); !ok || slices.Contains(exactMath, obj.Name()) {
		return
	}
	c.report(floatMath, id, "math."+obj.Name()+" is assembly on some machines and fused on others", usePureMath)
}

// mentioned is the name by which the table knows an object: what a package
// declares at its top level, or a method.
func mentioned(obj types.Object) (string, bool) {
	if f, ok := obj.(*types.Func); ok {
		if recv := receiverName(f); recv != "" {
			return recv + "." + f.Name(), true
		}
		return f.Name(), receiver(f) == nil
	}
	if v, ok := obj.(*types.Var); ok && v.IsField() {
		return "", false
	}
	return obj.Name(), obj.Parent() == obj.Pkg().Scope()
}

// zoneFree are the methods of a time that don't depend on its zone.
var zoneFree = []string{
	"UTC", "In", "Sub", "Before", "After", "Equal", "Compare", "Unix", "UnixMilli", "UnixMicro", "UnixNano", "IsZero",
}

// checkLocalTime reports time.Unix and its like without UTC: they make times in
// the zone of the machine.
func (c *checker) checkLocalTime(cur inspector.Cursor) {
	call := cur.Node().(*ast.CallExpr)
	if !c.calls(call, "time", "Unix", "UnixMilli", "UnixMicro") {
		return
	}
	if sel, ok := cur.Parent().Node().(*ast.SelectorExpr); ok && slices.Contains(zoneFree, sel.Sel.Name) {
		return
	}
	c.report(machine, call, "time."+c.callee(call).Name()+" is in the machine's zone", "add .UTC()")
}
