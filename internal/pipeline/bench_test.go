package pipeline

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"

	"github.com/extpack/extpack/internal/annotate"
	"github.com/extpack/extpack/internal/embedded"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/verify"
)

// BenchmarkPublish runs the whole pipeline into a registry on loopback: a
// package that is there already, and one that is not.
func BenchmarkPublish(b *testing.B) {
	for name, force := range map[string]bool{"unchanged": false, "force": true} {
		b.Run(name, func(b *testing.B) {
			opts := benchOptions(b)
			opts.Force = force
			p, _, err := plan.New(b.Context(), []string{"../../examples/hello"}, plan.Options{})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := Run(b.Context(), p, &embedded.Engine{}, opts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func benchOptions(b *testing.B) Options {
	b.Helper()
	config := &configuration.Configuration{Storage: configuration.Storage{"inmemory": {}}}
	config.Log.Level, config.Log.AccessLog.Disabled = "error", true
	server := httptest.NewServer(handlers.NewApp(b.Context(), config))
	b.Cleanup(server.Close)
	ref, err := registry.ParseTag(strings.TrimPrefix(server.URL, "http://") + "/bench:1")
	if err != nil {
		b.Fatal(err)
	}
	client := registry.New(registry.Options{})
	return Options{
		Destinations: func(*plan.Extension) []Destination {
			return []Destination{Registry{Client: client, Tags: []registry.Reference{ref}}}
		},
		Warn:      func(*plan.Extension, verify.Finding) {},
		Verified:  func(*plan.Extension, []annotate.Image) {},
		Unchanged: func(*plan.Extension) {},
	}
}
