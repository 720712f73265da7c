package bake

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/extpack/extpack/hcl"
	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/plan"
)

const (
	// buildSuffix is appended to the name of a target for the target of its
	// build stage.
	buildSuffix = "-build"
	// rootContext is the named context with the files of a build stage.
	rootContext = "root"
)

// usesStage reports whether the files of an image of t come from a build stage.
func (t Target) usesStage() bool {
	return slices.ContainsFunc(t.Images, func(i int) bool { return t.Extension.Images[i].NeedsBuild() })
}

// dockerfile returns the Dockerfile of the build stage of t, which is not joined.
func (t Target) dockerfile() string { return t.Extension.Images[t.Images[0]].Dockerfile }

// stageLines copy a build stage into the package. Entry points are copied again
// to make them executable. They are patterns because a stage may lack one of
// them, or both. suffix is that of the names of the stage and its context.
func stageLines(suffix string) string {
	return "COPY " + partCopy + " " + partExclude + " --from=stage" + suffix + " /stage ${DEST}/\n" +
		"COPY --chown=0:0 --chmod=0755 --from=" + rootContext + suffix + " /bi[n]/detec[t] /bi[n]/generat[e] ${DEST}/bin/\n"
}

// stageLayers is the number of layers of stageLines.
const stageLayers = 2

// freshArg is the argument that differs in every build with a no-cache-filter.
// BuildKit builds such a stage again, and finds what follows it in the cache by
// its definition, with the old content, unless the definition differs.
const freshArg = "FRESH"

// osVersionArg is the argument with the os.version of a platform (Dockerfile
// reference, "Automatic platform ARGs in the global scope").
const osVersionArg = "TARGETOSVERSION"

// fresh is the value of freshArg in the files of an engine.
var fresh = sync.OnceValue(func() string { return time.Now().UTC().Format(time.RFC3339Nano) })

// isFresh reports whether a stage of t is built again every time.
func (t Target) isFresh() bool { return t.usesStage() && len(t.Extension.Build.NoCacheFilter) > 0 }

// freshValue returns the value of freshArg.
func (w *fileWriter) freshValue() hcl.Value {
	if w.public {
		return hcl.Expr("timestamp()")
	}
	return hcl.Text(fresh())
}

// stageFolder is a stage that moves the built files into a folder, because COPY
// --exclude preserves symbolic links below a folder but not at a root (see
// content.Step.Links).
func (d *dockerfile) stageFolder(t Target) {
	comment := "\n# The files of the build stage. COPY --exclude preserves symbolic links below a folder, not at a root."
	for _, suffix := range t.stageSuffixes() {
		d.WriteString(comment + "\nFROM scratch AS stage" + suffix + "\n")
		if t.isFresh() {
			d.WriteString("# The cache does not know this folder, so that it compares files, which may be new.\n" +
				"ARG " + freshArg + "\nWORKDIR /fresh/${" + freshArg + "}\n")
		}
		d.WriteString("COPY --from=" + rootContext + suffix + " / /stage/\n")
		comment = ""
	}
}

// writeStage writes the target that builds the stage of t.
func (w *fileWriter) writeStage(t Target) error {
	e := t.Extension
	context, err := w.contextOf(e)
	if err != nil {
		return err
	}
	w.Newline()
	if t.linked {
		w.Comment("The build stage whose files are packed for " + matrix(t) + ".")
	} else {
		w.Comment("The build stage whose files are packed, for each platform.")
	}
	b := w.Block("target", t.Name+buildSuffix)
	b.String("context", context)
	if !content.CheckName(t.dockerfile()) {
		return diag.WithHint(diag.Invalidf("the path %q cannot be written to a bake file unchanged", t.dockerfile()), "rename the file")
	}
	// Clean would break "cwd://…", which bake resolves outside the extension.
	b.String("dockerfile", filepath.ToSlash(filepath.Clean(t.dockerfile())))
	if stage := e.Images[t.Images[0]].Stage; stage != "" {
		b.String("target", stage)
	}
	args := maps.Clone(e.Build.Args)
	if _, given := args["SOURCE_DATE_EPOCH"]; !given && !isGitFolder(e) {
		args["SOURCE_DATE_EPOCH"] = "0"
	}
	if _, given := args[osVersionArg]; !given && !t.linked && len(w.osVersions(e)) > 0 {
		args[osVersionArg] = "" // as in docker extpack build, which adds the os.version later
	}
	b.Map("args", args)
	if err := w.writeContexts(b, e.Build.Contexts); err != nil {
		return err
	}
	if err := w.writeSpecs(b, "secret", e.Build.Secrets); err != nil {
		return err
	}
	if err := w.writeSSH(b, e.Build.SSH); err != nil {
		return err
	}
	if err := w.writeLimits(b, e.Build); err != nil {
		return err
	}
	if len(e.Build.AddHosts) > 0 {
		hosts := map[string]string{}
		for _, h := range e.Build.AddHosts {
			hosts[h.Name] = h.Address
		}
		b.Comment("Before 0.25, buildx ignores these.")
		b.Map("extra-hosts", hosts)
	}
	if err := w.writeSpecs(b, "cache-from", t.cachesFrom()); err != nil {
		return err
	}
	if err := w.writePlatforms(b, t); err != nil {
		return err
	}
	b.Strings("output", []string{"type=cacheonly"})
	b.Strings("attest", []string{"type=provenance,disabled=true"})
	return w.writeStageMatrix(t)
}

// writeLimits writes how the steps of a stage run. A second build takes all steps
// from the cache.
func (w *fileWriter) writeLimits(b hcl.Body, build *plan.Build) error {
	if build.Network != "" {
		b.String("network", build.Network)
	}
	if build.ShmSize != "" {
		b.String("shm-size", build.ShmSize)
	}
	if len(build.Ulimits) > 0 {
		b.Strings("ulimits", build.Ulimits)
	}
	if w.cached {
		return nil
	}
	if len(build.NoCacheFilter) > 0 {
		b.Strings("no-cache-filter", build.NoCacheFilter)
	}
	if build.Pull {
		return b.Expr("pull", "true")
	}
	return nil
}

// writeStageMatrix writes the target that builds the stage for one platform.
func (w *fileWriter) writeStageMatrix(t Target) error {
	variable := w.matrices[t.Name]
	if variable == "" {
		return nil
	}
	w.Newline()
	b := w.Block("target", t.Name+buildSuffix+platformSuffix)
	if err := b.ExprMap("matrix", "platform", `split(",", `+variable+`)`); err != nil {
		return err
	}
	if err := b.Expr("name", `"`+matrixName(t)+buildSuffix+`"`); err != nil {
		return err
	}
	b.Strings("inherits", []string{t.Name + buildSuffix})
	return b.Expr("platforms", "["+w.platformExpr(t.Extension, "platform")+"]")
}

func (w *fileWriter) writeContexts(b hcl.Body, contexts map[string]string) error {
	if len(contexts) == 0 {
		return nil
	}
	all := map[string]string{}
	for name, value := range contexts {
		all[name] = value
		prefix, path, ok := plan.ContextPath(value)
		if !ok {
			continue
		}
		rel, err := w.context(path)
		if err != nil {
			return err
		}
		all[name] = prefix + rel
	}
	b.Map("contexts", all)
	return nil
}

// cacheName is the setting that distinguishes caches in one store, by type. The
// default is always "buildkit" (BuildKit, cache/remotecache).
var cacheName = map[string]string{"gha": "scope", "s3": "name", "azblob": "name"}

// caches returns the cache settings of a target. Targets other than the main
// one of an extension use separate caches, because the last of several writers
// would overwrite the others.
func (t Target) caches(specs []plan.Spec) []plan.Spec {
	if t.shared() {
		return specs
	}
	own := strings.TrimPrefix(t.Name, baseName(t.Extension))
	var out []plan.Spec
	for _, s := range specs {
		s.Fields = slices.Clone(s.Fields)
		for i, field := range s.Fields {
			key, value, _ := strings.Cut(field, "=")
			switch {
			case key == "ref" && strings.Contains(value, "@"):
				// A cache by digest cannot have a suffix.
			case key == "ref" && strings.Contains(value[strings.LastIndex(value, "/")+1:], ":"):
				s.Fields[i] += own
			case key == "ref":
				s.Fields[i] += ":" + strings.TrimPrefix(own, "-")
			case key == "scope", key == "name":
				// s3 and azblob support several names.
				s.Fields[i] = strings.ReplaceAll(field, ";", own+";") + own
			}
		}
		if key := cacheName[s.Get("type")]; key != "" && s.Get(key) == "" {
			s.Fields = append(s.Fields, key+"=buildkit"+own)
		}
		if s.Path != "" {
			s.Path = filepath.Join(s.Path, strings.TrimPrefix(own, "-"))
		}
		out = append(out, s)
	}
	return out
}

// cachesFrom returns the caches that a target reads: those that were specified,
// which may be published images with inline caches, and its separate ones.
func (t Target) cachesFrom() []plan.Spec {
	if t.shared() || t.linked {
		return t.Extension.CacheFrom
	}
	return append(slices.Clone(t.Extension.CacheFrom), t.caches(t.Extension.CacheFrom)...)
}

// cacheArgs returns the flags that set a separate cache for a target that
// builds one platform of the main target on a different node. In the file it
// uses the cache of the main target.
func cacheArgs(t Target) []string {
	if t.shared() {
		return nil
	}
	var args []string
	for _, s := range t.cachesFrom() {
		args = append(args, "--set", t.Name+".cache-from="+s.String())
		if t.usesStage() {
			args = append(args, "--set", t.Name+buildSuffix+".cache-from="+s.String())
		}
	}
	for _, s := range t.caches(t.Extension.CacheTo) {
		args = append(args, "--set", t.Name+".cache-to="+s.String())
	}
	return args
}

func (w *fileWriter) writeSSH(b hcl.Body, forwarded []plan.SSH) error {
	var all []string
	for _, s := range forwarded {
		var paths []string
		for _, path := range s.Paths {
			rel, err := w.context(path)
			if err != nil {
				return err
			}
			paths = append(paths, rel)
		}
		all = append(all, plan.SSH{ID: s.ID, Paths: paths}.String())
	}
	if len(all) > 0 {
		b.Strings("ssh", all)
	}
	return nil
}

func (w *fileWriter) writeSpecs(b hcl.Body, name string, specs []plan.Spec) error {
	if len(specs) == 0 {
		return nil
	}
	var all []string
	for _, s := range specs {
		path := s.Path
		if path != "" {
			var err error
			if path, err = w.context(path); err != nil {
				return err
			}
		}
		all = append(all, s.Text(path))
	}
	b.Strings(name, all)
	return nil
}
