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
}

// ParseWorkspace reads an extpack.toml of a repository. file is its name in
// messages. It returns a [*diag.InvalidError] with every problem of the file.
func ParseWorkspace(file string, data []byte) (*WorkspaceFile, error) {
	r := newSettingsReader(file, data)
	root := r.root()
	if root == nil {
		return nil, r.list.Err()
	}
	if root.has("trust") {
		r.report(r.types, root.keyPosition("trust"), "[[trust]] is not supported in a workspace: a file of a repository cannot grant access").Hint = "move [[trust]] to extpack.toml in the configuration directory of docker"
		root.known = append(root.known, "trust")
	}
	t := root.child("workspace")
	root.unknown()
	switch {
	case t != nil:
	case len(r.list) > 0: // says more
		return nil, r.list.Err()
	default:
		r.report(r.types, r.whole(), "missing [workspace]").Hint = `write [workspace] with members = ["extensions/*"]`
		return nil, r.list.Err()
	}
	w := &WorkspaceFile{
		Position: t.position(),
		Members:  t.texts("members"), Exclude: t.texts("exclude"), Tags: t.texts("tags"), Targets: t.texts("targets"),
		Labels:      t.textMap("labels", func(key Entry) { r.checkOwnKey("label", key) }),
		Annotations: t.textMap("annotations", func(key Entry) { r.checkOwnKey("annotation", key) }),
	}
	if len(w.Members) == 0 && len(r.list) == 0 {
		r.report(r.types, t.position(), "members is required").Hint = `write members = ["extensions/*"]`
	}
	t.unknown()
	_, err := r.result()
	return w, err
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
