package cliplugin

import (
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/plan"
)

// stageOptions are flags of docker buildx build for stages and caches.
type stageOptions struct {
	buildArgs, buildContexts []string
	secrets, ssh             []string
	cacheFrom, cacheTo       []string
	noCacheFilter, ulimits   []string
	addHosts                 []string
	shmSize, network         string
	pull                     bool
}

// bindRecorded binds the flags that a bake file records. The others grant access
// to something of this machine, or name it.
func (o *stageOptions) bindRecorded(f *pflag.FlagSet) {
	f.StringArrayVar(&o.buildArgs, "build-arg", nil, `Set a build argument of build stages ("NAME=VALUE")`)
	f.StringVar(&o.network, "network", "", `Set the networking mode of build stages ("default", "none", or "host", which needs --allow network.host)`)
	f.BoolVar(&o.pull, "pull", false, "Always attempt to pull the base images of build stages; only the docker driver does not do so anyway")
	f.StringArrayVar(&o.noCacheFilter, "no-cache-filter", nil, "Do not use the cache for this stage of a Dockerfile")
	f.StringVar(&o.shmSize, "shm-size", "", "Shared memory size of build stages")
	f.StringArrayVar(&o.ulimits, "ulimit", nil, `Ulimit of build stages ("nofile=1024:2048")`)
}

func (o *stageOptions) bind(f *pflag.FlagSet) {
	o.bindRecorded(f)
	f.Lookup("build-arg").Usage = `Set a build argument of build stages ("NAME=VALUE", or "NAME" for the environment variable)`
	f.StringArrayVar(&o.buildContexts, "build-context", nil, `Additional named context of build stages ("NAME=DIR", "NAME=docker-image://IMAGE")`)
	f.StringArrayVar(&o.secrets, "secret", nil, `Secret to expose to build stages ("id=NAME,src=FILE" or "id=NAME,env=VARIABLE")`)
	f.StringArrayVar(&o.ssh, "ssh", nil, `SSH agent socket or keys to expose to build stages ("default|ID[=SOCKET|KEY[,KEY]]")`)
	f.StringArrayVar(&o.addHosts, "add-host", nil, `Add a custom host-to-IP mapping to build stages ("HOST:IP")`)
	f.StringArrayVar(&o.cacheFrom, "cache-from", nil, `External cache source, instead of the descriptor's; may contain {{.ID}}, {{.Slug}} and {{.Version}} ("type=registry,ref=…")`)
	f.StringArrayVar(&o.cacheTo, "cache-to", nil, `Cache export destination, instead of the descriptor's; may contain {{.ID}}, {{.Slug}} and {{.Version}} ("type=registry,ref=…", "type=inline")`)
}

// checkRecorded returns an error for an argument with the value of an environment
// variable: a file that records it would read the environment of others.
func (o *stageOptions) checkRecorded() error {
	for _, kv := range o.buildArgs {
		if !strings.Contains(kv, "=") {
			return diag.WithHint(diag.Invalidf("--build-arg %q has no value, and a bake file does not depend on the environment", kv), "write it as NAME=VALUE")
		}
	}
	return nil
}

// apply sets the options of a plan.
func (o *stageOptions) apply(opts *plan.Options) error {
	opts.Args, opts.Contexts = map[string]string{}, map[string]string{}
	for _, kv := range o.buildArgs {
		name, value, ok := strings.Cut(kv, "=")
		if name == "" {
			return diag.WithHint(diag.Invalidf("--build-arg %q has no name", kv), "write it as NAME=VALUE")
		}
		if !ok {
			// As in docker buildx build, a name alone uses the value of the
			// variable, if it is set.
			if value, ok = os.LookupEnv(name); !ok {
				continue
			}
		}
		opts.Args[name] = value
	}
	for _, kv := range o.buildContexts {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || name == "" || value == "" {
			return diag.WithHint(diag.Invalidf("--build-context %q has no name and value", kv), "write it as NAME=FOLDER or NAME=docker-image://IMAGE")
		}
		opts.Contexts[name] = value
	}
	opts.SSH = o.ssh
	for _, text := range o.secrets {
		s, err := plan.ParseSecret(text)
		if err != nil {
			return diag.Invalidf("--secret %q %v", text, err)
		}
		s.Flag = "--secret"
		opts.Secrets = append(opts.Secrets, s)
	}
	if o.network != "" {
		if err := choice.Check("--network", o.network, extension.Networks()...); err != nil {
			return err
		}
	}
	opts.Network, opts.Pull, opts.NoCacheFilter, opts.ShmSize = o.network, o.pull, o.noCacheFilter, o.shmSize
	opts.Ulimits, opts.AddHosts = o.ulimits, o.addHosts
	opts.CacheFrom, opts.CacheTo = o.cacheFrom, o.cacheTo
	return nil
}
