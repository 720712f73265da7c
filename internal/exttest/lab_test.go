package exttest

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/layouttest"
	"github.com/extpack/extpack/internal/platform"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/runimage"
	"github.com/extpack/extpack/internal/task"
)

// lab has images, and a builder that behaves as the variable BP_DO of a case says.
type lab struct {
	t      *testing.T
	layout *layouttest.Layout
	images map[string]v1.Descriptor
	// calls are the jobs of each call of Build.
	calls [][]task.Job
}

var errNoImage = errors.New("not found")

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, layout: layouttest.New(t), images: map[string]v1.Descriptor{}}
	l.builder("localhost/builder:1", `["0.7", "0.10", "0.13", "0.99"]`, "linux/amd64", "linux/arm64")
	l.image("localhost/run:1", v1.ImageConfig{User: "1002:1000", Labels: map[string]string{labelDistroName: "debian", labelDistroVersion: "12"}}, "linux/amd64", "linux/arm64")
	l.image("localhost/other:1", v1.ImageConfig{User: "1002:1000"}, "linux/amd64")
	return l
}

func (l *lab) builder(name, apis string, platforms ...string) {
	l.t.Helper()
	l.image(name, v1.ImageConfig{
		User: "1001:1000", Env: []string{"CNB_USER_ID=1001", "CNB_GROUP_ID=1000"},
		Labels: map[string]string{labelBuilder: `{"stack":{"runImage":{"image":"localhost/run:1"}},"lifecycle":{"apis":{"platform":{"supported":` + apis + `}}}}`},
	}, platforms...)
}

// image adds an index with an image for each platform.
func (l *lab) image(name string, config v1.ImageConfig, platforms ...string) {
	l.t.Helper()
	var entries []v1.Descriptor
	for _, s := range platforms {
		layer := l.layout.Bytes(v1.MediaTypeImageLayer, []byte(name+s))
		entries = append(entries, l.layout.Image(v1.Image{
			Platform: parsePlatform(l.t, s), Config: config, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
		}, layer))
	}
	l.images[name] = l.layout.Index(entries...)
}

func parsePlatform(t *testing.T, s string) v1.Platform {
	t.Helper()
	p, err := platform.ParsePlatform(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (l *lab) Open(_ context.Context, name string) (*runimage.Opened, error) {
	root, ok := l.images[name]
	if !ok {
		return nil, fmt.Errorf("reading %s: %w", name, errNoImage)
	}
	return &runimage.Opened{Fetcher: l.layout, Name: name, Root: root, Close: func() error { return nil }}, nil
}

func (l *lab) Pull(ctx context.Context, ref registry.Reference) (*runimage.Opened, error) {
	return l.Open(ctx, ref.String())
}

// subject returns an extension with cases of a file.
func (l *lab) subject(id, cases string, platforms ...string) *Subject {
	l.t.Helper()
	dir := l.t.TempDir()
	file := filepath.Join(dir, "tests", "cases.toml")
	if err := os.MkdirAll(filepath.Join(dir, "tests", "app"), 0o755); err != nil {
		l.t.Fatal(err)
	}
	for name, text := range map[string]string{file: cases, filepath.Join(dir, "tests", "app", "Aptfile"): "curl\n"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			l.t.Fatal(err)
		}
	}
	s := &Subject{Name: dir, ID: id, Version: "1.0.0", API: "0.10", Dir: dir, Layout: filepath.Join(dir, "layout")}
	var err error
	if s.Cases, err = extension.ParseTests(file, []byte(cases)); err != nil {
		l.t.Fatal(err)
	}
	for _, p := range platforms {
		image := Image{Digest: digest.FromString(id + p)}
		if p == "any" {
			image.Any = true
		} else {
			image.Platform = parsePlatform(l.t, p)
		}
		s.Images = append(s.Images, image)
	}
	return s
}

func (l *lab) request(subjects ...*Subject) Request {
	return Request{
		Subjects: subjects, With: With{BuilderImage: "localhost/builder:1"}, Images: l, Builder: l,
		Support: func(_ context.Context, p v1.Platform) (bool, string, error) {
			return p.Architecture != "amd64", "", nil
		},
	}
}

var (
	runStage   = regexp.MustCompile(`(?m)^FROM detect AS (run-\d+)$`)
	exportLine = regexp.MustCompile(`(?m)^COPY --from=(run-\d+)-(?:build|run)(-command-\d+)? (\S+) (/(?:build|run)/(?:file|command)-\d+/)$`)
)

// Build makes what a BuildKit with a lifecycle would.
func (l *lab) Jobs(_ context.Context, jobs []task.Job, _ string) (map[string]task.Result, error) {
	l.calls = append(l.calls, jobs)
	results := map[string]task.Result{}
	for _, j := range jobs {
		if j.Output == "" {
			continue
		}
		if failed := l.failed(j, jobs); failed != nil {
			results[j.Name] = task.Result{Failed: []task.FailedStep{*failed}}
			continue
		}
		files := map[string]string{}
		text := l.read(j.Dockerfile)
		for _, m := range runStage.FindAllStringSubmatch(text, -1) {
			l.detect(filepath.Join(j.Context, m[1], "context"), m[1], files)
		}
		for _, m := range exportLine.FindAllStringSubmatch(text, -1) {
			switch {
			case m[2] != "":
				files[m[1]+m[4]+"output"], files[m[1]+m[4]+"code"] = "said\n", "0\n"
			case m[3] == "/etc/presen[t]":
				files[m[1]+m[4]+"present"] = "here\n"
			}
		}
		if err := os.WriteFile(j.Output, l.archive(files), 0o600); err != nil {
			return nil, err
		}
		results[j.Name] = task.Result{}
	}
	return results, nil
}

// failed returns the step of a job, or of one that it needs, that runs "false".
func (l *lab) failed(j task.Job, jobs []task.Job) *task.FailedStep {
	if strings.HasPrefix(j.Name, "build-") && strings.Contains(l.read(j.Dockerfile), "RUN false") {
		return &task.FailedStep{Job: j.Name, Name: "[" + j.Name + " 2/2] RUN false", ExitCode: 1, Output: "no luck\n"}
	}
	for _, value := range sortedValues(j.Contexts) {
		for _, other := range jobs {
			if value == "target:"+other.Name {
				if failed := l.failed(other, jobs); failed != nil {
					return failed
				}
			}
		}
	}
	return nil
}

func sortedValues(m map[string]string) []string {
	var all []string
	for _, v := range m {
		all = append(all, v)
	}
	slices.Sort(all)
	return all
}

// detect adds what the detector leaves.
func (l *lab) detect(context, name string, files map[string]string) {
	env := func(name string) string {
		data, err := os.ReadFile(filepath.Join(context, "root/platform/env", name))
		if err != nil {
			return ""
		}
		return string(data)
	}
	var ids []string
	for _, m := range regexp.MustCompile(`id = '([^']+)'`).FindAllStringSubmatch(l.read(filepath.Join(context, "root/cnb/extpack/order.toml")), -1) {
		if m[1] != recorderID && m[1] != testBuildpackID {
			ids = append(ids, m[1])
		}
	}
	id := ids[len(ids)-1]
	code, group := "0\n", "[[group-extensions]]\nid = \""+recorderID+"\"\n"
	for _, one := range ids {
		group += "[[group-extensions]]\nid = \"" + one + "\"\n"
	}
	analyzed := "[run-image]\nimage = \"localhost/run:1\"\n"
	in := func(file string) string { return name + "/layers/generated/" + extension.EscapeID(id) + "/" + file }
	switch env("BP_DO") {
	case "no":
		code, group = "20\n", ""
	case "crash":
		code = "51\n"
	case "none":
	case "switch":
		analyzed = "[run-image]\nimage = \"localhost/other:1\"\n"
		files[in("run.Dockerfile")] = "FROM localhost/other:1\n"
	case "run":
		analyzed += "extend = true\n"
		files[in("run.Dockerfile")] = "ARG base_image\nFROM ${base_image}\nUSER root\nRUN true\nENV A=1\nUSER 1002:1000\n"
	default:
		files[in("build.Dockerfile")] = "ARG base_image\nFROM ${base_image}\nUSER root\nRUN " + env("BP_DO") + "\nUSER 1001:1000\n"
	}
	files[name+"/layers/group.toml"], files[name+"/layers/analyzed.toml"] = group, analyzed
	files[name+"/out/code"], files[name+"/out/output"] = code, "detecting\nERROR: failed to build: exit status 7\n"
	files[name+"/app/Aptfile"] = "curl\n"
	if _, err := os.Stat(filepath.Join(context, "app/Aptfile")); err != nil {
		delete(files, name+"/app/Aptfile")
		files[name+"/app/"] = ""
	}
}

func (l *lab) read(name string) string {
	data, err := os.ReadFile(name)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(data)
}

func (l *lab) archive(files map[string]string) []byte {
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for name, text := range files {
		h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}
		if strings.HasSuffix(name, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		if err := tw.WriteHeader(h); err != nil {
			l.t.Fatal(err)
		}
		if _, err := tw.Write([]byte(text)); err != nil {
			l.t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		l.t.Fatal(err)
	}
	return b.Bytes()
}

// outputs returns the number of jobs with an output of each call.
func (l *lab) outputs() []int {
	var all []int
	for _, jobs := range l.calls {
		n := 0
		for _, j := range jobs {
			if j.Output != "" {
				n++
			}
		}
		all = append(all, n)
	}
	return all
}

// run runs a request and returns the statuses of the results, in one word each.
func (l *lab) run(r Request) ([]Result, string) {
	l.t.Helper()
	results, err := Run(l.t.Context(), r)
	if err != nil {
		l.t.Fatal(err)
	}
	var words []string
	for _, one := range results {
		words = append(words, strings.ReplaceAll(string(one.Status), " ", "-"))
	}
	return results, strings.Join(words, " ")
}

func show(v any) string {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(data)
}
