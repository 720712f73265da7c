package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/oci"
	"github.com/extpack/extpack/internal/registry"
)

var update = flag.Bool("update", false, "write the golden files")

// scripted is a buildx with these builders. A build whose arguments contain a
// key of fails ends with its value as standard error.
type scripted struct {
	builders []buildx.Builder
	listErr  string
	fails    map[string]string
	builds   *[]string
}

func (s scripted) Output(_ context.Context, args ...string) ([]byte, error) {
	failed := func(stderr string) ([]byte, error) {
		return nil, &buildx.RunError{Args: args, Stderr: stderr, Err: errors.New("exit status 1")}
	}
	if args[0] == "ls" {
		if s.listErr != "" {
			return failed(s.listErr)
		}
		var out []byte
		for _, b := range s.builders {
			line, err := json.Marshal(b)
			if err != nil {
				return nil, err
			}
			out = append(append(out, line...), '\n')
		}
		return out, nil
	}
	line := strings.Join(args, " ")
	if s.builds != nil {
		*s.builds = append(*s.builds, line)
	}
	for _, key := range slices.Sorted(maps.Keys(s.fails)) {
		if strings.Contains(line, key) {
			return failed(s.fails[key])
		}
	}
	return nil, nil
}

// registries answers for each host.
type registries map[string]struct {
	access registry.Access
	err    error
}

func (r registries) CheckPush(_ context.Context, ref registry.Reference) (registry.Access, error) {
	return r[ref.Host()].access, r[ref.Host()].err
}

func (r registries) Probe(_ context.Context, host string) (registry.Access, error) {
	return r[host].access, r[host].err
}

func running(name, endpoint string, platforms ...string) buildx.Node {
	return buildx.Node{
		Name: name, Endpoint: endpoint, Status: "running", Version: "v0.33.0", Platforms: platforms,
		Labels: map[string]string{snapshotter: "overlayfs"},
	}
}

func linux(arches ...string) (all []v1.Platform) {
	for _, arch := range arches {
		all = append(all, v1.Platform{OS: "linux", Architecture: arch})
	}
	return all
}

func tag(t *testing.T, s string) registry.Reference {
	t.Helper()
	ref, err := registry.ParseTag(s)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// healthy returns a machine with everything that a build needs.
func healthy(t *testing.T) Subject {
	t.Helper()
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	return Subject{
		Plugin: "v1.0.0", Path: "/buildx", Version: "v0.37.2", Temp: "/temp", StateDir: "/state",
		Docker: func(context.Context) (Docker, error) {
			return Docker{Version: "29.0.0", Context: "default", Server: "29.0.0", Time: at, Asked: at}, nil
		},
		Buildx: scripted{builders: []buildx.Builder{{
			Name: "main", Driver: buildx.DriverContainer, Current: true, Nodes: []buildx.Node{running("main0", "unix:///engine.sock", "linux/amd64", "linux/386")},
		}}},
		Extensions: []Extension{{
			Name: "acme/curl@1.0.0", Platforms: linux("amd64", "arm64"), Asked: linux("amd64"), Copied: true, Size: 1 << 20,
			Tags: []registry.Reference{tag(t, "registry.example.com/acme/curl:1.0.0")},
		}},
		Registry: registries{},
		Free:     func(string) (uint64, error) { return 20 << 30, nil },
	}
}

// report is the text of a report: one line for each check, and its fix below.
func report(r *Report) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s, builder %q, %d errors, %d warnings\n", r.State, r.Builder, r.Count(Error), r.Count(Warning))
	for _, c := range r.Checks {
		fmt.Fprintf(&s, "%-7s %s %s: %s\n", c.State, c.Name, c.Subject, c.Message)
		if c.Fix != "" {
			fmt.Fprintf(&s, "        → %s\n", c.Fix)
		}
	}
	return s.String()
}

// TestExamine compares the report of a machine that works, and of machines on
// which one thing is different.
func TestExamine(t *testing.T) {
	builder := func(s *Subject, b buildx.Builder) {
		b.Name, b.Current = "main", true
		s.Buildx = scripted{builders: []buildx.Builder{b}}
	}
	compiled := func(s *Subject) {
		s.Extensions[0].Compiles, s.Extensions[0].Copied = true, false
		s.Extensions[0].Runs, s.Extensions[0].Asked = linux("amd64", "arm64"), linux("amd64", "arm64")
		s.Extensions[0].Pulls = []string{"docker.io"}
	}
	oldStore := func(s *Subject) {
		n := running("default", "default", "linux/amd64")
		n.Labels = nil
		builder(s, buildx.Builder{Driver: buildx.DriverDocker, Nodes: []buildx.Node{n}})
	}
	for name, change := range map[string]func(s *Subject){
		"works":          func(*Subject) {},
		"compiles":       compiled,
		"without-docker": func(s *Subject) { s.Docker = nil },
		"engine-down": func(s *Subject) {
			s.Docker = func(context.Context) (Docker, error) { return Docker{Version: "29", Context: "c"}, nil }
		},
		"docker-broken": func(s *Subject) {
			s.Docker = func(context.Context) (Docker, error) {
				return Docker{}, errors.New("Failed to initialize: no such context")
			}
		},
		"without-buildx": func(s *Subject) {
			s.Buildx, s.BuildxErr = nil, diag.WithHint(errors.New("buildx was not found"), "install it")
		},
		"old-buildx":   func(s *Subject) { s.BuildxWarning = "buildx does not report its version" },
		"no-state":     func(s *Subject) { s.StateErr = diag.WithHint(errors.New("HOME is not set"), "set it") },
		"no-extension": func(s *Subject) { s.Extensions, s.NoExtension = nil, true },
		"bad-extension": func(s *Subject) {
			s.Extensions, s.ExtensionErr = nil, diag.List{{Position: diag.Position{File: "extension.toml", Line: 3, Column: 1}, Message: "id is required", Hint: "add it"}}.Err()
		},
		"other-error":     func(s *Subject) { s.Extensions, s.ExtensionErr = nil, errors.New("permission denied") },
		"list-fails":      func(s *Subject) { s.Buildx = scripted{listErr: "ERROR: no such file"} },
		"context-missing": func(s *Subject) { s.Buildx = scripted{listErr: `ERROR: no builder "gone" found`} },
		"named-missing":   func(s *Subject) { s.Builder = "team" },
		"chosen-missing":  func(s *Subject) { s.Builder, s.BuilderFrom = "team", "BUILDX_BUILDER" },
		"node-down": func(s *Subject) {
			builder(s, buildx.Builder{Driver: buildx.DriverContainer, Nodes: []buildx.Node{{Name: "main0", Endpoint: "unix:///engine.sock", Err: "Cannot connect to the Docker daemon"}}})
		},
		"kubernetes-down": func(s *Subject) {
			builder(s, buildx.Builder{Driver: "kubernetes", Nodes: []buildx.Node{{Name: "main0", Err: "no pods"}}})
		},
		"ssh-down": func(s *Subject) {
			builder(s, buildx.Builder{Driver: buildx.DriverContainer, Nodes: []buildx.Node{{Name: "main0", Endpoint: "ssh://arm.test", Err: "error during connect: Get \"http://docker.example.com/_ping\": command [ssh -o ConnectTimeout=30 -T -- arm.test docker system dial-stdio] has exited with exit status 255, make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=Host key verification failed."}}})
		},
		"remote-down": func(s *Subject) {
			builder(s, buildx.Builder{Driver: buildx.DriverRemote, Nodes: []buildx.Node{{Name: "main0", Endpoint: "unix:///no/such.sock", Status: "inactive"}}})
		},
		"own-daemon-down": func(s *Subject) {
			builder(s, buildx.Builder{Driver: buildx.DriverRemote, Nodes: []buildx.Node{{Name: "main0", Endpoint: "unix:///state/main/buildkitd.sock", Status: "inactive"}}})
		},
		"one-of-two-down": func(s *Subject) {
			builder(s, buildx.Builder{Driver: buildx.DriverRemote, Nodes: []buildx.Node{running("main0", "tcp://a:1", "linux/amd64"), {Name: "main1", Endpoint: "unix:///no/such.sock", Err: "refused"}}})
		},
		"inactive": func(s *Subject) {
			builder(s, buildx.Builder{Driver: buildx.DriverContainer, Nodes: []buildx.Node{{Name: "main0", Status: "stopped"}}})
		},
		"old-buildkit": func(s *Subject) {
			n := running("main0", "unix:///engine.sock", "linux/amd64")
			n.Version = "v0.12.0"
			builder(s, buildx.Builder{Driver: buildx.DriverContainer, Nodes: []buildx.Node{n}})
		},
		"image-store": oldStore,
		"image-store-stage": func(s *Subject) {
			oldStore(s)
			compiled(s)
		},
		"image-store-others": func(s *Subject) {
			oldStore(s)
			s.Extensions = append(s.Extensions, Extension{Name: "acme/cached@1.0.0", Platforms: linux("amd64")},
				Extension{Name: "acme/smoke@1.0.0", Platforms: linux("amd64"), Copied: true, Smoke: true})
		},
		"image-store-machine": func(s *Subject) {
			oldStore(s)
			s.Extensions, s.NoExtension = nil, true
		},
		"no-emulation": func(s *Subject) {
			compiled(s)
			s.Buildx = scripted{builders: s.Buildx.(scripted).builders, fails: map[string]string{"--platform linux/arm64 ": "exec /first: exec format error\nERROR: exit code: 1"}}
		},
		"single-emulation": func(s *Subject) {
			compiled(s)
			s.Buildx = scripted{builders: s.Buildx.(scripted).builders, fails: map[string]string{"--platform linux/arm64 ": `ERROR: process "/first" did not complete successfully: exit code: 42`}}
		},
		"trial-fails": func(s *Subject) {
			s.Buildx = scripted{builders: s.Buildx.(scripted).builders, fails: map[string]string{"build ": "ERROR: failed to solve: something else"}}
		},
		"builder-platform": func(s *Subject) {
			compiled(s)
			s.Extensions[0].Platforms, s.Extensions[0].Runs, s.Extensions[0].Asked = []v1.Platform{{}}, []v1.Platform{{}}, []v1.Platform{{}}
		},
		"smoke": func(s *Subject) { s.Extensions[0].Smoke, s.Extensions[0].Runs = true, linux("amd64") },
		"push-refused": func(s *Subject) {
			r := s.Registry.(registries)
			v := r["registry.example.com"]
			v.err = diag.WithHint(errors.New("push to registry.example.com/acme/curl: denied"), "log in")
			r["registry.example.com"] = v
		},
		"push-not-found": func(s *Subject) {
			r := s.Registry.(registries)
			v := r["registry.example.com"]
			v.err = fmt.Errorf("repository: %w", oci.ErrNotFound)
			r["registry.example.com"] = v
		},
		"push-unreachable": func(s *Subject) {
			r := s.Registry.(registries)
			v := r["registry.example.com"]
			v.err = errors.New("connection refused")
			r["registry.example.com"] = v
		},
		"clock": func(s *Subject) {
			s.Docker = func(context.Context) (Docker, error) {
				now := time.Now()
				return Docker{Version: "29", Context: "c", Server: "29", Time: now.Add(time.Hour), Asked: now}, nil
			}
		},
		"pull-http": func(s *Subject) {
			compiled(s)
			s.Extensions[0].Pulls = []string{"http.test"}
			s.Registry = registries{"http.test": {access: registry.Access{PlainHTTP: true}}}
		},
		"pull-untrusted": func(s *Subject) {
			compiled(s)
			s.Extensions[0].Pulls = []string{"tls.test"}
			s.Registry = registries{"tls.test": {access: registry.Access{Untrusted: true}}}
			n := running("main0", "unix:///engine.sock", "linux/amd64")
			n.Files = map[string][]byte{"buildkitd.toml": []byte("[registry.\"tls.test\"]\n  insecure = true\n")}
			builder(s, buildx.Builder{Driver: buildx.DriverContainer, Nodes: []buildx.Node{n}})
		},
		"pull-engine": func(s *Subject) {
			compiled(s)
			s.Extensions[0].Pulls = []string{"http.test"}
			s.Registry = registries{"http.test": {access: registry.Access{PlainHTTP: true}}}
			builder(s, buildx.Builder{Driver: buildx.DriverDocker, Nodes: []buildx.Node{running("default", "default", "linux/amd64")}})
		},
		"pull-unreachable": func(s *Subject) {
			compiled(s)
			s.Extensions[0].Pulls = []string{"gone.test"}
			s.Registry = registries{"gone.test": {err: errors.New("connection refused")}}
		},
		"disk-full":    func(s *Subject) { s.Free = func(string) (uint64, error) { return 1 << 20, nil } },
		"disk-low":     func(s *Subject) { s.Free = func(string) (uint64, error) { return 500 << 20, nil } },
		"disk-unknown": func(s *Subject) { s.Free = func(string) (uint64, error) { return 0, errors.New("permission denied") } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := healthy(t)
			change(&s)
			r, err := Examine(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(report(r), os.TempDir(), "TMP")
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// A trial exports what the build exports: a tar file of copied files, or images
// for the platforms that the plan asks for. Programs run on those that its
// stages run on.
func TestExamineBuilds(t *testing.T) {
	var builds []string
	s := healthy(t)
	s.Buildx = scripted{builders: s.Buildx.(scripted).builders, builds: &builds}
	if _, err := Examine(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if len(builds) != 1 || !strings.Contains(builds[0], "--output type=tar,") || strings.Contains(builds[0], "--platform") {
		t.Errorf("of files that are copied, got %q", builds)
	}
	builds = nil
	s.Extensions[0].Compiles, s.Extensions[0].Copied, s.Extensions[0].Runs = true, false, linux("arm64")
	if _, err := Examine(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if len(builds) != 2 || !strings.Contains(builds[0], "type=oci,") || !strings.Contains(builds[0], "--platform linux/amd64 ") || !strings.Contains(builds[1], "--platform linux/arm64 ") {
		t.Errorf("got %q", builds)
	}
}

func TestExamineInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := Examine(ctx, healthy(t)); r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", r, err)
	}
}
