package cliplugin

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/plan"
	"github.com/extpack/extpack/internal/text"
)

// grantOptions are the flags that grant access to extensions.
type grantOptions struct{ allow []string }

func (o *grantOptions) bind(f *pflag.FlagSet) {
	f.StringArrayVar(&o.allow, "allow", nil, `Grant what a descriptor requests, or an extra privilege ("secret=ID", "env=NAME", "ssh", "cache-to=SPEC", "context=URL", "fs.read=PATH", "network.host")`)
}

// set returns the grants of the flags and of the user's own file.
func (o *grantOptions) set(a *app) (grants.Set, error) {
	var set grants.Set
	for _, allowed := range o.allow {
		g, err := grants.Parse(allowed)
		if err != nil {
			return set, diag.Invalidf("--allow %q: %v", allowed, err)
		}
		g.By = "--allow " + allowed
		set.Allowed = append(set.Allowed, g)
	}
	var err error
	set.Trusted, err = grants.ReadFile(filepath.Join(filepath.Dir(a.cli.ConfigFile().Filename), grants.FileName))
	return set, err
}

// printRequests prints the requests of an extension and whether they are
// granted.
func printRequests(w io.Writer, e *plan.Extension) {
	for _, r := range e.Requests {
		how := "granted by " + r.By
		switch {
		case r.By == grants.Repository:
			continue
		case r.By == "" && r.Optional:
			how = "not granted, and not required"
		case r.By == "":
			how = "NOT GRANTED"
		}
		fmt.Fprintf(w, "  use %s: %s\n", text.Line(r.Subject), text.Line(how))
	}
}
