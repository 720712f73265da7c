package dockerfile

import (
	"errors"
	"slices"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/platform"
)

func TestParse(t *testing.T) {
	type stage struct {
		image, platform, name string
		line                  int
	}
	for name, tt := range map[string]struct {
		text string
		want []stage
	}{
		"plain":             {"FROM run:1\n", []stage{{"run:1", "", "", 1}}},
		"no line end":       {"FROM run:1", []stage{{"run:1", "", "", 1}}},
		"lower case":        {"\n\n \tfrom \t run:1 \t As \v Base  \r\n", []stage{{"run:1", "", "base", 3}}},
		"byte order mark":   {"\uFEFFFROM run:1", []stage{{"run:1", "", "", 1}}},
		"comment lines":     {"# FROM no:1\n  # FROM no:2\nFROM run:1\n#FROM no:3", []stage{{"run:1", "", "", 3}}},
		"arguments first":   {"ARG base_image=x\nARG a b\nFROM ${base_image}\nUSER 1", []stage{{"${base_image}", "", "", 3}}},
		"platform":          {"FROM --platform=$BUILDPLATFORM run:1 AS b", []stage{{"run:1", "$BUILDPLATFORM", "b", 1}}},
		"continued":         {"FROM \\\n  run:1 \\  \n\n# in between\n as \\\n b\nRUN x", []stage{{"run:1", "", "b", 1}}},
		"escape directive":  {"#  Escape = `\nFROM `\n run:1\nRUN dir c:\\\nFROM run:2", []stage{{"run:1", "", "", 2}, {"run:2", "", "", 5}}},
		"heredoc":           {"FROM a\nRUN <<EOF\nFROM b\nEOF\nFROM c", []stage{{"a", "", "", 1}, {"c", "", "", 5}}},
		"no FROM":           {"ARG a", nil},
		"onbuild heredoc":   {"FROM a\nONBUILD RUN <<EOF\nFROM b\nEOF\nFROM c", []stage{{"a", "", "", 1}, {"c", "", "", 5}}},
		"heredoc in a list": {"FROM a\nRUN [\"cat\", \"<<EOF\"]\nFROM b", []stage{{"a", "", "", 1}, {"b", "", "", 3}}},
	} {
		f, err := Parse([]byte(tt.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []stage
		for _, s := range f.Stages {
			got = append(got, stage{s.Image, s.Platform, s.Name, s.Line})
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestSyntaxErrorNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"FROM a\nFORM b":           "line 2: unknown instruction: FORM (did you mean FROM?)",
		"FROM a\nRUN x \\\n y\nUP": "line 4: unknown instruction: UP (did you mean RUN?)",
		"":                         "file with no instructions",
		"FROM a\nRUN <<EOF\nx":     "line 2: unterminated heredoc",
		"RUN x\nFROM a":            "line 1: no build stage in current context",
	} {
		_, err := Parse([]byte(text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestSyntax(t *testing.T) {
	for text, want := range map[string]struct {
		syntax  string
		foreign bool
	}{
		"FROM a":                                   {"", false},
		"# syntax=docker/dockerfile:1\nFROM a":     {"docker/dockerfile:1", false},
		"# SYNTAX = docker.io/docker/dockerfile\n": {"docker.io/docker/dockerfile", false},
		"# syntax=example.com/frontend:1\nx":       {"example.com/frontend:1", true},
		"// syntax=example.com/frontend:1\nx":      {"example.com/frontend:1", true},
		"FROM a\n# syntax=example.com/frontend":    {"", false},
		"# hello\n# syntax=example.com/frontend":   {"", false},
	} {
		got := Syntax([]byte(text))
		if got != want.syntax || IsForeign(got) != want.foreign {
			t.Errorf("%q: got %q, foreign %v", text, got, IsForeign(got))
		}
	}
}

func TestNeeds(t *testing.T) {
	const cross = "FROM --platform=$BUILDPLATFORM r.io/a AS a\n"
	for name, tt := range map[string]struct {
		file      string
		build     Build
		platforms []string
		images    []string
		contexts  []string
	}{
		"runs on the target":      {file: "FROM r.io/a\nRUN make", platforms: []string{"linux/s390x"}, images: []string{"r.io/a"}},
		"only copies":             {file: "FROM scratch\nCOPY --from=ghcr.io/a/b:1 / /", images: []string{"ghcr.io/a/b:1"}},
		"cross-compiles":          {file: cross + "RUN go build\nFROM scratch\nCOPY --from=a / /", images: []string{"r.io/a"}},
		"a stage of a stage":      {file: cross + "FROM a AS b\nRUN x\nFROM scratch\nCOPY --from=1 / /", images: []string{"r.io/a"}},
		"a stage by its place":    {file: cross + "FROM r.io/b\nRUN x\nFROM scratch\nCOPY --from=1 / /", platforms: []string{"linux/s390x"}, images: []string{"r.io/b"}},
		"on the target after it":  {file: cross + "RUN x\nFROM r.io/b\nRUN y\nCOPY --from=a / /", platforms: []string{"linux/s390x"}, images: []string{"r.io/b", "r.io/a"}},
		"names the target":        {file: "FROM --platform=$TARGETPLATFORM r.io/a\nRUN y", platforms: []string{"linux/s390x"}, images: []string{"r.io/a"}},
		"a fixed platform":        {file: "FROM --platform=linux/arm64 r.io/a\nRUN y", platforms: []string{"linux/arm64"}, images: []string{"r.io/a"}},
		"platform of a base":      {file: cross + "FROM --platform=linux/arm64 a\nRUN x", images: []string{"r.io/a"}},
		"platform in an argument": {file: "ARG P=${BUILDPLATFORM}\nFROM --platform=$P r.io/a\nRUN x", images: []string{"r.io/a"}},
		"a stage not needed":      {file: "FROM r.io/a AS test\nRUN y\nFROM scratch AS out\nCOPY x /", build: Build{Stage: "OUT"}},
		"the stage that is":       {file: "FROM scratch AS out\nRUN y\nFROM scratch", build: Build{Stage: "out"}, platforms: []string{"linux/s390x"}},
		"mounts":                  {file: "FROM r.io/a AS m\nRUN y\n" + "FROM --platform=$BUILDPLATFORM r.io/b\nRUN --mount=type=bind,from=m,target=/m x", platforms: []string{"linux/s390x"}, images: []string{"r.io/b", "r.io/a"}},
		"mounts of an image":      {file: cross + "RUN --mount=from=r.io/c,target=/m --mount=type=cache,target=/c x", images: []string{"r.io/a", "r.io/c"}},
		"variables":               {file: "ARG R=r.io\nFROM $R/a:${V:-1}", images: []string{"r.io/a:1"}},
		"build arguments":         {file: "ARG R=r.io\nFROM $R/a", build: Build{Args: map[string]string{"R": "s.io", "Q": "x"}}, images: []string{"s.io/a"}},
		"undeclared argument":     {file: "ARG R\nFROM r.io/a${R}", images: []string{"r.io/a"}},
		"a context for an image":  {file: "FROM base\nCOPY --from=tools / /", build: Build{Contexts: []string{"tools", "docker.io/library/base:latest", "other"}}, contexts: []string{"docker.io/library/base:latest", "tools"}},
		"a context for a stage":   {file: "FROM r.io/a AS base\nRUN x\nFROM base", build: Build{Contexts: []string{"base"}}, contexts: []string{"base"}},
		"RUN in a heredoc":        {file: "FROM r.io/a\nCOPY <<EOF /x\nRUN x\nCOPY --from=r.io/no / /\nEOF\n", images: []string{"r.io/a"}},
		"commented COPY":          {file: "FROM scratch\n# COPY --from=r.io/no / /\nCOPY a \\\n# --from=r.io/no\n /"},
		"quoted COPY":             {file: "FROM scratch\nCOPY --from=\"r.io/a\" / /\n", images: []string{"r.io/a"}},
		"continued COPY":          {file: "FROM scratch\nCOPY \\\n --from=r.io/a \\\n / /\n", images: []string{"r.io/a"}},
		"triggers":                {file: cross + "ONBUILD RUN x\nONBUILD COPY --from=r.io/c / /\nFROM a", images: []string{"r.io/a", "r.io/c"}},
		"triggers not run":        {file: "FROM r.io/a AS a\nONBUILD RUN x\n", images: []string{"r.io/a"}},
		"another frontend":        {file: "# syntax=docker/dockerfile:1\nFROM scratch", images: []string{"docker/dockerfile:1"}},
		"frontend by argument":    {file: "FROM scratch", build: Build{Args: map[string]string{"BUILDKIT_SYNTAX": "r.io/f"}}, images: []string{"r.io/f"}},
	} {
		f, err := Parse([]byte(tt.file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tt.build.Target = v1.Platform{OS: "linux", Architecture: "s390x"}
		needs, err := f.Needs(tt.build)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var platforms []string
		for _, p := range needs.Platforms {
			platforms = append(platforms, platform.Format(p))
		}
		if !slices.Equal(platforms, tt.platforms) || !slices.Equal(needs.Images, tt.images) || !slices.Equal(needs.Contexts, tt.contexts) {
			t.Errorf("%s: got %v %+v", name, platforms, needs)
		}
	}
}

func TestNeedsRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"FROM scratch": `stage "x" not found`, "ARG x": "the file has no stages", "FROM $y AS x": "line 1: base name ($y) should not be blank",
		"FROM scratch AS x\nCOPY --from=y / /\nFROM scratch AS y": "line 2: cannot copy from stage 1, it needs to be defined before current stage 0",
		"FROM scratch AS x\nCOPY --from=7 / /":                    "line 2: invalid stage index 7",
		"FROM --platform=a/b/c/d z AS x\nRUN y":                   `line 1: "a/b/c/d": cannot parse platform specifier: invalid argument`,
		"ARG a=${\nFROM b AS x":                                   `line 1: failed to process "${": syntax error: missing '}'`,
	} {
		f, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		stage := "x"
		if len(f.Stages) == 0 {
			stage = ""
		}
		if _, err := f.Needs(Build{Stage: stage}); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestNeedsOfTheBuilder(t *testing.T) {
	f, err := Parse([]byte("FROM --platform=$TARGETPLATFORM a\nRUN x\nRUN y"))
	if err != nil {
		t.Fatal(err)
	}
	needs, err := f.Needs(Build{})
	if err != nil || len(needs.Platforms) != 1 || !platform.IsZero(needs.Platforms[0]) {
		t.Errorf("got %+v, %v", needs, err)
	}
}

func FuzzNeeds(f *testing.F) {
	f.Add("FROM a AS b\nRUN x\nFROM b\nCOPY --from=0 / /\n", "b")
	f.Add("FROM a AS a\nFROM a AS a\nFROM a", "1")
	f.Add("FROM scratch AS a\nCOPY --from=b / /\nFROM scratch AS b\nCOPY --from=a / /", "a")
	f.Add("\xff\nFROM x\\\n", "")
	f.Fuzz(func(_ *testing.T, text, stage string) {
		if file, err := Parse([]byte(text)); err == nil {
			_, _ = file.Needs(Build{Stage: stage, Contexts: []string{stage}})
		}
	})
}
