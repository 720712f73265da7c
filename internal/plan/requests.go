package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/grants"
	"github.com/extpack/extpack/internal/safefile"
	"github.com/extpack/extpack/internal/text"
)

// decide collects the requests of the extension, matches them with the grants,
// and removes optional settings that were not granted.
func (e *Extension) decide(opts Options) error {
	dir, err := safefile.Real(e.Dir)
	if err != nil {
		return fmt.Errorf("resolving %s: %w", e.Dir, err)
	}
	c := &collector{e: e}
	c.repository, c.disowned = grants.RepositoryOf(dir)
	c.stage()
	for _, s := range e.CacheFrom {
		c.cache(grants.CacheFrom, grants.Read, s, opts.Push)
	}
	for _, s := range e.CacheTo {
		c.cache(grants.CacheTo, grants.Write, s, opts.Push)
	}
	opts.Grants.Decide(dir, c.requests)
	e.Requests = c.requests
	if e.Build != nil {
		e.Build.Secrets = slices.DeleteFunc(e.Build.Secrets, func(s Spec) bool { return s.Optional && !c.isGiven(s.Get("id")) })
	}
	return nil
}

// collector turns the settings of an extension into requests.
type collector struct {
	e                    *Extension
	repository, disowned string
	requests             []grants.Request
	// secrets are the indices of their requests, by id.
	secrets map[string]int
}

func (c *collector) isGiven(secret string) bool {
	i, ok := c.secrets[secret]
	return ok && c.requests[i].By != ""
}

func (c *collector) add(r grants.Request) { c.requests = append(c.requests, r) }

// stage collects the requests of build stages, whose settings have been
// expanded and parsed.
func (c *collector) stage() {
	b := c.e.Build
	if b == nil {
		return
	}
	var dockerfiles []string
	for _, image := range c.e.Images {
		if image.NeedsBuild() && !slices.Contains(dockerfiles, image.Dockerfile) {
			dockerfiles = append(dockerfiles, image.Dockerfile)
		}
	}
	table := c.e.Descriptor.Metadata.Extpack.Build
	for _, name := range dockerfiles {
		c.file(from(c.e.Dir, name), grants.Request{Subject: "the Dockerfile", Position: dockerfilePosition(table)})
	}
	for _, name := range slices.Sorted(maps.Keys(b.Contexts)) {
		c.context(name, b.Contexts[name], table.ContextPositions[name])
	}
	for i := range b.Secrets {
		c.secret(&b.Secrets[i])
	}
	for _, s := range b.SSH {
		c.ssh(s)
	}
	if b.Network == "host" {
		pos := table.Network.Position
		if table.Network.Value != b.Network {
			pos = diag.Position{} // --network, which grants nothing by itself, as in docker buildx build
		}
		c.add(grants.Request{
			Kind: grants.NetworkHost, Subject: "the network of the builder's machine", Position: pos,
			Entitlements: []string{string(grants.NetworkHost)},
		})
	}
	for _, h := range b.AddHosts {
		c.add(grants.Request{
			Kind: grants.AddHost, Value: h.Name + "=" + h.Address,
			Subject: "the address " + h.Address + " for the host " + h.Name, Position: h.Position, By: h.Flag,
		})
	}
}

// file adds a request to read a file or folder. If r has no kind, it is only
// about the file and needs no grant inside the repository. Outside the
// repository, the path requires a grant for any kind.
func (c *collector) file(path string, r grants.Request) {
	resolved, err := safefile.Real(path)
	inside := err == nil && safefile.Within(c.repository, resolved)
	if err == nil {
		path = resolved
	}
	r.Entitlements = append(r.Entitlements, string(grants.Read)+"="+path)
	r.Subject += " " + path
	switch {
	case r.By != "":
		r.Kind, r.Value = grants.Read, path
	case inside && r.Kind == "":
		r.Kind, r.Value, r.By = grants.Read, path, grants.Repository
	case inside:
		r.Or = append(r.Or, grants.Grant{Kind: grants.Read, Value: path})
	default:
		r.Kind, r.Value, r.Or = grants.Read, path, nil
		r.Subject += ", outside its repository " + c.repository
		if c.disowned != "" {
			r.Subject += " (the repository in " + c.disowned + " belongs to another user and is not in git's safe.directory)"
		}
	}
	c.add(r)
}

// context adds a named context: a folder, an OCI layout, or a URL. An image
// requires no grant, because a FROM instruction could name it as well, and its
// registry receives only its own credentials.
func (c *collector) context(name, value string, pos diag.Position) {
	r := grants.Request{Subject: "context " + name, Position: pos, Hint: "--build-context " + name + "=FOLDER"}
	if c.e.Build.Given[name] {
		r.By, r.Hint = "--build-context", ""
	}
	if prefix, path, ok := ContextPath(value); ok {
		if prefix != "" {
			path = LayoutFolder(path)
		}
		r.Subject += " from"
		c.file(path, r)
		return
	}
	if strings.HasPrefix(value, imagePrefix) {
		return
	}
	r.Kind, r.Value, r.Hint = grants.Context, value, ""
	r.Subject += " from " + value
	c.add(r)
}

// secret adds a secret and sets its source.
func (c *collector) secret(s *Spec) {
	id := s.Get("id")
	if c.secrets == nil {
		c.secrets = map[string]int{}
	}
	c.secrets[id] = len(c.requests)
	r := grants.Request{
		Kind: grants.Secret, Value: id, Subject: "secret " + id, Position: s.Position, By: s.Flag, Optional: s.Optional,
		Hint: "provide it with --secret " + text.Quote("id="+id+",src=FILE"),
	}
	if s.Flag == "" && s.Path == "" && s.Get("env") == "" {
		// Without a source, buildx would use a variable or else a file with the
		// name of the secret.
		s.Fields = append(s.Fields, "env="+id)
		r.Subject += " from the environment variable " + id
		r.Or = []grants.Grant{{Kind: grants.Env, Value: id}}
		c.add(r)
		return
	}
	if name := s.Get("env"); name != "" {
		r.Subject += " from the environment variable " + name
		r.Kind, r.Value, r.Or = grants.Env, name, []grants.Grant{{Kind: grants.Secret, Value: id}}
		c.add(r)
		return
	}
	file := s.File()
	if file == "" {
		c.add(r)
		return
	}
	r.Subject += " from"
	c.file(file, r)
}

// ssh adds an agent, or keys and sockets.
func (c *collector) ssh(s SSH) {
	r := grants.Request{Kind: grants.SSH, Value: s.ID, Position: s.Position, By: s.Flag}
	if len(s.Paths) == 0 {
		r.Subject, r.Hint = "ssh "+s.ID+", your SSH agent", "--ssh "+text.Quote(s.ID)
		r.Entitlements = []string{string(grants.SSH)}
		c.add(r)
	}
	for _, path := range s.Paths {
		r.Subject, r.Hint = "ssh "+s.ID+", the key or socket", "choose another with --ssh "+text.Quote(s.ID+"=FILE")
		c.file(path, r)
	}
}

// cache adds a cache. An inline cache requires no grant, because it is part of
// the image.
func (c *collector) cache(kind, access grants.Kind, s Spec, push bool) {
	if s.Get("type") == "inline" {
		return
	}
	r := grants.Request{
		Kind: kind, Value: s.String(), Subject: string(kind) + " " + s.String(), Position: s.Position, By: s.Flag,
		Hint: "choose the caches with --" + string(kind),
	}
	if r.By == "" && push && besideTags(s, c.e.Tags) {
		r.By = "--push to the same registry and namespace"
	}
	if s.Path != "" {
		if path, err := safefile.Real(s.Path); err == nil {
			r.Or = []grants.Grant{{Kind: access, Value: path}}
			r.Entitlements = []string{string(access) + "=" + path}
		}
	}
	c.add(r)
}

// plainFields are settings of a registry cache that affect neither its location
// nor the connection to the registry.
var plainFields = []string{"type", "ref", "mode", "compression", "compression-level", "force-compression", "oci-mediatypes", "image-manifest", "ignore-error"}

// besideTags reports whether a cache is in the registry and namespace (the
// first element of the path) of a tag that will be pushed.
func besideTags(s Spec, tags []string) bool {
	for _, f := range s.Fields {
		if name, _, _ := strings.Cut(f, "="); !slices.Contains(plainFields, name) {
			return false
		}
	}
	if s.Get("type") != "registry" {
		return false
	}
	own, err := namespace(s.Get("ref"))
	return err == nil && slices.ContainsFunc(tags, func(tag string) bool {
		pushed, err := namespace(tag)
		return err == nil && pushed == own
	})
}

// namespace returns the registry and the first element of the path of an image.
func namespace(image string) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(reference.Path(named), "/")
	return reference.Domain(named) + "/" + first, nil
}
