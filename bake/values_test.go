package bake

import (
	"strings"
	"testing"

	"github.com/docker/buildx/bake"

	"github.com/extpack/extpack/internal/diag"
)

func TestCheckSet(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"x.args.BUILDKIT_SYNTAX=docker/dockerfile:1": "",
		"*.cache-from=type=registry,ref=x":           "",
		"*.no-cache=true":                            "",
		"x.contexts.more=.":                          "",
		"*.output=type=docker":                       "-o or --push",
		"*.output+=type=docker":                      "-o or --push",
		"x.platform=linux/amd64":                     "--target",
		"x.platforms=linux/amd64":                    "--target",
		"*.tags=a":                                   "--tag",
		"*.context=/":                                "a folder argument",
		"x.dockerfile=other":                         "platform folders",
		"x.dockerfile-inline=FROM x":                 "platform folders",
		"x.target=tree":                              "platform folders",
		"*.push=true":                                "--push",
		"*.load=true":                                "--load",
		"*.labels.a=b":                               "--label",
		"*.annotations=a=b":                          "--annotation",
		"*.call=check":                               `"docker buildx bake --call"`,
	}
	for set, flag := range tests {
		err := CheckSet([]string{"x.no-cache=true", set})
		if flag == "" {
			if err != nil {
				t.Errorf("%s: %v", set, err)
			}
			continue
		}
		key, _, _ := strings.Cut(set, "=")
		attribute := strings.Split(strings.TrimSuffix(key, "+"), ".")[1]
		wantInvalid(t, simple(t, "x"), err, "--set "+set+": "+attribute+" is set by docker extpack\n  use "+flag+" instead")
	}
	for _, arg := range []string{"DEST", "ROOT", "ROOT_LINUX_ARM64", "FILE_1"} {
		err := CheckSet([]string{"x.args." + arg + "=/"})
		wantInvalid(t, simple(t, "x"), err, "--set x.args."+arg+"=/: the argument "+arg+" is set by docker extpack\n  change the folders of the extension instead")
	}
}

// Each value gets the same answer from buildx.
func TestValuesAreBuildxs(t *testing.T) {
	t.Parallel()
	file := bake.File{Name: "docker-bake.hcl", Data: []byte("target \"x\" {\n  secret = [\"id=memory,env=A\"]\n}\n")}
	read := func(set string) error {
		_, _, err := bake.ReadTargets(t.Context(), []bake.File{file}, []string{"x"}, []string{set}, nil, nil, &bake.EntitlementConf{})
		return err
	}
	value := map[string]string{
		"attest": "type=sbom", "cache-from": "type=gha", "cache-to": "type=gha", "no-cache": "true", "pull": "0", "shm-size": "1m",
		"ssh": "default", "secrets": "id=a", "extra-hosts": "1.1.1.1", "entitlements": "network.host", "policy": "reset=true", "secret": "env=B", "resources": "1m",
	}
	for key, takesName := range setKeys {
		set := "x." + key
		if takesName {
			set += ".memory"
		}
		set += "=" + value[key]
		if err := read(set); err != nil {
			t.Errorf("buildx refuses %s: %v", set, err)
		}
		if err := CheckSet([]string{set}); err != nil {
			t.Errorf("%s: %v", set, err)
		}
	}
	for _, set := range []string{"x", "x.", "x.arg.a=b", "x.args=b", "x.contexts=b", "x.pull=maybe", "x.network", "x.secret=x", "x.nonsense=1"} {
		if read(set) == nil {
			t.Errorf("buildx takes %s", set)
		}
		if err := CheckSet([]string{set}); !diag.IsInvalid(err) {
			t.Errorf("%s: %v", set, err)
		}
	}
}

func TestCheckValues(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want string
	}{
		{CheckProgress("plian"), `--progress "plian" is not supported (did you mean "plain"?)` + "\n  use auto, plain, tty, rawjson or quiet"},
		{CheckSet([]string{"x.arg.A=b"}), `--set x.arg.A=b: the key "arg" is not supported (did you mean "args"?)`},
		{CheckSet([]string{"x.args=b"}), "--set x.args=b: args requires a name\n  write it as TARGET.args.NAME=VALUE"},
		{CheckSet([]string{"novalue"}), `--set "novalue" has no target and key` + "\n  write it as TARGET.KEY=VALUE"},
		{CheckSetTargets(simple(t, "a/curl"), []string{"a_crul.pull=true"}), `--set a_crul.pull=true: the target "a_crul" does not exist (did you mean`},
		{CheckSetTargets(simple(t, "a/curl"), []string{"default.pull=true"}), `--set default.pull=true: the target "default" does not exist` + "\n  use "},
	} {
		if !diag.IsInvalid(tc.err) || !strings.HasPrefix(diag.Text(tc.err), tc.want) {
			t.Errorf("got %v, want %s", tc.err, tc.want)
		}
	}
	p := simple(t, "a/curl")
	slug := p.Extensions[0].Slug
	for _, err := range []error{
		CheckProgress(""), CheckProgress("tty"),
		CheckSetTargets(p, []string{"*.pull=true", slug + ".pull=true", slug + "*.pull=true"}), CheckSetTargets(p, nil),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}
