package bake

import (
	"strings"
	"testing"
)

func TestCheckSet(t *testing.T) {
	tests := map[string]string{
		"x.args.BUILDKIT_SYNTAX=docker/dockerfile:1": "",
		"*.cache-from=type=registry,ref=x":           "",
		"*.no-cache=true":                            "",
		"x.contexts.more=.":                          "",
		"x":                                          "",
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
		wantInvalid(t, simple(t, "x"), err, "--set "+set+": "+attribute+" is decided by docker extpack\n  use "+flag+" instead")
	}
	for _, arg := range []string{"DEST", "ROOT", "ROOT_LINUX_ARM64", "FILE_1"} {
		err := CheckSet([]string{"x.args." + arg + "=/"})
		wantInvalid(t, simple(t, "x"), err, "--set x.args."+arg+"=/: the argument "+arg+" is decided by docker extpack\n  change the folders of the extension instead")
	}
}
