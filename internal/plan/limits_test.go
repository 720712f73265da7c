package plan

import (
	"slices"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/grants"
)

const limitsTable = stageTable + `stage = "out"
target = { "linux/arm64/v8" = "out-arm64" }
pull = true
no-cache-filter = ["out"]
shm-size = "64m"
ulimits = ["nofile=1:2"]
add-hosts = ["a=10.0.0.1"]
extra-hosts = { b = "10.0.0.2" }
`

const limitsDockerfile = "FROM scratch AS out\nFROM scratch AS out-arm64\n"

// TestBuildLimits reads the settings that bake users know, and the flags that
// replace them.
func TestBuildLimits(t *testing.T) {
	t.Parallel()
	dir := extensionDir(t, target("linux", "amd64", "")+target("linux", "arm64", "")+limitsTable, files{"Dockerfile": limitsDockerfile})
	e := mustPlan(t, dir, Options{})
	if got := []string{e.Images[0].Stage, e.Images[1].Stage}; !slices.Equal(got, []string{"out", "out-arm64"}) {
		t.Errorf("stages are %q", got)
	}
	b := e.Build
	if !b.Pull || !slices.Equal(b.NoCacheFilter, []string{"out"}) || b.ShmSize != "64m" || !slices.Equal(b.Ulimits, []string{"nofile=1:2"}) {
		t.Errorf("got %+v", b)
	}
	if len(b.AddHosts) != 2 || b.AddHosts[1].Name != "b" || b.AddHosts[1].Address != "10.0.0.2" {
		t.Errorf("hosts are %+v", b.AddHosts)
	}
	var asked []string
	for _, r := range e.Requests {
		if r.Kind == grants.AddHost {
			asked = append(asked, r.Value+" by "+r.By)
		}
	}
	if !slices.Equal(asked, []string{"a=10.0.0.1 by ", "b=10.0.0.2 by "}) {
		t.Errorf("requests are %q", asked)
	}

	e = mustPlan(t, dir, Options{NoCacheFilter: []string{"x"}, ShmSize: "1g", Ulimits: []string{"core=0"}, AddHosts: []string{"b:10.0.0.3"}})
	b = e.Build
	if !slices.Equal(b.NoCacheFilter, []string{"x"}) || b.ShmSize != "1g" || !slices.Equal(b.Ulimits, []string{"core=0"}) {
		t.Errorf("with flags, got %+v", b)
	}
	if len(b.AddHosts) != 2 || b.AddHosts[0].Address != "10.0.0.3" || b.AddHosts[0].Flag != "--add-host" || b.AddHosts[1].Name != "a" {
		t.Errorf("with flags, hosts are %+v", b.AddHosts)
	}
	if n, err := e.BuildNeeds(e.Images[1]); err != nil || len(n.Platforms) > 0 {
		t.Errorf("needs %v, %v", n, err)
	}
}

func TestWrongBuildLimits(t *testing.T) {
	t.Parallel()
	for table, want := range map[string]string{
		`shm-size = "big"`:                       `shm-size "big" is not a size`,
		`shm-size = "0"`:                         `shm-size "0" is not a size`,
		`ulimits = ["nofile"]`:                   `ulimit "nofile" is not a limit`,
		`no-cache-filter = [""]`:                 `no-cache-filter "" is not the name of a stage`,
		`target = { "arm64/linux/x/y" = "out" }`: `target "arm64/linux/x/y" is not a platform such as linux/arm64`,
		`target = { "linux/amd64" = "none" }`:    `Dockerfile has no stage "none": it has out, out-arm64`,
		`extra-hosts = { a = "" }`:               `add-hosts "a=" is not in the form HOST:IP`,
	} {
		dir := extensionDir(t, target("linux", "amd64", "")+stageTable+table+"\n", files{"Dockerfile": limitsDockerfile})
		_, _, err := New(t.Context(), []string{dir}, Options{})
		if list := diag.Of(err); len(list) != 1 || !diag.IsInvalid(err) || !containsMessage(list, want) {
			t.Errorf("%s: got %v, want %s", table, err, want)
		}
	}
}

func containsMessage(list diag.List, want string) bool {
	return slices.ContainsFunc(list, func(d diag.Diagnostic) bool {
		return d.Message == want || len(d.Message) > len(want) && d.Message[len(d.Message)-len(want):] == want
	})
}
