package cliplugin

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

// stageOptions are docker buildx build's own flags about stages and caches.
type stageOptions struct {
	buildArgs, buildContexts []string
	secrets, ssh             []string
	cacheFrom, cacheTo       []string
}

func (o *stageOptions) bind(f *pflag.FlagSet) {
	f.StringArrayVar(&o.buildArgs, "build-arg", nil, `Set an argument of build stages ("NAME=VALUE", or "NAME" for that of the environment)`)
	f.StringArrayVar(&o.buildContexts, "build-context", nil, `Set a named context of build stages ("NAME=FOLDER")`)
	f.StringArrayVar(&o.secrets, "secret", nil, `Give build stages a secret ("id=NAME,src=FILE" or "id=NAME,env=VARIABLE")`)
	f.StringArrayVar(&o.ssh, "ssh", nil, `Give build stages an SSH agent socket or keys ("default|ID[=SOCKET|KEY[,KEY]]")`)
	f.StringArrayVar(&o.cacheFrom, "cache-from", nil, `Take the build cache from these instead of the descriptor's; may hold {{.ID}}, {{.Slug}} and {{.Version}} ("type=registry,ref=…")`)
	f.StringArrayVar(&o.cacheTo, "cache-to", nil, `Put the build cache there instead of where the descriptor says ("type=registry,ref=…", "type=inline")`)
}

// apply reads the flags into the options of a plan.
func (o *stageOptions) apply(opts *plan.Options) error {
	opts.Args, opts.Contexts = map[string]string{}, map[string]string{}
	for _, kv := range o.buildArgs {
		name, value, ok := strings.Cut(kv, "=")
		if name == "" {
			return diag.WithHint(diag.Invalidf("--build-arg %q has no name", kv), "write it as NAME=VALUE")
		}
		if !ok {
			// As docker buildx build: a name alone takes what is set, if anything.
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
	opts.CacheFrom, opts.CacheTo = o.cacheFrom, o.cacheTo
	return nil
}

// settleSources reports secrets without a source, of which BuildKit would only
// say that a file called like the secret is missing, and SSH keys that are not
// there. Secrets that are not required are left out then.
func settleSources(p *plan.Plan) error {
	var list diag.List
	for _, e := range p.Extensions {
		if e.Build == nil {
			continue
		}
		e.Build.Secrets = slices.DeleteFunc(e.Build.Secrets, func(s plan.Spec) bool {
			problem, _ := missing(s)
			return s.Optional && problem != ""
		})
		for _, s := range e.Build.Secrets {
			if problem, hint := missing(s); problem != "" {
				list.Errorf(s.Position, "secret %s of %s: %s", s.Get("id"), e.Descriptor.Info, problem).Hint = hint
			}
		}
		for _, s := range e.Build.SSH {
			for _, path := range s.Paths {
				if _, err := os.Stat(path); err != nil {
					list.Errorf(s.Position, "ssh %s of %s: there is no socket or key %s", s.ID, e.Descriptor.Info, path).Hint = "name another with --ssh " + s.ID + "=FILE"
				}
			}
		}
	}
	return list.Err()
}

// missing returns why a secret has no value, and what to do about it; both are
// empty when it has one.
func missing(s plan.Spec) (problem, hint string) {
	id := s.Get("id")
	if name := s.Get("env"); name != "" {
		if _, ok := os.LookupEnv(name); ok {
			return "", ""
		}
		return fmt.Sprintf("the variable %s is not set", name), fmt.Sprintf("set it, or give another source with --secret id=%s,src=FILE", id)
	}
	file := s.File()
	if file == "" {
		return "", "" // a variable of its name
	}
	info, err := os.Stat(file)
	switch {
	case err != nil && s.Path == "":
		return "it has no source", fmt.Sprintf("give one with --secret id=%[1]s,src=FILE or --secret id=%[1]s,env=VARIABLE", id)
	case err != nil:
		return "there is no file " + file, fmt.Sprintf("create it, or give another source with --secret id=%s,src=FILE", id)
	case info.IsDir():
		return file + " is a folder", "name a file"
	}
	return "", ""
}
