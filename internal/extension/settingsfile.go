package extension

import (
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
)

// settingsRules are the rules in findings of extpack.toml. They are not in the
// catalogue: "docker extpack lint" does not read these files.
var settingsRules = struct{ value, unknown *rules.Rule }{
	value:   &rules.Rule{ID: "settings", Severity: diag.Error},
	unknown: &rules.Rule{ID: "settings-key", Severity: diag.Error},
}

// WorkspaceFile is an extpack.toml of a repository, with positions.
type WorkspaceFile struct {
	// Position is that of [workspace].
	Position                        diag.Position
	Members, Exclude, Tags, Targets []Entry
	Labels, Annotations             map[string]string
	// LabelPositions and AnnotationPositions are the positions of the names.
	LabelPositions, AnnotationPositions map[string]diag.Position
}

// ParseWorkspace reads an extpack.toml of a repository. file is its name in
// messages. It returns a [*diag.InvalidError] with every problem of the file.
func ParseWorkspace(file string, data []byte) (*WorkspaceFile, error) {
	r := newSettingsReader(file, data)
	root := r.root()
	if root == nil {
		return nil, r.list.Err()
	}
	w := r.workspace(root)
	_, err := r.result()
	return w, err
}

// workspace reads an extpack.toml of a repository. Its result is only used if it
// reports no error.
func (r *reader) workspace(root *table) *WorkspaceFile {
	root.needs("workspace")
	if root.has("trust") {
		r.report(r.types, root.keyPosition("trust"), "[[trust]] is not supported in a workspace: a file of a repository cannot grant access").Hint = "move [[trust]] to extpack.toml in the configuration directory of docker"
		root.known = append(root.known, "trust")
	}
	t := root.child("workspace")
	root.unknown()
	if t == nil {
		if len(r.list) == 0 { // else it says more
			r.report(r.types, r.whole(), "missing [workspace]").Hint = `write [workspace] with members = ["extensions/*"]`
		}
		return nil
	}
	w := &WorkspaceFile{
		Position: t.position(),
		Members:  r.oneLine("member", t.texts("members")), Exclude: r.oneLine("exclude", t.texts("exclude")),
		Tags: r.oneLine("tag", t.texts("tags")), Targets: r.oneLine("target", t.texts("targets")),
	}
	for i := range w.Members {
		r.checkLength("member", &w.Members[i])
	}
	w.Labels, w.LabelPositions = r.ownMap(t, "label")
	w.Annotations, w.AnnotationPositions = r.ownMap(t, "annotation")
	t.needs("members")
	if len(w.Members) == 0 && len(r.list) == 0 {
		r.report(r.types, t.position(), "members is required").Hint = `write members = ["extensions/*"]`
	}
	t.unknown()
	return w
}

// TrustEntry is one [[trust]] of the user's extpack.toml, with positions.
type TrustEntry struct {
	Directory Entry
	// Allow is nil if there is no list.
	Allow []Entry
}

// ParseTrust reads the user's extpack.toml. file is its name in messages. It
// returns a [*diag.InvalidError] with every problem of the file.
func ParseTrust(file string, data []byte) ([]TrustEntry, error) {
	r := newSettingsReader(file, data)
	root := r.root()
	if root == nil {
		return nil, r.list.Err()
	}
	var all []TrustEntry
	for _, t := range root.children("trust") {
		e := TrustEntry{Directory: Entry{Position: t.position()}, Allow: t.texts("allow")}
		if found := t.text("directory"); found != nil {
			e.Directory = *found
		}
		t.unknown()
		all = append(all, e)
	}
	root.unknown()
	_, err := r.result()
	return all, err
}

func newSettingsReader(file string, data []byte) *reader {
	r := newReader(file, data)
	r.syntax, r.types, r.unknown = settingsRules.value, settingsRules.value, settingsRules.unknown
	return r
}
