package verify

import (
	"slices"
	"strings"
	"testing"
)

func TestStage(t *testing.T) {
	t.Parallel()
	// staged promises that the second image comes from a stage.
	staged := func(change func(*testPackage)) func(*testPackage) {
		return func(p *testPackage) {
			p.promise.Images[1].Stage = true
			change(p)
		}
	}
	none := func(files []file) []file {
		return slices.DeleteFunc(slices.Clone(files), func(f file) bool { return strings.Contains(f.Name, "/bin/") })
	}
	without := onSecond(none)
	static := onSecond(func(files []file) []file {
		return append(none(files), reg(testDir+"generate/run.Dockerfile", "FROM x\n", 0o644))
	})
	run(t, map[string]mutation{
		"complete":           {staged(func(*testPackage) {}), "", ""},
		"folder without":     {without, "", ""},
		"stage without":      {staged(without), idStageEmpty, "the build stage has no /bin/generate and no folder /generate"},
		"stage with folder":  {staged(static), "", ""},
		"whole system":       {staged(adding(reg(testDir+"etc/os-release", "ID=x\n", 0o644))), idStageSystem, "the build stage contains a whole system (/etc/os-release)"},
		"system in a folder": {adding(reg(testDir+"etc/os-release", "ID=x\n", 0o644)), "", ""},
	})
}
