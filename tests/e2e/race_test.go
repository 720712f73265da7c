package e2e_test

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
)

// rounds is how often the races run: go test ./tests/e2e -run TestRace -rounds 50
var rounds = flag.Int("rounds", 2, "how often TestRace lets eight processes write to one tag")

// TestRace: eight processes edit one tag in parallel and lose nothing: the index
// has the changes of each process that exits with 0.
func TestRace(t *testing.T) {
	other := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(other.Close)
	platforms := []string{"linux/amd64", "linux/arm64", "linux/riscv64", "linux/s390x", "linux/ppc64le", "linux/386", "linux/arm/v7", "linux/mips64le"}
	for host, name := range map[string]string{world.Registry(): "distribution", strings.TrimPrefix(other.URL, "http://"): "go-containerregistry"} {
		base := host + "/race-" + strconv.FormatInt(time.Now().UnixNano(), 36)
		for _, p := range platforms {
			mustExtpack(t, t.TempDir(), "build", example("hello"), "--engine", "embedded", "--push", "-q", "-t", base+":"+slug(p), "--target", p)
		}
		for kind, command := range map[string]func(ref string, i int) []string{
			"add": func(ref string, i int) []string {
				return []string{"index", "add", ref, base + ":" + slug(platforms[i])}
			},
			"annotate": func(ref string, i int) []string {
				return []string{"index", "annotate", ref, "--index-annotation", fmt.Sprintf("key%d=1", i)}
			},
			"append": func(ref string, i int) []string {
				return []string{"build", example("hello"), "--engine", "embedded", "--push", "--append", "-q", "-t", ref, "--target", platforms[i]}
			},
			"mixed": func(ref string, i int) []string {
				switch i % 4 {
				case 0:
					return []string{"index", "add", ref, base + ":" + slug(platforms[i])}
				case 1:
					return []string{"index", "annotate", ref, "--index-annotation", fmt.Sprintf("key%d=1", i)}
				case 2:
					return []string{"build", example("hello"), "--engine", "embedded", "--push", "--append", "-q", "-t", ref, "--target", platforms[i]}
				}
				return []string{"annotate", ref, "--annotation", fmt.Sprintf("key%d=1", i)}
			},
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				failed := 0
				for round := range *rounds {
					ref := base + ":" + kind + strconv.Itoa(round)
					failed += race(t, ref, platforms, command, kind != "append")
				}
				t.Logf("%d rounds of %d processes: %d exited with 1", *rounds, len(platforms), failed)
			})
		}
	}
}

func slug(platform string) string { return strings.ReplaceAll(platform, "/", "-") }

// race runs one round, and returns how many processes failed.
func race(t *testing.T, ref string, platforms []string, command func(ref string, i int) []string, exists bool) (failed int) {
	t.Helper()
	if exists {
		mustExtpack(t, t.TempDir(), "build", example("hello"), "--engine", "embedded", "--push", "-q", "-t", ref, "--target", "linux/arm/v6")
	}
	results := make([]result, len(platforms))
	var wg sync.WaitGroup
	for i := range platforms {
		wg.Go(func() { results[i] = extpack(t, t.TempDir(), command(ref, i)...) })
	}
	wg.Wait()
	index := fetch(t, ref)
	var listed []string
	for _, image := range index.images {
		listed = append(listed, image.platform())
	}
	for i, r := range results {
		args := command(ref, i)
		if r.code != 0 {
			failed++
			t.Errorf("%q: exit code %d\n%s", args, r.code, r.stderr)
			continue
		}
		kept := slices.Contains(listed, platforms[i])
		if strings.Contains(strings.Join(args, " "), fmt.Sprintf("key%d=1", i)) {
			kept = index.index.Annotations[fmt.Sprintf("key%d", i)] == "1"
		}
		if !kept {
			t.Errorf("%q exited with 0 and is lost: %q, %q", args, listed, index.index.Annotations)
		}
	}
	return failed
}
