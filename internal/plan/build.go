package plan

import (
	"errors"
	"maps"
	"slices"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/safefile"
)

// Build is the configuration of the build stages that are platform roots.
type Build struct {
	Args map[string]string
	// Contexts are in buildx's form. Like Extension.Dir, paths of folders are
	// relative to the working directory.
	Contexts map[string]string
	Secrets  []Spec
	SSH      []SSH
	Network  string
	AddHosts []Host
	// Pull, NoCacheFilter, ShmSize and Ulimits are those of docker buildx build.
	Pull          bool
	NoCacheFilter []string
	ShmSize       string
	Ulimits       []string
	// Given are the contexts that were specified with a flag.
	Given map[string]bool
}

// Host is an entry of the hosts file of build steps.
type Host struct {
	Name, Address string
	Position      diag.Position
	// Flag is the flag that the host is from, or empty.
	Flag string
}

// NeedsBuild reports whether the platform root of the image is a build stage,
// whose files are known only after a build.
func (i Image) NeedsBuild() bool { return i.Dockerfile != "" }

// NeedsBuild reports whether any image needs a builder.
func (e *Extension) NeedsBuild() bool { return slices.ContainsFunc(e.Images, Image.NeedsBuild) }

// NeedsBuild reports whether any extension needs a builder.
func (p *Plan) NeedsBuild() bool { return slices.ContainsFunc(p.Extensions, (*Extension).NeedsBuild) }

// ErrNeedsBuild is returned for a package that requires a builder.
var ErrNeedsBuild = errors.New("its build stage requires a builder")

// caches sets both kinds of caches.
func (e *Extension) caches(list *diag.List, opts Options) {
	var table extension.Build
	if t := e.Descriptor.Metadata.Extpack.Build; t != nil {
		table = *t
	}
	e.CacheFrom = caches(e, list, table.CacheFrom, "src", "--cache-from", opts.CacheFrom)
	e.CacheTo = caches(e, list, table.CacheTo, "dest", "--cache-to", opts.CacheTo)
}

// checkUsed warns of flags for build stages if there are none.
func (o Options) checkUsed(list *diag.List, extensions []*Extension) {
	given := len(o.Args)+len(o.Contexts)+len(o.Secrets)+len(o.SSH)+len(o.NoCacheFilter)+len(o.Ulimits)+len(o.AddHosts) > 0 || o.Pull || o.ShmSize+o.Network != ""
	if given && len(extensions) > 0 && !slices.ContainsFunc(extensions, (*Extension).NeedsBuild) {
		list.Warnf(diag.Position{}, "--build-arg, --build-context, --secret, --ssh, --network, --pull, --no-cache-filter, --shm-size, --ulimit and --add-host have no effect, because no target has a build stage")
	}
}

// buildPlanner reads the [metadata.extpack.build] table and the flags that
// override it.
type buildPlanner struct {
	dir   string
	table *extension.Build
	list  *diag.List
	// stages are the Dockerfiles and stages that were checked.
	stages map[string]bool
}

// hasStage reports whether there is a stage to build. An extension without a
// Dockerfile may have caches too.
func (p *buildPlanner) hasStage() bool {
	if p.table.HasStage() {
		return true
	}
	err := safefile.Check(p.dir, defaultDockerfile)
	return err == nil || errors.Is(err, safefile.ErrOutside)
}

// build returns the configuration of build stages, or nil if the descriptor has
// none.
func (p *buildPlanner) build(opts Options) *Build {
	if !p.hasStage() {
		return nil
	}
	p.checkStrings(opts)
	b := &Build{
		Network: p.table.Network.Value, Contexts: map[string]string{}, Given: map[string]bool{},
		Args: merge(p.table.Args, opts.Args),
	}
	for _, name := range slices.Sorted(maps.Keys(p.table.Contexts)) {
		if _, given := opts.Contexts[name]; !given {
			b.Contexts[name] = p.context(p.table.ContextPositions[name], "context "+name, p.table.Contexts[name], p.dir)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(opts.Contexts)) {
		value := opts.Contexts[name]
		b.Contexts[name], b.Given[name] = p.context(diag.Position{}, "--build-context "+name, value, "."), true
	}
	for _, e := range p.table.Secrets {
		secret, err := parseDeclared(e.Value)
		if err != nil {
			p.list.Errorf(e.Position, "secret %q: %v", e.Value, err)
			continue
		}
		secret.Path, secret.Position = fromSpec(p.dir, secret.Path), e.Position
		if !slices.ContainsFunc(opts.Secrets, func(s Spec) bool { return s.Get("id") == secret.Get("id") }) {
			b.Secrets = append(b.Secrets, secret)
		}
	}
	b.Secrets = append(b.Secrets, opts.Secrets...)
	for _, e := range p.table.SSH {
		if len(opts.SSH) > 0 {
			break
		}
		b.SSH = append(b.SSH, p.ssh(e.Position, e.Value, p.dir))
	}
	for _, text := range opts.SSH {
		s := p.ssh(diag.Position{}, text, ".")
		s.Flag = "--ssh"
		b.SSH = append(b.SSH, s)
	}
	b.AddHosts = p.hosts(opts.AddHosts)
	if opts.Network != "" {
		b.Network = opts.Network
	}
	b.Pull = p.table.Pull || opts.Pull
	b.NoCacheFilter = p.checked(p.table.NoCacheFilter, "no-cache-filter", opts.NoCacheFilter, checkStageName)
	b.Ulimits = p.checked(p.table.Ulimits, "ulimit", opts.Ulimits, checkUlimit)
	shmSize := []extension.Entry{p.table.ShmSize}
	if p.table.ShmSize.Value == "" {
		shmSize = nil
	}
	var given []string
	if opts.ShmSize != "" {
		given = []string{opts.ShmSize}
	}
	if sizes := p.checked(shmSize, "shm-size", given, checkSize); len(sizes) > 0 {
		b.ShmSize = sizes[0]
	}
	p.checkTargets()
	return b
}

// checkStrings reports arguments and names of stages that a bake file would
// change.
func (p *buildPlanner) checkStrings(opts Options) {
	p.checkForm(p.table.Stage.Position, "stage", p.table.Stage.Value)
	for _, name := range slices.Sorted(maps.Keys(p.table.Targets)) {
		p.checkForm(p.table.TargetPositions[name], "stage", p.table.Targets[name])
	}
	for _, name := range slices.Sorted(maps.Keys(opts.Args)) {
		p.checkForm(diag.Position{}, "--build-arg", name, opts.Args[name])
	}
	for _, name := range slices.Sorted(maps.Keys(p.table.Args)) {
		p.checkForm(p.table.ArgPositions[name], "build argument", name, p.table.Args[name])
	}
}

// checkForm reports text of which one part would be changed by a bake file. The
// first part is named.
func (p *buildPlanner) checkForm(pos diag.Position, what string, parts ...string) {
	for _, part := range parts {
		if !content.CheckName(part) {
			p.list.Errorf(pos, "%s %q "+decomposed, what, parts[0]).Hint = composeIt
			return
		}
	}
}

const decomposed, composeIt = "is not in Unicode normalisation form C, which bake files require", "write it in that form"

func fromSpec(base, name string) string {
	if name == "" {
		return ""
	}
	return from(base, name)
}

// caches parses cache settings: those of flags, which are relative to the
// working directory, or else those of the descriptor. Placeholders are expanded
// before parsing, so that the validated setting is the one that buildx
// receives.
func caches(e *Extension, list *diag.List, declared []extension.Entry, key, flag string, flags []string) []Spec {
	read := func(text, base string) (Spec, error) {
		expanded, err := e.Descriptor.Info.Expand(text)
		if err != nil {
			return Spec{}, err
		}
		s, err := ParseCache(expanded, key)
		s.Path = fromSpec(base, s.Path)
		return s, err
	}
	var out []Spec
	for _, text := range flags {
		s, err := read(text, ".")
		if err != nil {
			list.Errorf(diag.Position{}, "%s %q %v", flag, text, err)
		}
		s.Flag = flag
		out = append(out, s)
	}
	if len(flags) > 0 {
		return out
	}
	for _, entry := range declared {
		s, err := read(entry.Value, e.Dir)
		if err != nil {
			list.Errorf(entry.Position, "cache %q: %v", entry.Value, err)
		}
		s.Position = entry.Position
		out = append(out, s)
	}
	return out
}
