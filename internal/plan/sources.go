package plan

import (
	"fmt"
	"os"
	"slices"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/text"
)

// SettleSources reports secrets without a source, of which BuildKit would only
// say that a file called like the secret is missing, and SSH keys that are not
// there. Secrets that are not required are left out then.
func (p *Plan) SettleSources() error {
	var list diag.List
	for _, e := range p.Extensions {
		if e.Build == nil {
			continue
		}
		e.Build.Secrets = slices.DeleteFunc(e.Build.Secrets, func(s Spec) bool {
			problem, _ := withoutValue(s)
			return s.Optional && problem != ""
		})
		for _, s := range e.Build.Secrets {
			if problem, hint := withoutValue(s); problem != "" {
				list.Errorf(s.Position, "secret %s of %s: %s", s.Get("id"), e.Descriptor.Info, problem).Hint = hint
			}
		}
		for _, s := range e.Build.SSH {
			for _, path := range s.Paths {
				if _, err := os.Stat(path); err != nil {
					list.Errorf(s.Position, "ssh %s of %s: socket or key not found: %s", s.ID, e.Descriptor.Info, path).Hint = "name another with --ssh " + text.Quote(s.ID+"=FILE")
				}
			}
		}
	}
	return list.Err()
}

// withoutValue returns why a secret has no value, and what to do about it; both are
// empty when it has one.
func withoutValue(s Spec) (problem, hint string) {
	id := "id=" + s.Get("id")
	fromFile := "choose another source with --secret " + text.Quote(id+",src=FILE")
	if name := s.Get("env"); name != "" {
		if _, ok := os.LookupEnv(name); ok {
			return "", ""
		}
		return fmt.Sprintf("the variable %s is not set", name), "set it, or " + fromFile
	}
	file := s.File()
	if file == "" {
		return "", "" // a variable of its name
	}
	info, err := os.Stat(file)
	switch {
	case err != nil && s.Path == "":
		return "it has no source", "provide one with --secret " + text.Quote(id+",src=FILE") + " or --secret " + text.Quote(id+",env=VARIABLE")
	case err != nil:
		return "file not found: " + file, "create it, or " + fromFile
	case info.IsDir():
		return file + " is a folder", "name a file"
	}
	return "", ""
}
