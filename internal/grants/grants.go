// Package grants decides what a build may access outside its repository.
//
// A descriptor may request access to a secret, an SSH agent, a cache, a remote
// context or a file elsewhere. Only the user who builds can grant it, with a
// flag or in a configuration file. A [Request] is a request for access, a
// [Grant] is a permission, and [Set.Decide] matches them.
//
// Package plan collects the requests after it has expanded placeholders and
// parsed settings.
package grants

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/text"
)

// Kind is a kind of access that a descriptor can ask for.
type Kind string

// The kinds that "--allow KIND=VALUE" takes. NetworkHost and Insecure have no
// value, and SSH may have none.
const (
	// Secret is a secret of a build stage; the value is its id.
	Secret Kind = "secret"
	// Env is an environment variable; the value is its name.
	Env Kind = "env"
	// SSH is an SSH agent or key; the value is the id of the forwarding.
	SSH Kind = "ssh"
	// CacheFrom and CacheTo are build caches; the value is a setting such as
	// "type=registry,ref=…", or a reference.
	CacheFrom Kind = "cache-from"
	CacheTo   Kind = "cache-to"
	// Context is a build context at a URL, which is the value.
	Context Kind = "context"
	// AddHost is an entry in the hosts file of build steps; the value is
	// "HOST=IP".
	AddHost Kind = "add-host"
	// NetworkHost is the network of the builder's machine.
	NetworkHost Kind = "network.host"
	// Insecure is a privileged build step.
	Insecure Kind = "security.insecure"
	// Read, Write and Files are access to files and folders outside the
	// repository; the value is the path of one, or of a folder above it.
	Read  Kind = "fs.read"
	Write Kind = "fs.write"
	Files Kind = "fs"
)

// passed are further kinds of buildx that no descriptor requests. They are
// passed to buildx unchanged (docker buildx bake, "--allow").
var passed = []Kind{"device", "image", "image.push", "image.load", "buildx.local.delete"}

// shape is whether a kind has a value.
type shape int

const (
	valued shape = iota
	bare
	either
)

var shapes = map[Kind]shape{
	Secret: valued, Env: valued, SSH: either, CacheFrom: valued, CacheTo: valued, Context: valued, AddHost: valued,
	NetworkHost: bare, Insecure: bare, Read: valued, Write: valued, Files: valued,
}

// Any is the wildcard that matches every value of a kind.
const Any = "*"

// Grant is a permission for a kind and value.
type Grant struct {
	Kind  Kind
	Value string
	// By is the origin of the grant: a flag or a file.
	By string
}

// String returns the grant in the form of "--allow".
func (g Grant) String() string {
	if g.Value == "" {
		return string(g.Kind)
	}
	return string(g.Kind) + "=" + g.Value
}

// Parse reads a grant, "KIND=VALUE" or "KIND".
func Parse(s string) (Grant, error) {
	kind, value, given := strings.Cut(s, "=")
	g := Grant{Kind: Kind(kind), Value: value}
	if slices.Contains(passed, g.Kind) {
		return g, nil
	}
	form, known := shapes[g.Kind]
	switch {
	case !known:
		return Grant{}, diag.WithHint(fmt.Errorf("unknown kind %q%s", kind, text.DidYouMean(kind, kinds())), choice.Hint(kinds()))
	case form == bare && given:
		return Grant{}, fmt.Errorf("%s does not take a value", kind)
	case form == valued && value == "", form == either && given && value == "":
		return Grant{}, diag.WithHint(fmt.Errorf("%s requires a value", kind), fmt.Sprintf("write %[1]s=VALUE, or %[1]s=%s for every value", kind, Any))
	}
	if g.Kind == CacheFrom || g.Kind == CacheTo {
		if _, err := cacheFields(value); err != nil && value != Any {
			return Grant{}, fmt.Errorf("%s: %w", kind, err)
		}
	}
	return g, nil
}

func kinds() []string {
	var all []string
	for k := range shapes {
		all = append(all, string(k))
	}
	for _, k := range passed {
		all = append(all, string(k))
	}
	slices.Sort(all)
	return all
}

// ForBuildx returns those of the grants, in the form of [Parse], that buildx
// supports too.
func ForBuildx(allowed []string) []string {
	var out []string
	for _, s := range allowed {
		if g, err := Parse(s); err == nil && g.toBuildx() {
			out = append(out, s)
		}
	}
	return out
}

// toBuildx reports whether buildx supports the grant too. Other kinds are
// specific to docker extpack.
func (g Grant) toBuildx() bool {
	switch g.Kind {
	case NetworkHost, Insecure, Read, Write, Files:
		return true
	case SSH:
		return g.Value == ""
	}
	return slices.Contains(passed, g.Kind)
}

// covers reports whether the grant permits a request for kind and value.
func (g Grant) covers(kind Kind, value string) bool {
	switch {
	case g.Kind == Files && (kind == Read || kind == Write):
	case g.Kind != kind:
		return false
	}
	if g.Value == Any || g.Value == value || kind == SSH && g.Value == "" {
		return true
	}
	switch kind {
	case Read, Write:
		root, err := safefile.Real(g.Value)
		return err == nil && safefile.Within(root, value)
	case CacheFrom, CacheTo:
		return sameCache(g.Value, value)
	case AddHost:
		return strings.Replace(g.Value, ":", "=", 1) == value
	}
	return false
}

// sameCache reports whether two cache settings have the same fields.
func sameCache(a, b string) bool {
	fa, errA := cacheFields(a)
	fb, errB := cacheFields(b)
	return errA == nil && errB == nil && slices.Equal(fa, fb)
}

// cacheFields returns the sorted fields of a cache setting.
func cacheFields(text string) ([]string, error) {
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return nil, fmt.Errorf("%q is not in the form type=TYPE,NAME=VALUE", text)
	}
	if len(fields) == 1 && !strings.Contains(fields[0], "=") {
		return []string{"ref=" + fields[0], "type=registry"}, nil
	}
	for i, f := range fields {
		name, value, ok := strings.Cut(f, "=")
		if !ok {
			return nil, diag.WithHint(fmt.Errorf("%q has no value", f), "write type=TYPE,NAME=VALUE")
		}
		fields[i] = strings.ToLower(name) + "=" + value
	}
	slices.Sort(fields)
	return fields, nil
}

// Set is the set of grants of the user.
type Set struct {
	// Allowed are the grants from flags, for every extension.
	Allowed []Grant
	// Trusted are the grants from the user's file, by directory.
	Trusted []Trust
}

// given returns the origin of the grant for kind and value to the extension in
// dir, or "".
func (s Set) given(dir string, kind Kind, value string) string {
	for _, g := range s.Allowed {
		if g.covers(kind, value) {
			return cmp.Or(g.By, g.String())
		}
	}
	for _, t := range s.Trusted {
		if !safefile.Within(t.Directory, dir) {
			continue
		}
		if t.Everything || slices.ContainsFunc(t.Allow, func(g Grant) bool { return g.covers(kind, value) }) {
			return t.By
		}
	}
	return ""
}

// Request is a request of a build for access.
type Request struct {
	Kind  Kind
	Value string
	// Subject describes the request in messages: "secret token from the
	// environment variable NPM_TOKEN".
	Subject string
	// Position is the position of the request in the descriptor.
	Position diag.Position
	// Or are alternative grants.
	Or []Grant
	// Optional requests are omitted from the build if they are not granted.
	Optional bool
	// Hint is an alternative to --allow.
	Hint string
	// Entitlements are the entitlements to pass to buildx.
	Entitlements []string
	// By is the origin of the grant: a flag, a file or a rule. It is empty if
	// the request is not granted.
	By string
}

// Repository is the origin of grants for files of the repository. They are
// requests too, because buildx requires an entitlement.
const Repository = "its own repository"

// Decide sets By of each request of the extension in dir, an absolute path
// without symbolic links. Requests that are already granted do not change.
func (s Set) Decide(dir string, requests []Request) {
	for i := range requests {
		r := &requests[i]
		if r.By != "" {
			continue
		}
		r.By = s.given(dir, r.Kind, r.Value)
		for _, g := range r.Or {
			if r.By == "" {
				r.By = s.given(dir, g.Kind, g.Value)
			}
		}
	}
}

// Missing returns a diagnostic for each request that was not granted, with its
// position in the descriptor and the flag that would grant it.
func Missing(requests []Request) diag.List {
	var list diag.List
	for _, r := range requests {
		if r.By != "" || r.Optional {
			continue
		}
		hint := "if you trust it, add --allow " + text.Quote(Grant{Kind: r.Kind, Value: r.Value}.String())
		if r.Hint != "" {
			hint += ", or " + r.Hint
		}
		list = append(list, diag.Diagnostic{
			Position: r.Position,
			Message:  "the extension requests " + r.Subject + ", which was not granted",
			Hint:     hint,
		})
	}
	return list
}
