package cliplugin

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/docker/cli/cli"
)

func TestBuilderDoctorFlags(t *testing.T) {
	for args, want := range map[string]builderDoctorOptions{
		"":    {}, // no extension here: the machine only
		"a b": {planOptions: planOptions{dirs: []string{"a", "b"}}},
		"--builder b --format json --insecure -q a": {
			planOptions: planOptions{dirs: []string{"a"}}, builder: "b", format: "json", insecure: true, quiet: true,
		},
		"a --target linux/arm64 -t x:1": {planOptions: planOptions{dirs: []string{"a"}, targets: []string{"linux/arm64"}, tags: []string{"x:1"}}},
	} {
		if got, err := parse(t, newBuilderDoctorCmd, strings.Fields(args)...); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("doctor %s: %+v (%v)", args, got, err)
		}
	}
}

func TestBuilderEnsureFlags(t *testing.T) {
	for args, want := range map[string]builderEnsureOptions{
		"":                            {name: "extpack"},
		"team --use -q":               {name: "team", use: true, quiet: true},
		"--remove":                    {name: "extpack", remove: true},
		"--bootstrap --driver remote": {name: "extpack", bootstrap: true, driver: "remote"},
		"--native arm64=ssh://a,b --native s390x=c --registry a --registry b=http": {
			name: "extpack", native: []string{"arm64=ssh://a,b", "s390x=c"}, registries: []string{"a", "b=http"},
		},
	} {
		if got, err := parse(t, newBuilderEnsureCmd, strings.Fields(args)...); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ensure %s: %+v (%v)", args, got, err)
		}
	}
	for _, args := range []string{"a b", "--remove --native a=b", "--remove --bootstrap", "--nope"} {
		var status cli.StatusError
		if _, err := parse(t, newBuilderEnsureCmd, strings.Fields(args)...); !errors.As(err, &status) || status.StatusCode != exitUsage {
			t.Errorf("ensure %s: %v", args, err)
		}
	}
}
