package cliplugin

import (
	"fmt"

	"github.com/extpack/extpack/internal/buildx"
	"github.com/extpack/extpack/internal/engine"
	"github.com/extpack/extpack/internal/registry"
	"github.com/extpack/extpack/internal/text"
)

// engineRequest returns the request for the engine of a build.
func (o *buildOptions) engineRequest(a *app) engine.Request {
	settings, _ := o.Settings() // checkAttest returns the error
	return engine.Request{
		Name: o.engineName, Builder: o.Builder, Requires: o.builderFlags(), Attest: settings,
		Packed: o.bars.Packed,
		Find: func(attested bool) (engine.Builder, error) {
			builder, err := o.engine(a, o.quiet)
			if err != nil {
				return nil, err
			}
			builder.Attested = attested
			return builder, nil
		},
		Client: func() *registry.Client { return a.registry(o.insecure, nil, nil) },
		Notify: func(why string) {
			if !o.quiet {
				fmt.Fprintln(o.bars, text.Line("packing without a builder: "+why))
			}
		},
	}
}

// builderFlags returns the flags that were given and require a builder.
func (o *buildOptions) builderFlags() []string {
	var flags []string
	for _, f := range []struct {
		flag  string
		given bool
	}{
		{"--builder", o.Builder != ""},
		{"--set", len(o.Set) > 0},
		{"--allow", len(o.grants.allow) > 0},
		{"--provenance", buildx.Requested(o.Provenance)},
		{"--sbom", buildx.Requested(o.SBOM)},
		{"--cache-from", len(o.stage.cacheFrom) > 0},
		{"--cache-to", len(o.stage.cacheTo) > 0},
		{"--smoke", o.smoke != ""},
		{"--test", o.test},
	} {
		if f.given {
			flags = append(flags, f.flag)
		}
	}
	return flags
}
