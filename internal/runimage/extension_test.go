package runimage

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/dockerfile"
)

// extensionDir makes an extension out of a map from names to content.
func extensionDir(t *testing.T, targets string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "extension.toml"), "api = \"0.10\"\n[extension]\nid = \"samples/x\"\nversion = \"1.2.3\"\n"+targets)
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

const (
	amd64Target = "[[targets]]\nos = \"linux\"\narch = \"amd64\"\n"
	arm64Target = "[[targets]]\nos = \"linux\"\narch = \"arm64\"\n"
	s390xTarget = "[[targets]]\nos = \"linux\"\narch = \"s390x\"\n"
)

// summary returns a line per Dockerfile and FROM, names relative to dir.
func summary(dir string, r *Report) []string {
	var out []string
	for _, d := range r.Dockerfiles {
		file := strings.TrimPrefix(filepath.ToSlash(d.File), filepath.ToSlash(dir)+"/")
		if file == "" {
			file = d.Note
		}
		line := file + " [" + strings.Join(d.Targets, " ") + "]"
		for _, f := range d.From {
			line += " " + f.Kind + ":" + strings.Join(pairs(f.Images), ",")
		}
		out = append(out, line)
	}
	return out
}

func TestExtensions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	both := w.index(w.images("linux/amd64", "linux/arm64/v8")...)
	w.tags[runName] = both
	w.tags["run:latest"] = w.image(spec{config: "linux/amd64"})
	w.tags["localhost:5000/empty:1"] = w.index(w.image(spec{listed: "linux/amd64", layers: -1}))

	tests := []struct {
		name    string
		targets string
		files   map[string]string
		request Request
		want    []string
		errors  []string // names relative to the extension
	}{
		{
			name: "literal", targets: amd64Target + arm64Target,
			files: map[string]string{"generate/run.Dockerfile": "FROM " + runName + "\n"},
			want:  []string{"generate/run.Dockerfile [linux/amd64 linux/arm64] image:linux/amd64>linux/amd64,linux/arm64>linux/arm64/v8"},
		},
		{
			name: "target without an image", targets: amd64Target + s390xTarget,
			files:  map[string]string{"generate/run.Dockerfile": "# the run image\nFROM " + runName + "\n"},
			want:   []string{"generate/run.Dockerfile [linux/amd64 linux/s390x] image:linux/amd64>linux/amd64"},
			errors: []string{"generate/run.Dockerfile:2:1: " + runName + " has no image for linux/s390x; it has linux/amd64, linux/arm64"},
		},
		{
			name: "platform roots", targets: amd64Target + arm64Target,
			files: map[string]string{
				"generate/run.Dockerfile":             "FROM nobody/reads:this",
				"linux/amd64/generate/run.Dockerfile": "FROM run",
				"linux/arm64/generate/run.Dockerfile": "FROM " + runName,
			},
			want: []string{
				"linux/amd64/generate/run.Dockerfile [linux/amd64] image:linux/amd64>linux/amd64",
				"linux/arm64/generate/run.Dockerfile [linux/arm64] image:linux/arm64>linux/arm64/v8",
			},
		},
		{
			name: "shared files", targets: amd64Target + arm64Target + "[metadata.extpack]\nshared = [\"generate\"]\n",
			files: map[string]string{
				"generate/run.Dockerfile":             "FROM run",
				"linux/amd64/bin/detect":              "#!/bin/sh\n",
				"linux/arm64/generate/run.Dockerfile": "FROM " + runName,
			},
			want: []string{
				"generate/run.Dockerfile [linux/amd64] image:linux/amd64>linux/amd64",
				"linux/arm64/generate/run.Dockerfile [linux/arm64] image:linux/arm64>linux/arm64/v8",
			},
		},
		{
			name: "an executable decides", targets: amd64Target,
			files: map[string]string{"bin/generate": "#!/bin/sh\n", "generate/run.Dockerfile": "FROM nobody/reads:this"},
			want:  []string{noteGenerated + " [linux/amd64]"},
		},
		{
			name: "none", targets: amd64Target,
			files: map[string]string{"generate/build.Dockerfile": "ARG base_image\nFROM ${base_image}"},
			want:  []string{noteNone + " [linux/amd64]"},
		},
		{
			name: "the build's own", targets: amd64Target,
			files: map[string]string{"generate/run.Dockerfile": "ARG base_image=nobody/guesses:this\nFROM ${base_image}\nUSER 1"},
			want:  []string{"generate/run.Dockerfile [linux/amd64] base-image:"},
		},
		{
			name: "variables are not guessed", targets: amd64Target,
			files: map[string]string{"generate/run.Dockerfile": "ARG tag=1\nFROM localhost:5000/run:${tag}"},
			want:  []string{"generate/run.Dockerfile [linux/amd64] undecidable:"},
		},
		{
			name: "not the lifecycle's spelling", targets: amd64Target,
			files: map[string]string{"generate/run.Dockerfile": "ARG base_image\nFROM $base_image"},
			want:  []string{"generate/run.Dockerfile [linux/amd64] undecidable:"},
		},
		{
			name: "several FROM", targets: amd64Target,
			files:  map[string]string{"generate/run.Dockerfile": "FROM " + runName + " AS Base\nRUN x\nFROM base\n"},
			want:   []string{"generate/run.Dockerfile [linux/amd64] image:linux/amd64>linux/amd64 stage:"},
			errors: []string{"generate/run.Dockerfile:3:1: a run.Dockerfile may have only one FROM, this one has 2"},
		},
		{
			name: "scratch", targets: amd64Target + arm64Target,
			files:  map[string]string{"generate/run.Dockerfile": "FROM scratch"},
			want:   []string{"generate/run.Dockerfile [linux/amd64 linux/arm64] scratch:"},
			errors: []string{"generate/run.Dockerfile:1:1: FROM scratch is not a run image for linux/amd64, linux/arm64: it has no layers"},
		},
		{
			name: "not in the registry", targets: amd64Target + arm64Target,
			files:  map[string]string{"generate/run.Dockerfile": "\nFROM localhost:5000/gone"},
			want:   []string{"generate/run.Dockerfile [linux/amd64 linux/arm64] image:"},
			errors: []string{"generate/run.Dockerfile:2:1: localhost:5000/gone:latest not found in its registry for linux/amd64, linux/arm64"},
		},
		{
			name: "no layers", targets: amd64Target,
			files: map[string]string{"generate/run.Dockerfile": "FROM localhost:5000/empty:1"},
			want:  []string{"generate/run.Dockerfile [linux/amd64] image:"},
			errors: []string{"generate/run.Dockerfile:1:1: the image of localhost:5000/empty:1 for linux/amd64 (" +
				w.image(spec{listed: "linux/amd64", layers: -1}).Digest.String() + ") has no layers"},
		},
		{
			name: "not a reference", targets: amd64Target,
			files:  map[string]string{"generate/run.Dockerfile": "FROM \"run:1\""},
			want:   []string{"generate/run.Dockerfile [linux/amd64] image:"},
			errors: []string{"generate/run.Dockerfile:1:1: \"\\\"run:1\\\"\" is not an image reference: invalid reference format"},
		},
		{
			name: "no Dockerfile", targets: amd64Target,
			files:  map[string]string{"generate/run.Dockerfile": "FROM run:1\nUNTAR x"},
			want:   []string{"generate/run.Dockerfile [linux/amd64]"},
			errors: []string{"generate/run.Dockerfile:2:1: unknown instruction: UNTAR"},
		},
		{
			name: "no FROM", targets: amd64Target,
			files:  map[string]string{"generate/run.Dockerfile": "ARG base_image"},
			want:   []string{"generate/run.Dockerfile [linux/amd64]"},
			errors: []string{"generate/run.Dockerfile: the file has no FROM; without a new run image it begins with ARG base_image and FROM ${base_image}"},
		},
		{
			name: "no targets", files: map[string]string{"generate/run.Dockerfile": "FROM " + runName},
			want: []string{"generate/run.Dockerfile [] image:>linux/amd64,>linux/arm64/v8"},
		},
		{
			name: "other targets", targets: amd64Target, request: Request{Platforms: platformsOf(t, "linux/arm64")},
			files: map[string]string{"generate/run.Dockerfile": "FROM " + runName},
			want:  []string{"generate/run.Dockerfile [linux/arm64] image:linux/arm64>linux/arm64/v8"},
		},
		{
			name: "with a name", targets: arm64Target, request: Request{Name: runName},
			files: map[string]string{"generate/run.Dockerfile": "FROM " + runName},
			want:  []string{"generate/run.Dockerfile [linux/arm64] image:linux/arm64>linux/arm64/v8"},
		},
		{
			name: "distros", targets: amd64Target + "[[targets.distros]]\nname = \"ubuntu\"\nversion = \"22.04\"\n[[targets.distros]]\nname = \"ubuntu\"\nversion = \"24.04\"\n",
			files: map[string]string{
				"linux/amd64/ubuntu@22.04/generate/run.Dockerfile": "FROM run",
				"linux/amd64/ubuntu@24.04/generate/run.Dockerfile": "FROM " + runName,
			},
			want: []string{
				"linux/amd64/ubuntu@22.04/generate/run.Dockerfile [linux/amd64:ubuntu@22.04] image:linux/amd64>linux/amd64",
				"linux/amd64/ubuntu@24.04/generate/run.Dockerfile [linux/amd64:ubuntu@24.04] image:linux/amd64>linux/amd64",
			},
		},
	}
	for _, tt := range tests {
		dir := extensionDir(t, tt.targets, tt.files)
		tt.request.Extensions = []string{dir}
		report, err := Check(t.Context(), w, tt.request)
		var want []string
		for _, s := range tt.errors {
			want = append(want, dir+"/"+s)
		}
		checkErrors(t, tt.name, err, want)
		if got := summary(dir, report); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, got, tt.want)
		}
		if tt.request.Name != "" && !slices.Equal(pairs(report.Images), []string{"linux/arm64>linux/arm64/v8"}) {
			t.Errorf("%s: the name gives %v", tt.name, pairs(report.Images))
		}
	}
}

// Each problem of each file is reported, and each image is requested once.
func TestDockerfilesForEveryTarget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tags[runName] = w.index(w.images("linux/amd64")...)
	dir := extensionDir(t, amd64Target+s390xTarget, map[string]string{
		"generate/run.Dockerfile": "FROM " + runName, "a.Dockerfile": "FROM " + runName + "\n", "b.Dockerfile": "FROM x:$y",
	})
	at := func(name string) string { return filepath.Join(dir, name) }
	report, err := Check(t.Context(), w, Request{
		Name: runName, Extensions: []string{dir},
		Dockerfiles: []string{at("a.Dockerfile"), at("b.Dockerfile"), at("c.Dockerfile")},
	})
	sentence := runName + " has no image for linux/s390x; it has linux/amd64"
	checkErrors(t, "several", err, []string{
		sentence, at("a.Dockerfile") + ":1:1: " + sentence, at("c.Dockerfile") + ": no such file or directory",
		at("generate/run.Dockerfile") + ":1:1: " + sentence,
	})
	if w.pulls != 1 {
		t.Errorf("one reference was opened %d times", w.pulls)
	}
	if got := summary(dir, report)[2]; got != "b.Dockerfile [linux/amd64 linux/s390x] undecidable:" {
		t.Errorf("got %q", got)
	}
}

func TestInvalidExtensionDoesNotHideTheImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tags[runName] = w.index(w.images("linux/amd64")...)
	dir := extensionDir(t, "[[targets]]\nos = \"linux\"\narch = \"amd46\"\n", nil)
	report, err := Check(t.Context(), w, Request{Name: runName, Extensions: []string{dir}, Platforms: platformsOf(t, "linux/amd64", "linux/arm64")})
	if !diag.IsInvalid(err) || len(diag.Of(err)) != 2 || len(report.Images) != 1 {
		t.Errorf("got %v and %v", err, report.Images)
	}
}

func TestNotAnImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tags["chart:latest"] = v1.Descriptor{MediaType: "application/json", Digest: w.image(spec{}).Digest, Size: 1}
	dir := extensionDir(t, amd64Target, map[string]string{"generate/run.Dockerfile": "FROM chart"})
	_, err := Check(t.Context(), w, Request{Extensions: []string{dir}})
	checkErrors(t, "chart", err, []string{
		filepath.Join(dir, "generate/run.Dockerfile") + `:1:1: chart:latest is of type "application/json", which is neither an image nor an index`,
	})
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]string{
		"${base_image}": "base-image ", "$base_image": "undecidable lifecycle", "${base_image:-x}": "undecidable lifecycle",
		`"${base_image}"`: "undecidable lifecycle", "${base_image_2}": "undecidable variable", `a\$b`: "undecidable variable",
		"$x": "undecidable variable", "scratch": "scratch ", "Scratch": "image ", "a:1": "image ",
	} {
		got := classify([]dockerfile.Stage{{Image: image}})[0]
		kind, reason, _ := strings.Cut(want, " ")
		if got.Kind != kind || !strings.Contains(got.Reason, reason) || (reason == "") != (got.Reason == "") {
			t.Errorf("%s: got %s, %q, want %s", image, got.Kind, got.Reason, want)
		}
	}
}
