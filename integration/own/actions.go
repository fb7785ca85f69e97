package own

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/internal/units"
)

// ballast is the file that fills a disk.
const ballast = "shardquake-ballast"

// bytesPlace stands in the words of a fill for the size of the ballast in bytes.
const bytesPlace = "{bytes}"

// Actions are what can be done to a node, by kind: the user's own commands first, then what
// its way of running allows.
func (n *Node) Actions(name string) map[string]*Action {
	out := map[string]*Action{}
	switch {
	case n.Docker != nil:
		n.Docker.actions(out)
	case n.SSH != nil:
		n.SSH.actions(name, out)
	case n.Kubernetes != nil:
		n.Kubernetes.actions(name, out)
	}
	for kind, a := range n.Commands {
		out[kind] = a
	}
	return out
}

func within(a Action) *Action {
	if a.Within == 0 {
		a.Within = units.Duration(defaultWithin)
	}
	return &a
}

// actions of a container: its daemon is this machine's, where the agent of the leases runs.
func (d *Docker) actions(out map[string]*Action) {
	status := []string{"docker", "inspect", "--format", "{{.State.Status}}", d.Container}
	docker := func(words ...string) []string { return append([]string{"docker"}, words...) }
	out[Kill] = within(Action{Do: docker("kill", d.Container), Undo: docker("start", d.Container), Probe: status, Shows: "exited", SelfHealing: true})
	out[Stop] = within(Action{Do: docker("stop", "--time", "30", d.Container), Undo: docker("start", d.Container), Probe: status, Shows: "exited", SelfHealing: true, Within: units.Duration(2 * defaultWithin)})
	// Where there is no pause to end, as after somebody else ended it, nothing is left to do.
	resume := shell(fmt.Sprintf(`docker unpause %[1]s || test "$(docker inspect --format '{{.State.Status}}' %[1]s)" != paused`, d.Container))
	out[Pause] = within(Action{Do: docker("pause", d.Container), Undo: resume, Probe: status, Shows: "paused", SelfHealing: true})
	if d.Network != "" {
		connect := "docker network connect"
		if d.IP != "" {
			connect += " --ip " + d.IP
		}
		for _, a := range d.Aliases {
			connect += " --alias " + a
		}
		member := fmt.Sprintf(`docker inspect --format '{{range $n, $_ := .NetworkSettings.Networks}}{{println $n}}{{end}}' %s | grep -qx %s`, d.Container, d.Network)
		out[Isolate] = within(Action{
			Do:   docker("network", "disconnect", d.Network, d.Container),
			Undo: shell(member + " || " + connect + " " + d.Network + " " + d.Container),
			// In force while the container is there and not in the network.
			Probe: shell(fmt.Sprintf("docker inspect --format ok %s && ! { %s; }", d.Container, member)), SelfHealing: true,
		})
	}
	if d.Path != "" {
		file := d.Path + "/" + ballast
		in := func(words ...string) []string { return append(docker("exec", "--user", "0", d.Container), words...) }
		out[Fill] = within(Action{Do: in("fallocate", "-l", bytesPlace, file), Undo: in("rm", "-f", file), Probe: in("test", "-e", file), SelfHealing: true})
	}
}

func shell(line string) []string { return []string{"sh", "-c", line} }

// actions of a machine behind SSH. What is done there undoes itself by a timer of that machine.
func (s *SSH) actions(name string, out map[string]*Action) {
	sudo := ""
	if s.Sudo {
		sudo = "sudo -n "
	}
	kill, stop, pause, start, proceed, runs := s.lines(sudo)
	out[Kill] = s.remote(name, Kill, kill, start, "! { "+runs+"; }")
	out[Stop] = s.remote(name, Stop, stop, start, "! { "+runs+"; }")
	out[Pause] = s.remote(name, Pause, pause, proceed, "true")
	out[Pause].Probe = nil // what it answers tells
	if s.Path != "" {
		file := s.Path + "/" + ballast
		out[Fill] = s.remote(name, Fill, sudo+"fallocate -l "+bytesPlace+" "+file, sudo+"rm -f "+file, "test -e "+file)
	}
}

// lines are what the machine's shell is told.
func (s *SSH) lines(sudo string) (kill, stop, pause, start, proceed, runs string) {
	if s.Unit != "" {
		ctl := sudo + "systemctl "
		return ctl + "kill --signal=KILL " + s.Unit + " && " + ctl + "stop " + s.Unit, ctl + "stop " + s.Unit, ctl + "kill --signal=STOP " + s.Unit,
			ctl + "start " + s.Unit, ctl + "kill --signal=CONT " + s.Unit + " || ! " + ctl + "is-active --quiet " + s.Unit, ctl + "is-active --quiet " + s.Unit
	}
	signal := func(name string) string { return sudo + "kill -" + name + ` "$(cat ` + s.PIDFile + `)"` }
	// One that has ended and that nobody has asked after yet doesn't run.
	runs = `case "$(ps -o stat= -p "$(cat ` + s.PIDFile + `)")" in ""|Z*) false;; esac`
	return signal("KILL"), signal("TERM"), signal("STOP"), runs + " || { " + s.Start + "; }", signal("CONT") + " || ! { " + runs + "; }", runs
}

func (s *SSH) remote(name, kind, do, undo, probe string) *Action {
	a := Action{Probe: s.ssh(probe)}
	if s.Timer < 0 {
		a.Do, a.Undo = s.ssh(do), s.ssh(undo)
		return within(a)
	}
	mark := fmt.Sprintf("/tmp/shardquake-%s-%s.timer", name, kind)
	// Who ends the timer's shell ends its sleep with it.
	waits := fmt.Sprintf("trap 'kill $! 2>/dev/null; exit' TERM; sleep %d & wait $!; trap - TERM; %s; rm -f %s", int(s.Timer.D().Seconds()), undo, mark)
	timer := fmt.Sprintf("nohup sh -c %s >/dev/null 2>&1 </dev/null & echo $! >%s; ", quoted(waits), mark)
	a.Do = s.ssh(timer + do)
	a.Undo = s.ssh(fmt.Sprintf("%s; s=$?; test -e %[2]s && { kill \"$(cat %[2]s)\"; rm -f %[2]s; } 2>/dev/null; exit $s", undo, mark))
	a.SelfHealing = true
	return within(a)
}

// quoted is a word of a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// ssh is the command that has the machine's shell do a line.
func (s *SSH) ssh(line string) []string {
	words := []string{"ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"}
	for _, o := range s.Options {
		words = append(words, "-o", o)
	}
	if s.Port != 0 {
		words = append(words, "-p", strconv.Itoa(s.Port))
	}
	if s.Identity != "" {
		words = append(words, "-i", s.Identity)
	}
	return append(words, s.Host, "sh -c "+quoted(line))
}

// actions of a pod. A pod that is deleted comes back by its controller; Chaos Mesh ends what
// it does after its own duration, whoever is gone.
func (k *Kubernetes) actions(name string, out map[string]*Action) {
	base := []string{"kubectl"}
	if k.Context != "" {
		base = append(base, "--context", k.Context)
	}
	if k.Namespace != "" {
		base = append(base, "--namespace", k.Namespace)
	}
	ctl := func(words ...string) []string { return append(append([]string{}, base...), words...) }
	in := func(words ...string) []string {
		exec := ctl("exec", k.Pod)
		if k.Container != "" {
			exec = append(exec, "--container", k.Container)
		}
		return append(append(exec, "--"), words...)
	}
	ready := ctl("wait", "--for=condition=Ready", "--timeout=120s", "pod/"+k.Pod)
	long := units.Duration(5 * defaultWithin)
	out[Kill] = &Action{Do: ctl("delete", "pod", k.Pod, "--grace-period=0", "--force", "--wait=false"), Undo: ready, SelfHealing: true, Within: long}
	out[Stop] = &Action{Do: ctl("delete", "pod", k.Pod, "--wait=false"), Undo: ready, SelfHealing: true, Within: long}
	line := func(words []string) string { return strings.Join(words, " ") }
	resume := shell(line(in("pkill", "-CONT", "java")) + " || ! " + line(in("pgrep", "java")))
	out[Pause] = within(Action{Do: in("pkill", "-STOP", "java"), Undo: resume})
	if k.Path != "" {
		file := k.Path + "/" + ballast
		out[Fill] = within(Action{Do: in("fallocate", "-l", bytesPlace, file), Undo: in("rm", "-f", file), Probe: in("test", "-e", file)})
	}
	if k.ChaosMesh {
		resource := "shardquake-isolate-" + strings.ToLower(name)
		out[Isolate] = within(Action{
			Do:   shell("printf %s " + quoted(k.partition(resource)) + " | " + strings.Join(ctl("apply", "-f", "-"), " ")),
			Undo: ctl("delete", "networkchaos", resource, "--ignore-not-found"), Probe: ctl("get", "networkchaos", resource), SelfHealing: true,
		})
	}
}

// partition is Chaos Mesh's resource that cuts a pod off from everything.
func (k *Kubernetes) partition(resource string) string {
	ns := k.Namespace
	if ns == "" {
		ns = "default"
	}
	return fmt.Sprintf(`{"apiVersion":"chaos-mesh.org/v1alpha1","kind":"NetworkChaos","metadata":{"name":%q},"spec":{"action":"partition","mode":"all","direction":"both","duration":%q,"selector":{"pods":{%q:[%q]}}}}`,
		resource, defaultTimer.String(), ns, k.Pod)
}
