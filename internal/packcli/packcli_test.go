package packcli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fixture makes a working directory with an extension for the targets.
func fixture(t *testing.T, targets ...string) {
	t.Helper()
	dir := t.TempDir()
	descriptor := "api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.0.0\"\n"
	for _, target := range targets {
		system, arch, _ := strings.Cut(target, "/")
		descriptor += "[[targets]]\nos = \"" + system + "\"\narch = \"" + arch + "\"\n"
	}
	write(t, dir, "ext/extension.toml", descriptor)
	write(t, dir, "ext/bin/generate", "#!/bin/sh\n")
	write(t, dir, "package.toml", "[extension]\nuri = \"ext\"\n")
	write(t, dir, "unknown.toml", "[extension]\nuri = \"ext\"\nname = \"x\"\n")
	write(t, dir, "empty.toml", "")
	write(t, dir, "windows.toml", "[extension]\nuri = \"ext\"\n[platform]\nos = \"windows\"\n")
	write(t, dir, "elsewhere/extension.toml", descriptor)
	t.Chdir(dir)
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestTranslate(t *testing.T) {
	fixture(t, "linux/amd64", "linux/arm64")
	for _, c := range []struct {
		command     Command
		want, notes string
	}{
		{Command{Name: "r/x", Path: "ext", Publish: true}, "docker extpack build ext --tag r/x --push", ""},
		{Command{Name: "r/x:1", Path: "ext", Tags: []string{"r/x:2"}, Publish: true}, "docker extpack build ext --tag r/x:1 --tag r/x:2 --push", ""},
		{Command{Name: "x", Path: "ext"}, "docker extpack build ext --tag x --load", ""},
		{Command{Name: "x", Path: "file://ext", Format: "image"}, "docker extpack build ext --tag x --load", ""},
		{Command{Name: "x.cnb", Path: "ext"}, "docker extpack build ext --tag x.cnb --load", "x.cnb is the name of an image: add --format file to write a file"},
		{Command{Name: "x"}, "docker extpack build . --tag x --load", ""},
		{Command{Name: "x", Config: "package.toml"}, "docker extpack build package.toml --tag x --load", ""},
		{Command{Name: "x", Config: "package.toml", Path: "./ext"}, "docker extpack build package.toml --tag x --load", ""},
		{Command{Name: "x", Config: "package.toml", Path: "elsewhere"}, "docker extpack build package.toml --tag x --load", "--path elsewhere is not used: --config package.toml names ext"},
		{Command{Name: "x", Path: "ext", Format: "file"}, "docker extpack build ext --output 'x-{{.OS}}-{{.Arch}}.cnb'", ""},
		{Command{Name: "x.cnb", Path: "ext", Format: "file", Targets: []string{"linux/arm64"}}, "docker extpack build ext --target linux/arm64 --output x.cnb", ""},
		{Command{Name: "x", Path: "ext", Format: "file", Targets: []string{"linux/arm/v6", "linux/arm/v7"}}, "docker extpack build ext --target linux/arm/v6 --target linux/arm/v7 --output 'x-{{.OS}}-{{.Arch}}{{.Variant}}.cnb'", ""},
		{Command{Name: "x", Path: "ext", Format: "file", Targets: []string{"linux/arm64"}, Publish: true, Tags: []string{"y"}}, "docker extpack build ext --target linux/arm64 --output x.cnb", "--publish is not used: --format file writes a file\n--tag is not used: --format file writes a file"},
		{Command{Name: "x", Path: "ext", PullPolicy: "never", Quiet: true, Verbose: true}, "docker extpack build ext --tag x --load --quiet --progress plain", ""},
		{Command{Name: "x", Path: "ext", Targets: []string{"linux/amd64:ubuntu"}}, "docker extpack build ext --target linux/amd64 --tag x --load", "--target linux/amd64:ubuntu: distro ubuntu is not used: it has no version"},
		{
			Command{Name: "x", Path: "ext", Targets: []string{"linux/arm/:a@1;b@;c@2:d@3", "linux/amd64/v1/x"}},
			"docker extpack build ext --target 'linux/arm:a@1;c@2' --target linux/amd64/v1 --tag x --load",
			"--target linux/arm/:a@1;b@;c@2:d@3: d@3 is not used: several distros are separated by semicolons\n--target linux/arm/:a@1;b@;c@2:d@3: distro b is not used: it has no version\n--target linux/amd64/v1/x: x is not used: a platform is os/arch[/variant]",
		},
		{Command{Name: "x-1.0.0", Path: "ext", Format: "file"}, "docker extpack build ext --output 'type=oci,dest=x-1.0-{{.OS}}-{{.Arch}}.0'", "the name of a package file ends in .cnb, and that of x-1.0.0 in .0"},
		{Command{Name: "x.tgz", Path: "ext", Format: "file", Targets: []string{"linux/amd64"}}, "docker extpack build ext --target linux/amd64 --output type=oci,dest=x.tgz", "the name of a package file ends in .cnb, and that of x.tgz in .tgz"},
	} {
		b, err := c.command.Translate(t.Context())
		if err != nil {
			t.Errorf("%+v: %v", c.command, err)
			continue
		}
		if b.String() != c.want {
			t.Errorf("got  %s\nwant %s", b, c.want)
		}
		if notes := strings.Join(b.Notes, "\n"); notes != c.notes {
			t.Errorf("%s: notes are %q, want %q", b, notes, c.notes)
		}
	}
}

func TestTranslateRefuses(t *testing.T) {
	fixture(t)
	for want, c := range map[string]Command{
		`the name of the package is empty`:                          {},
		`--format "oci" is not supported`:                           {Name: "x", Format: "oci"},
		`--pull-policy "daily" is not supported`:                    {Name: "x", PullPolicy: "daily"},
		`--publish and --pull-policy never cannot be used together`: {Name: "x", Publish: true, PullPolicy: "never"},
		`--path none: not found`:                                    {Name: "x", Path: "none"},
		`--config none.toml: not found`:                             {Name: "x", Config: "none.toml"},
		`--config ext/extension.toml is not a package.toml`:         {Name: "x", Config: "ext/extension.toml"},
		`--config ext is not a package.toml`:                        {Name: "x", Config: "ext"},
		`x,y.tgz is not the name of a package file`:                 {Name: "x,y.tgz", Path: "ext", Format: "file"},
		`unknown.toml:3:1: unknown key "name" in [extension]`:       {Name: "x", Config: "unknown.toml"},
		`empty.toml: [extension] with uri is required`:              {Name: "x", Config: "empty.toml"},
		`windows.toml:4:6: os windows in [platform] needs`:          {Name: "x", Config: "windows.toml"},
		`target "linux" is not os/arch[/variant]`:                   {Name: "x", Path: "ext", Format: "file", Targets: []string{"linux"}},
		`"X" is not an image reference: invalid reference format`:   {Name: "X", Path: "ext"},
	} {
		if _, err := c.Translate(t.Context()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", c, err, want)
		}
	}
}
