package dockerfile_test

import (
	"maps"
	"testing"

	"github.com/extpack/extpack/internal/dockerfile"
)

func TestConfig(t *testing.T) {
	f, err := dockerfile.Parse([]byte(`ARG base_image=x
ARG version=1
FROM ${base_image}
ARG version
ARG user_id=5
ARG unset
ENV A=1 B="$A of ${version}" PATH=/opt:$PATH
ENV B="$B$unset" C=\$A
ARG A=9
LABEL who="${A}" 'quoted'=x
USER root
RUN echo USER nobody
USER ${user_id:-7}:${group_id:-8}
`))
	if err != nil {
		t.Fatal(err)
	}
	base := dockerfile.Config{User: "1", Env: map[string]string{"A": "0", "PATH": "/bin"}, Labels: map[string]string{"kept": "yes"}}
	for range 2 { // nothing is changed
		got, err := f.Config(0, base, map[string]string{"user_id": "1001", "other": "x"})
		if err != nil {
			t.Fatal(err)
		}
		// In one instruction, variables have the values from before.
		if want := map[string]string{"A": "1", "B": "0 of 1", "C": "$A", "PATH": "/opt:/bin"}; !maps.Equal(got.Env, want) {
			t.Errorf("env %v, want %v", got.Env, want)
		}
		if want := map[string]string{"kept": "yes", "who": "1", "quoted": "x"}; !maps.Equal(got.Labels, want) {
			t.Errorf("labels %v, want %v", got.Labels, want)
		}
		if got.User != "1001:8" {
			t.Errorf("user %s", got.User)
		}
	}
	if base.User != "1" || len(base.Env) != 2 || len(base.Labels) != 1 {
		t.Errorf("the base became %+v", base)
	}
	broken, err := dockerfile.Parse([]byte("FROM x\nENV A=${B:+}\nUSER ${A?no user}\nUSER ${B?no user}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := broken.Config(0, dockerfile.Config{}, nil); err == nil {
		t.Error("want an error for an undefined variable")
	}
}
