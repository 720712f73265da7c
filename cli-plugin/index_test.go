package cliplugin

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/docker/cli/cli"

	"github.com/extpack/extpack/internal/index"
)

// TestIndexAnnotateFlags: an empty value takes a part of the platform out, an
// absent flag leaves it.
func TestIndexAnnotateFlags(t *testing.T) {
	empty, v6 := "", "v6"
	for args, want := range map[string]index.PlatformChange{
		"r linux/arm --variant v6":                   {Variant: &v6},
		"r linux/arm --os-version=":                  {OSVersion: &empty},
		"r linux/arm --os= --arch=":                  {OS: &empty, Architecture: &empty},
		"r linux/arm --annotation a=b":               {},
		"r windows/amd64 --os-features win32k,other": {OSFeatures: []string{"win32k", "other"}},
		"r --index-annotation a=b":                   {},
		"r --media-types docker":                     {},
	} {
		got, err := parse(t, newIndexAnnotateCmd, strings.Fields(args)...)
		if err != nil || !reflect.DeepEqual(got.change, want) || got.reference != "r" {
			t.Errorf("%s gives %+v, %v", args, got.change, err)
		}
	}
}

func TestIndexUsage(t *testing.T) {
	annotate := func(args ...string) error { _, err := parse(t, newIndexAnnotateCmd, args...); return err }
	create := func(args ...string) error { _, err := parse(t, newIndexCreateCmd, args...); return err }
	add := func(args ...string) error { _, err := parse(t, newIndexAddCmd, args...); return err }
	remove := func(args ...string) error { _, err := parse(t, newIndexRemoveCmd, args...); return err }
	for name, err := range map[string]error{
		"annotate nothing":          annotate("r"),
		"annotate without change":   annotate("r", "linux/arm"),
		"annotate without platform": annotate("r", "--variant", "v6"),
		"annotate two platforms":    annotate("r", "linux/arm", "linux/arm64", "--variant", "v6"),
		"create without sources":    create("-t", "r"),
		"create to nowhere":         create("s"),
		"create from nothing":       create("-t", "r", ""),
		"add without sources":       add("r"),
		"remove without platforms":  remove("r"),
	} {
		var status cli.StatusError
		if !errors.As(err, &status) || status.StatusCode != exitUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := create("--dry-run", "s"); err != nil {
		t.Errorf("a dry run needs no destination: %v", err)
	}
	if err := errors.Join(add("r", "s"), remove("r", "linux/arm", "linux/arm64")); err != nil {
		t.Error(err)
	}
}
