package torture_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// platforms are what eight writers of one tag bring, one each.
var platforms = []string{"linux/amd64", "linux/arm64", "linux/riscv64", "linux/s390x", "linux/ppc64le", "linux/386", "linux/arm/v7", "linux/mips64le"}

func platformTag(platform string) string { return strings.ReplaceAll(platform, "/", "-") }

// listed is what an index says of itself.
type listed struct {
	Annotations map[string]string
	Manifests   []struct {
		Platform struct{ OS, Architecture, Variant string }
	}
}

func (l listed) platforms() (out []string) {
	for _, m := range l.Manifests {
		out = append(out, strings.TrimSuffix(m.Platform.OS+"/"+m.Platform.Architecture+"/"+m.Platform.Variant, "/"))
	}
	return out
}

// writer is one of the processes that race, and what it must have left.
type writer struct {
	args []string
	kept func(l listed) bool
}

func adds(extension, ref, platform string, i int) writer {
	kept := func(l listed) bool { return slices.Contains(l.platforms(), platform) }
	if i%2 == 0 {
		return writer{append(pushed(extension, platform, ref+":1"), "--append"), kept}
	}
	return writer{[]string{"index", "add", ref + ":1", ref + ":" + platformTag(platform)}, kept}
}

// races are kinds of eight processes at one tag.
func races(extension string) map[string]func(ref string, i int) writer {
	annotated := func(key string) func(listed) bool {
		return func(l listed) bool { return l.Annotations[key] == "1" }
	}
	return map[string]func(ref string, i int) writer{
		"append": func(ref string, i int) writer { return adds(extension, ref, platforms[i], 0) },
		"add":    func(ref string, i int) writer { return adds(extension, ref, platforms[i], 1) },
		"annotate": func(ref string, i int) writer {
			key := fmt.Sprintf("key%d", i)
			if i%2 == 0 {
				return writer{[]string{"annotate", ref + ":1", "--annotation", key + "=1"}, annotated(key)}
			}
			return writer{[]string{"index", "annotate", ref + ":1", "--index-annotation", key + "=1"}, annotated(key)}
		},
		"remove beside add": func(ref string, i int) writer {
			if i > 0 {
				return adds(extension, ref, platforms[i], i)
			}
			return writer{[]string{"index", "remove", ref + ":1", "linux/arm/v6"}, func(l listed) bool { return !slices.Contains(l.platforms(), "linux/arm/v6") }}
		},
	}
}

// TestRaces lets eight processes write one tag in parallel, each through a proxy of
// its own that loses one of its requests. What exits with 0 is kept.
func TestRaces(t *testing.T) {
	t.Parallel() // it waits for tags to settle
	extension := t.TempDir()
	if err := writePlainExtension(extension); err != nil {
		t.Fatal(err)
	}
	broken := slices.DeleteFunc(faults(), func(f fault) bool {
		return !slices.Contains([]string{"503", "429, Retry-After 1", "dropped before", "dropped after", "ended after", "502"}, f.name)
	})
	for name, start := range registries {
		for kind, make := range races(extension) {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				dir := ramDir(t)
				stations := newStations(t, start(t), false, len(platforms))
				base := repository{stations[0].direct, "base"}
				r, err := stations[0].room(dir)
				if err != nil {
					t.Fatal(err)
				}
				ref := stations[0].proxy.Host() + "/base:"
				commands := [][]string{append(pushed(extension, "linux/arm/v6", ref+"1"), "--target", "linux/loong64")}
				for _, platform := range platforms {
					commands = append(commands, pushed(extension, platform, ref+platformTag(platform)))
				}
				for _, args := range commands {
					if got, err := r.run(t.Context(), args...); err != nil || got.code != 0 {
						t.Fatalf("%v\n%s", err, got.stderr)
					}
				}
				before, err := base.snapshot()
				if err != nil {
					t.Fatal(err)
				}
				for round := range amount(1, 2, 50) {
					repo := repository{stations[0].direct, fmt.Sprintf("round/%d", round)}
					if err := repo.restore(before); err != nil {
						t.Fatal(err)
					}
					results, writers := [8]result{}, [8]writer{}
					var group sync.WaitGroup
					for i, s := range stations {
						writers[i] = make(s.proxy.Host()+"/"+repo.name, i)
						s.arm(broken[(round+i)%len(broken)], 1+(round*7+i*3)%20, false, nil)
						if round%2 == 0 {
							s.disarm() // every other round is undisturbed
						}
						group.Go(func() {
							room, err := s.room(dir)
							if err != nil {
								t.Error(err)
								return
							}
							defer room.remove()
							if results[i], err = room.run(t.Context(), writers[i].args...); err != nil {
								t.Error(err)
							}
							for _, p := range leftovers(room.temp) {
								t.Errorf("left %s", p)
							}
						})
					}
					group.Wait()
					if _, err := repo.tags(); err != nil {
						t.Errorf("round %d: %v", round, err)
					}
					_, data, err := repo.get("manifests", "1")
					var now listed
					if err == nil {
						err = json.Unmarshal(data, &now)
					}
					if err != nil {
						t.Fatal(err)
					}
					for i := range results {
						var problems []string
						if code := results[i].code; code != 0 {
							problems = append(problems, fmt.Sprintf("exit code %d", code))
						} else if !writers[i].kept(now) {
							problems = append(problems, fmt.Sprintf("exit code 0, and its work is lost: %v", now))
						}
						counts.add(t, "races: "+kind+", "+name, fmt.Sprintf("round %d, process %d: %q", round, i, writers[i].args), problems, &results[i])
					}
				}
			})
		}
	}
}
