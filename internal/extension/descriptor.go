package extension

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
	"github.com/extpack/extpack/internal/safefile"
)

// Read reads extension.toml in dir. The list has all warnings and errors. If
// there are errors, it returns a nil descriptor and a [*diag.InvalidError].
func Read(dir string) (*Descriptor, diag.List, error) { return ReadAs(dir, "") }

// ReadAs is like Read for an extension whose version is specified elsewhere, as
// in release scripts: version, a result of [ParseVersion], replaces that of the
// file. "" keeps the version of the file.
func ReadAs(dir, version string) (*Descriptor, diag.List, error) {
	file := filepath.Join(dir, DescriptorFile)
	data, err := safefile.Read(dir, DescriptorFile, MaxSize)
	// BuildKit copies the link itself, and readers of a package do not follow
	// it.
	if info, statErr := os.Lstat(file); statErr == nil && info.Mode()&fs.ModeSymlink != 0 {
		err = errLink
	}
	if safefile.IsSystemFault(err) {
		return nil, nil, fmt.Errorf("reading %s: %w", file, safefile.Cause(err))
	}
	if err != nil {
		list := diag.List{unreadable(dir, file, err)}
		return nil, list, list.Err()
	}
	return parseAs(file, data, version)
}

// Parse is like Read for content in memory; file is its name in messages.
func Parse(file string, data []byte) (*Descriptor, diag.List, error) { return parseAs(file, data, "") }

func parseAs(file string, data []byte, version string) (*Descriptor, diag.List, error) {
	r := newReader(file, data)
	r.version = version
	var d *Descriptor
	if root := r.root(); root != nil {
		d = r.descriptor(root)
		if version != "" {
			d.Text = r.withVersion(root)
		}
		d.around = r.aroundVersion(root)
		r.list = d.Metadata.Extpack.Lint.Filter(filepath.Dir(file), r.list, nil)
	}
	list, err := r.result()
	if err != nil {
		return nil, list, err
	}
	return d, list, nil
}

// descriptor reads the tables of extension.toml. Its result is only used if it
// reports no error.
func (r *reader) descriptor(root *table) *Descriptor {
	d := &Descriptor{File: r.file}
	if e := root.required("api", rules.APIMissing); e != nil {
		d.API = r.checkAPI(e)
	}
	d.Info = r.info(root)
	d.Targets = r.targets(root, false)
	if metadata := root.child("metadata"); metadata != nil {
		d.Metadata = r.metadata(metadata, d.Info)
	}
	r.unsupported(root)
	root.unknown()
	return d
}

// required is like text for a required key.
func (t *table) required(name string, missing *rules.Rule) *Entry {
	t.needs(name)
	if !t.has(name) {
		d := t.r.report(missing, t.position(), "missing %s%s", name, t.in())
		d.Hint = missing.Fix
		if missing == rules.APIMissing {
			d.Edit = &diag.Edit{New: "api = \"0.10\"\n"}
		}
	}
	return t.text(name)
}

func (r *reader) info(root *table) Info {
	t := root.child("extension")
	root.needs("extension")
	if t == nil {
		if !root.has("extension") {
			r.report(rules.TableMissing, r.whole(), "missing [extension]").Hint = rules.TableMissing.Fix
		}
		return Info{}
	}
	info := Info{
		Description: t.plain("description"), Keywords: t.plains("keywords"),
		ExecEnv: t.plains("exec-env"), ClearEnv: t.flag("clear-env"), Licenses: r.licenses(t),
	}
	if e := t.required("id", rules.IDMissing); e != nil {
		info.ID = r.checkID(e)
	}
	if r.version != "" {
		info.Version, t.known = r.version, append(t.known, "version")
	} else if e := t.required("version", rules.VersionMissing); e != nil {
		info.Version = r.checkVersion(e)
	}
	if e := t.text("name"); e != nil && r.checkControl("name", e) {
		info.Name = e.Value
	}
	if e := t.text("homepage"); e != nil {
		r.checkHomepage(e)
		info.Homepage = e.Value
	}
	r.unsupportedInfo(t)
	t.unknown()
	return info
}

func (r *reader) licenses(extension *table) []License {
	var out []License
	for _, t := range extension.children("licenses") {
		l := License{Type: t.plain("type"), URI: t.plain("uri")}
		t.unknown()
		if cmp.Or(l.Type, l.URI) == "" {
			r.report(rules.LicenseEmpty, t.position(), "%s has neither type nor uri", t)
		}
		out = append(out, l)
	}
	return out
}

// metadata reads the free-form table. Other tools may use it, so of unknown keys
// above extpack only misspelt ones are reported.
func (r *reader) metadata(t *table, info Info) Metadata {
	var m Metadata
	m.IncludeFiles = r.checkPaths("include-files entry", t.texts("include-files"))
	if e := t.text("pre-package"); e != nil {
		r.report(rules.SettingIgnored, e.Position, "docker extpack does not run metadata.pre-package").Hint = "if you trust it and the package needs what it makes, run it before docker extpack"
	}
	if s := t.child("extpack"); s != nil {
		m.Extpack = r.settings(s, info)
	}
	t.otherCase()
	t.misspelt()
	return m
}

func (r *reader) settings(t *table, info Info) Settings {
	s := Settings{}
	if e := t.text("image"); e != nil {
		r.checkImage(e, info)
		s.Image = *e
	}
	s.Shared = r.checkPaths("shared entry", t.texts("shared"))
	s.Labels, s.LabelPositions = r.ownMap(t, "label")
	s.Annotations, s.AnnotationPositions = r.ownMap(t, "annotation")
	if t.flag("git") {
		s.Git = Flag{Set: true, Position: t.keyPosition("git")}
	}
	if b := t.child("build"); b != nil {
		s.Build = r.build(b)
	}
	if l := t.child("lint"); l != nil {
		s.Lint = r.exceptions(l)
	}
	if c := t.child("test"); c != nil {
		s.Test = r.test(c)
	}
	t.unknown()
	return s
}

func (r *reader) test(t *table) Test {
	var s Test
	for _, e := range []struct {
		name string
		to   *Entry
	}{{"builder-image", &s.BuilderImage}, {"build-image", &s.BuildImage}, {"run-image", &s.RunImage}, {"lifecycle", &s.Lifecycle}} {
		if found := t.text(e.name); found != nil && r.checkControl(e.name, found) {
			*e.to = *found
		}
	}
	if e := t.text("cases"); e != nil {
		if checked := r.checkPaths("cases folder", []Entry{*e}); len(checked) == 1 {
			s.Cases = checked[0]
		}
	}
	t.unknown()
	return s
}

// ReservedPrefix is the prefix of labels of the Cloud Native Buildpacks
// project, which builders and lifecycles read, and docker extpack writes.
const ReservedPrefix = "io.buildpacks."

// ownMap reads the labels or annotations of a table, which are called what, and
// the positions of their names.
func (r *reader) ownMap(t *table, what string) (values map[string]string, positions map[string]diag.Position) {
	positions = map[string]diag.Position{}
	values = t.textMap(what+"s", func(key Entry) {
		r.checkOwnKey(what, key)
		positions[key.Value] = key.Position
	})
	return values, positions
}

func (r *reader) checkOwnKey(what string, key Entry) {
	r.checkKey(what, key)
	if strings.HasPrefix(key.Value, ReservedPrefix) {
		r.report(rules.Setting, key.Position, "%s %s: names that begin with %q are reserved", what, quote(key.Value), ReservedPrefix)
	}
}

func (r *reader) checkKey(what string, key Entry) {
	if key.Value == "" {
		r.report(rules.Setting, key.Position, "%s without a name", what)
	}
	r.checkControl(what, &key)
}
