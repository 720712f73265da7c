package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

var (
	twoPlatforms  = []string{"amd64", "arm64"}
	fourPlatforms = []string{"amd64", "arm64", "riscv64", "s390x"}
)

const twenty = 20

// cases are the comparisons, in the order of docs/benchmarks.md.
func (b *bench) cases() []benchCase {
	return []benchCase{
		{
			name: "small", prepare: makeExtension(twoPlatforms, false, 0, ""), change: changeScripts(twoPlatforms, false),
			contenders: b.small(),
		},
		{
			name: "unchanged", prepare: makeExtension(twoPlatforms, false, 0, ""), change: nothing,
			contenders: b.small(),
		},
		{
			name: "twenty-shared", prepare: makeTwenty(fourPlatforms, false), change: changeTwenty(fourPlatforms, false),
			contenders: b.many(),
		},
		{
			name: "twenty-different", prepare: makeTwenty(fourPlatforms, true), change: changeTwenty(fourPlatforms, true),
			contenders: b.many(),
		},
		{
			name: "large", prepare: makeExtension(fourPlatforms, true, 20<<20, b.box.BuildxPath()), change: changeScripts(fourPlatforms, true),
			contenders: b.optional(b.embedded("."), b.buildx("."), b.packRuns(".")),
		},
		{
			name: "link", prepare: makeExtension(fourPlatforms, true, 0, ""), change: changeScripts(fourPlatforms, true),
			contenders: b.optional(b.embedded("."), b.buildx("."), b.packRuns(".")), linked: true,
		},
		{
			name: "link-unchanged", prepare: makeExtension(fourPlatforms, true, 0, ""), change: nothing,
			contenders: b.optional(b.embedded("."), b.buildx("."), b.packRuns(".")), linked: true,
		},
		{
			name: "link-twenty", prepare: makeTwenty(fourPlatforms, true), change: changeTwenty(fourPlatforms, true),
			contenders: b.optional(b.embedded(twentyNames()...)), linked: true,
		},
		{
			name: "twenty-floor", prepare: makeTwenty(fourPlatforms, true), change: changeTwenty(fourPlatforms, true),
			contenders: []contender{b.embedded(twentyNames()...), b.newTags(twentyNames()...), b.bareClient(twentyNames()...), b.barePublisher(twentyNames()...)},
		},
		{
			name: "layout", prepare: makeExtensionIn("x", fourPlatforms, 2<<20, b.box.BuildxPath()), change: changeIn("x", fourPlatforms),
			contenders: b.publishLayout("x"),
		},
		{
			name: "layout-large", prepare: makeExtensionIn("large", fourPlatforms, 50<<20, ""), change: changeIn("large", fourPlatforms),
			contenders: b.publishLayout("large"),
		},
		{
			name: "lint-200", prepare: makeMany(lintCount), change: nothing,
			contenders: []contender{b.lint(lintCount), b.printBake()},
		},
	}
}

// lintCount is how many extensions are checked in one run.
const lintCount = 200

// lint checks extensions in one run.
func (b *bench) lint(count int) contender {
	args := []string{b.plugin, "lint", "-q"}
	for i := range count {
		args = append(args, extensionName(i))
	}
	return contender{name: "extpack lint", commands: func(string) [][]string { return [][]string{args} }}
}

// printBake has buildx read the bake file of the same extensions, and build
// nothing.
func (b *bench) printBake() contender {
	return contender{name: "buildx bake --print", peer: true, commands: func(dir string) [][]string {
		return [][]string{{b.box.BuildxPath(), "bake", "--file", filepath.Join(dir, "docker-bake.hcl"), "--print", "--progress", "quiet"}}
	}}
}

// small are the contenders for one small extension.
func (b *bench) small() []contender {
	return b.optional(b.embedded("."), b.buildx("."), b.plainBake(), b.packRuns("."), b.handRecipe())
}

func (b *bench) many() []contender {
	dirs := twentyNames()
	return b.optional(b.embedded(dirs...), b.buildx(dirs...), b.packRuns(dirs...))
}

func twentyNames() []string {
	var dirs []string
	for i := range twenty {
		dirs = append(dirs, extensionName(i))
	}
	return dirs
}

// optional leaves out contenders that are not installed.
func (b *bench) optional(all ...contender) []contender {
	var have []contender
	for _, c := range all {
		if c.commands != nil {
			have = append(have, c)
		}
	}
	return have
}

func (b *bench) embedded(dirs ...string) contender {
	return contender{name: "extpack, embedded", commands: b.build("embedded", dirs)}
}

// newTags publishes as for a release: there is nothing under the tags yet.
func (b *bench) newTags(dirs ...string) contender {
	return contender{name: "extpack, embedded, new tags", commands: func(dir string) [][]string {
		commands := b.build("embedded", dirs)(dir)
		for i, arg := range commands[0] {
			commands[0][i] = strings.Replace(arg, "{{.Slug}}:1", "{{.Slug}}:new-"+strconv.Itoa(b.changes), 1)
		}
		return commands
	}}
}

func (b *bench) buildx(dirs ...string) contender {
	return contender{name: "extpack, buildx", commands: b.build("buildx", dirs)}
}

func (b *bench) build(engine string, dirs []string) func(string) [][]string {
	args := append([]string{b.plugin, "build", "-q", "--push", "--engine", engine, "-t", b.box.Registry() + "/" + engine + "/{{.Slug}}:1"}, dirs...)
	return func(string) [][]string { return [][]string{slices.Clone(args)} }
}

// plainBake is BuildKit's own floor: the generated file and the output that
// docker extpack asks for, and nothing after it.
func (b *bench) plainBake() contender {
	return contender{name: "buildx bake", peer: true, commands: func(dir string) [][]string {
		out := filepath.Join(dir, "..", "layout-"+filepath.Base(dir))
		return [][]string{{
			b.box.BuildxPath(), "bake", "--file", filepath.Join(dir, "docker-bake.hcl"), "--allow", "fs.write=" + filepath.Dir(out), "--allow", "fs.read=" + dir,
			"--set", "*.output=type=oci,tar=false,rewrite-timestamp=true,dest=" + out, "--progress", "quiet",
		}}
	}}
}

// packRuns is one "pack extension package --publish" per extension.
func (b *bench) packRuns(dirs ...string) contender {
	c := contender{name: "pack", peer: true}
	if b.pack == "" {
		return c
	}
	c.commands = func(dir string) [][]string {
		var all [][]string
		for _, d := range dirs {
			all = append(all, []string{
				b.pack, "extension", "package", "--publish", "-q", "--path", filepath.Join(dir, d),
				b.box.Registry() + "/pack/" + filepath.Base(filepath.Join(dir, d)) + ":1",
			})
		}
		return all
	}
	return c
}

// handRecipe is what people type without either: a build for each platform, and
// docker manifest to join them.
func (b *bench) handRecipe() contender {
	c := contender{name: "hand recipe", peer: true}
	if b.docker == "" {
		return c
	}
	c.commands = func(dir string) [][]string {
		ref := b.box.Registry() + "/hand/" + filepath.Base(dir)
		var all [][]string
		create := []string{b.docker, "manifest", "create", "--insecure", "--amend", ref + ":1"}
		for _, arch := range twoPlatforms {
			all = append(all, []string{
				b.box.BuildxPath(), "build", "--platform", "linux/" + arch, "--push", "-t", ref + ":" + arch, "--file", filepath.Join(dir, "..", "Dockerfile"), "--progress", "quiet", dir,
			})
			create = append(create, ref+":"+arch)
		}
		all = append(all, create)
		for _, arch := range twoPlatforms {
			all = append(all, []string{b.docker, "manifest", "annotate", ref + ":1", ref + ":" + arch, "--os", "linux", "--arch", arch})
		}
		return append(all, []string{b.docker, "manifest", "push", "--insecure", "--purge", ref + ":1"})
	}
	return c
}

func extensionName(i int) string { return "extension-" + strconv.Itoa(i) }

func imageID(name string) string { return fmt.Sprintf("bench/%s", name) }
