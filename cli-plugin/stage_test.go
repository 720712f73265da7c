package cliplugin

import (
	"slices"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

func TestStageFlagsRefused(t *testing.T) {
	for want, o := range map[string]stageOptions{
		`--build-arg "=x" has no name`:                  {buildArgs: []string{"=x"}},
		`--build-context "a" has no name and value`:     {buildContexts: []string{"a"}},
		`--build-context "=b" has no name and value`:    {buildContexts: []string{"=b"}},
		`--secret "src=a" has no id`:                    {secrets: []string{"src=a"}},
		`--secret "" is empty or has invalid quotes`:    {secrets: []string{""}},
		`--secret "id=a,src=b,env=c" has both`:          {secrets: []string{"id=a,src=b,env=c"}},
		`--secret "id=a,sorce=b" has the unknown field`: {secrets: []string{"id=a,sorce=b"}},
		`--secret "id=" has no value`:                   {secrets: []string{"id="}},
	} {
		var opts plan.Options
		if err := o.apply(&opts); err == nil || !strings.HasPrefix(diag.Text(err), want) {
			t.Errorf("%+v: got %v, want %s", o, err, want)
		}
	}
}

func TestStageFlags(t *testing.T) {
	t.Setenv("FROM_ENVIRONMENT", "value")
	o := stageOptions{
		buildArgs: []string{"A=1,2=3", "FROM_ENVIRONMENT", "EXTPACK_UNSET", "EMPTY="}, secrets: []string{`id=a,"src=with,comma"`, "type=env,id=b,src=VAR"},
	}
	var opts plan.Options
	if err := o.apply(&opts); err != nil {
		t.Fatal(err)
	}
	if len(opts.Args) != 3 || opts.Args["A"] != "1,2=3" || opts.Args["FROM_ENVIRONMENT"] != "value" {
		t.Errorf("args are %q", opts.Args)
	}
	var got []string
	for _, s := range opts.Secrets {
		got = append(got, s.String())
	}
	want := []string{`id=a,"src=with,comma"`, "id=b,env=VAR"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
