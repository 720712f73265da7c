//go:build unix

package bake

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/task"
)

// failingBuildx is a fake buildx that records the targets it gets, and fails in
// the first of those whose names begin with "bad".
const failingBuildx = `names=${*#* -- }
echo "$names" >>"%s"
for name in $names; do
	started='"started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:02Z"'
	case $name in bad*|uses-bad*)
		printf '{"vertexes":[{"digest":"sha256:%%s","name":"[bad%%s stage 1/1] RUN false",%%s,"error":"process \\"false\\" did not complete successfully: exit code: 7"}]}\n' $name "${name#*bad}" "$started" >&2
		printf '{"vertexes":[{"digest":"sha256:0","name":"[good 1/1] RUN true","error":"context canceled: context canceled"}]}\n' >&2
		printf '{"logs":[{"vertex":"sha256:%%s","data":"bm8gbHVjawo="}]}\n' $name >&2
		exit 1 ;;
	esac
	printf '{"vertexes":[{"digest":"sha256:%%s","name":"[%%s 1/1] RUN true",%%s}]}\n' $name $name "$started" >&2
done
`

// TestJobs counts the bakes: one if all is well, one more if something fails, and
// one for each job only if that fails too.
func TestJobs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		jobs   []string
		bakes  []string
		failed []string
	}{
		"all is well":     {jobs: []string{"a", "b", "c"}, bakes: []string{"a b c"}},
		"one job":         {jobs: []string{"a"}, bakes: []string{"a"}},
		"one that fails":  {jobs: []string{"bad"}, bakes: []string{"bad"}, failed: []string{"bad"}},
		"one of several":  {jobs: []string{"a", "bad", "b"}, bakes: []string{"a bad b", "a b"}, failed: []string{"bad"}},
		"what needs it":   {jobs: []string{"a", "uses-bad", "b"}, bakes: []string{"a uses-bad b", "a b"}, failed: []string{"uses-bad"}},
		"two of several":  {jobs: []string{"a", "bad1", "bad2", "b"}, bakes: []string{"a bad1 bad2 b", "a bad2 b", "a", "b"}, failed: []string{"bad1", "bad2"}},
		"three":           {jobs: []string{"bad1", "bad2", "bad3", "b"}, bakes: []string{"bad1 bad2 bad3 b", "bad2 bad3 b", "b", "bad3"}, failed: []string{"bad1", "bad2", "bad3"}},
		"expected (bad!)": {jobs: []string{"a", "bad!", "b"}, bakes: []string{"a b", "bad"}, failed: []string{"bad"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			log := filepath.Join(dir, "log")
			var jobs []task.Job
			for _, name := range tt.jobs {
				j := task.Job{Name: strings.TrimSuffix(name, "!"), Alone: strings.HasSuffix(name, "!"), Context: dir, Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
				j.Dockerfile, j.Output = filepath.Join(dir, j.Name+".Dockerfile"), filepath.Join(dir, j.Name+".tar")
				if base, ok := strings.CutPrefix(name, "uses-"); ok {
					j.Contexts = map[string]string{"base": "target:" + base}
					jobs = append(jobs, task.Job{Name: base, Context: dir, Dockerfile: j.Dockerfile})
				}
				jobs = append(jobs, j)
			}
			e := &Engine{Client: &buildx.Client{Path: fakeBuildx(t, t.TempDir(), "buildx", fmt.Sprintf(failingBuildx, log))}}
			results, err := e.Jobs(t.Context(), jobs, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			bakes := strings.Split(strings.TrimSpace(string(data)), "\n")
			if len(bakes) > 2 {
				slices.Sort(bakes[2:]) // they are at the same time
			}
			equal(t, "bakes", bakes, tt.bakes)
			var failed []string
			for _, j := range jobs {
				r := results[j.Name]
				if len(r.Failed) == 0 {
					continue
				}
				failed = append(failed, j.Name)
				want := task.FailedStep{Job: strings.TrimPrefix(j.Name, "uses-"), ExitCode: 7, Output: "no luck\n"}
				if got := r.Failed[0]; len(r.Failed) != 1 || got.Job != want.Job || got.ExitCode != want.ExitCode || got.Output != want.Output {
					t.Errorf("%s: failed with %+v, want %+v", j.Name, r.Failed, want)
				}
				if strings.HasPrefix(j.Name, "bad") && r.Time != 2*time.Second {
					t.Errorf("%s took %s", j.Name, r.Time)
				}
			}
			equal(t, "failed jobs", failed, tt.failed)
		})
	}
}

// TestJobsOfABrokenFile attributes the errors of the frontend, which have no step.
func TestJobsOfABrokenFile(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"ERROR: target b: failed to solve: dockerfile parse error on line 1: unknown instruction: FORM": "b",
		"ERROR: failed to solve: dockerfile parse error on line 1: unknown instruction: FORM":           "",
	} {
		l := &jobLog{jobs: []string{"a", "b"}, steps: map[string]*jobStep{}, plain: buildx.TailBuffer{Limit: 1 << 10}}
		l.line([]byte(said))
		failed, err := l.failed(os.ErrInvalid, "")
		if err != nil || len(failed) != 1 || failed[0].Job != want {
			t.Errorf("%s: %+v, %v", said, failed, err)
		}
		l.jobs = []string{"only"}
		if failed, err := l.failed(os.ErrInvalid, ""); err != nil || failed[0].Job != "only" {
			t.Errorf("%s, alone: %+v, %v", said, failed, err)
		}
	}
	l := &jobLog{plain: buildx.TailBuffer{Limit: 1 << 10}}
	l.line([]byte("ERROR: no builder \"x\" found"))
	if failed, err := l.failed(os.ErrInvalid, "x"); err == nil || len(failed) > 0 {
		t.Errorf("a builder that does not exist: %+v, %v", failed, err)
	}
}
