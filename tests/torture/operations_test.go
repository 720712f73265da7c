package torture_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/plugintest"
)

// operation is a command that moves tags, and how the repository came to be that
// it works on.
type operation struct {
	name    string
	prepare func(ref string) [][]string
	args    func(ref string) []string
}

func pushed(extension, target, ref string) []string {
	args := []string{"build", extension, "--engine", "embedded", "--push", "-t", ref}
	if target != "" {
		args = append(args, "--target", target)
	}
	return args
}

func operations() []operation {
	extension, older := world.extension, world.older
	both := func(ref string) [][]string { return [][]string{pushed(extension, "", ref+":1")} }
	return []operation{
		{"build", func(ref string) [][]string {
			return [][]string{append(pushed(older, "", ref+":1"), "-t", ref+":2")}
		}, func(ref string) []string { return append(pushed(extension, "", ref+":1"), "-t", ref+":2") }},
		{
			"append", func(ref string) [][]string { return [][]string{pushed(extension, "linux/amd64", ref+":1")} },
			func(ref string) []string { return append(pushed(extension, "linux/arm64", ref+":1"), "--append") },
		},
		{"annotate", both, func(ref string) []string { return []string{"annotate", ref + ":1", "--annotation", "key=value"} }},
		{"index create", func(ref string) [][]string {
			return [][]string{pushed(extension, "linux/amd64", ref+":amd64"), pushed(extension, "linux/arm64", ref+":arm64")}
		}, func(ref string) []string {
			return []string{"index", "create", "-t", ref + ":1", ref + ":amd64", ref + ":arm64"}
		}},
		{"index add", func(ref string) [][]string {
			return [][]string{pushed(extension, "linux/amd64", ref+":1"), pushed(extension, "linux/arm64", ref+":arm64")}
		}, func(ref string) []string { return []string{"index", "add", ref + ":1", ref + ":arm64"} }},
		{"index remove", both, func(ref string) []string { return []string{"index", "remove", ref + ":1", "linux/arm64"} }},
		{"index annotate", both, func(ref string) []string {
			return []string{"index", "annotate", ref + ":1", "--index-annotation", "key=value"}
		}},
	}
}

// rehearsal is an operation that nothing has disturbed.
type rehearsal struct {
	operation
	before   snapshot
	after    map[string]string
	requests int
}

// rehearse runs an operation undisturbed.
func rehearse(t *testing.T, s *station, dir, name string, op operation) rehearsal {
	t.Helper()
	r, err := s.room(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.remove()
	must := func(args []string) {
		t.Helper()
		if got, err := r.run(t.Context(), args...); err != nil || got.code != 0 {
			t.Fatalf("%q: %v, exit code %d\n%s", args, err, got.code, got.stderr)
		}
	}
	ref, repo := s.proxy.Host()+"/"+name, s.repository(name)
	for _, args := range op.prepare(ref) {
		must(args)
	}
	out := rehearsal{operation: op}
	if out.before, err = repo.snapshot(); err != nil {
		t.Fatal(err)
	}
	s.arm(fault{}, 0, false, nil)
	must(op.args(ref))
	out.requests = s.disarm()
	if out.after, err = repo.tags(); err != nil {
		t.Fatal(err)
	}
	return out
}

// disturbance is what a case does to an operation.
type disturbance struct {
	rehearsal
	fault fault
	at    int
	rest  bool
	// run runs the disturbed command, if not just to its end.
	run func(ctx context.Context, s *station, r *room, args []string) (result, error)
	// killed says that the command is killed, and cannot clean up itself.
	killed bool
	// mute says that the command may not be able to print.
	mute  bool
	codes []int
	limit time.Duration
}

// check runs one case in a separate repository, and returns what is wrong.
func (d disturbance) check(ctx context.Context, s *station, dir, name string) (problems []string, first result) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	r, err := s.room(dir)
	if err != nil {
		return []string{err.Error()}, first
	}
	defer r.remove()
	repo, ref := s.repository(name), s.proxy.Host()+"/"+name
	if err := repo.restore(d.before); err != nil {
		return []string{"preparing: " + err.Error()}, first
	}
	args := d.args(ref)
	if d.run != nil {
		first, err = d.run(ctx, s, r, args)
	} else {
		s.arm(d.fault, d.at, d.rest, nil)
		first, err = r.run(ctx, args...)
	}
	s.disarm()
	if err != nil {
		return []string{err.Error()}, first
	}
	if !slices.Contains(d.codes, first.code) && !first.crashed() {
		wrong("exit code %d", first.code)
	}
	if first.took > d.limit {
		wrong("took %s", first.took)
	}
	if !first.crashed() {
		problems = append(problems, plugintest.Repetitions(first.stderr)...)
	}
	tags, err := repo.tags()
	if err != nil {
		wrong("%v", err)
	}
	for _, p := range d.agree(ref, tags, first) {
		wrong("%s", p)
	}
	if !d.killed {
		for _, p := range slices.Concat(leftovers(r.temp), leftovers(r.work)) {
			wrong("left %s", p)
		}
	}
	if open := s.backend.take(name); open != "" && first.code >= 0 && !first.crashed() && !s.lost() {
		wrong("%s", open)
	}

	again, err := r.run(ctx, args...)
	if err != nil || again.code != 0 {
		wrong("run again: %v, exit code %d\n%s", err, again.code, again.stderr)
	}
	if open := s.backend.take(name); open != "" {
		wrong("run again: %s", open)
	}
	if tags, err = repo.tags(); err != nil || !maps.Equal(tags, d.after) {
		wrong("run again: %v, %v instead of %v", err, tags, d.after)
	}
	for _, p := range slices.Concat(leftovers(r.temp), leftovers(r.work)) {
		wrong("run again: left %s", p)
	}
	return problems, first
}

// agree checks that where tags are is old or new, and what a command has said of
// it.
func (d disturbance) agree(ref string, tags map[string]string, r result) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	moved := 0
	for tag, digest := range tags {
		before, after := d.before.tags[tag], d.after[tag]
		if digest != before && digest != after {
			wrong("tag %s is at %s, which is neither %q nor %q", tag, digest, before, after)
		}
		if before == after {
			continue
		}
		listed := strings.Contains(r.stdout, ref+":"+tag+"@")
		right := strings.Contains(r.stdout, ref+":"+tag+"@"+digest)
		switch {
		case listed && !right:
			wrong("tag %s is at %s, and standard output says otherwise", tag, digest)
		case digest == after:
			moved++
			// What is not confirmed is said to be possible.
			said := right || strings.Contains(r.stderr, ref+":"+tag+"@"+digest)
			if !said && r.code >= 0 && !r.crashed() && !strings.Contains(r.stderr, "may have been moved") {
				wrong("tag %s was moved, and standard output and error do not say so", tag)
			}
		}
	}
	if r.code == 0 && !maps.Equal(tags, d.after) {
		wrong("exit code 0, and tags are %v instead of %v", tags, d.after)
	}
	if moved > 0 && strings.Contains(r.stderr, "no tag was moved") {
		wrong("%d tags were moved, and the message says that none was", moved)
	}
	if r.code > 0 && r.stderr == "" && !d.mute {
		wrong("exit code %d without a word", r.code)
	}
	if strings.Contains(r.stderr, "panic: ") {
		wrong("a panic")
	}
	return problems
}

// codesFor returns how a command may end that meets a fault once.
func codesFor(f fault) []int {
	if strings.HasPrefix(f.name, "404") {
		return []int{0, 1, 2} // what is not there is wrong input
	}
	return []int{0, 1}
}
