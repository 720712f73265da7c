package exttest

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/safefile"
)

// writeContext writes the files that the detector reads: the application, the
// platform directory, the order, the test buildpack and analyzed.toml.
func (r *run) writeContext(dir string) error {
	if err := r.copyApp(filepath.Join(dir, "app")); err != nil {
		return err
	}
	files := map[string][]byte{
		"root" + testBuildpackDir + "/buildpack.toml": []byte("api = \"0.10\"\n[buildpack]\nid = \"" + testBuildpackID + "\"\nversion = \"1.0.0\"\n[[targets]]\n"),
		"root" + testBuildpackDir + "/bin/detect":     []byte(fmt.Sprintf(copyScript, "$CNB_BUILDPACK_DIR/plan.toml", "$CNB_BUILD_PLAN_PATH")),
		"root" + testBuildpackDir + "/bin/build":      []byte("#!/bin/sh\n"),
		"root" + recorderDir + "/extension.toml":      []byte("api = \"0.10\"\n[extension]\nid = \"" + recorderID + "\"\nversion = \"1.0.0\"\n"),
		"root" + recorderDir + "/bin/generate":        []byte(fmt.Sprintf(copyScript, "/layers/plan.toml", ownDir+"/out/plan.toml")),
	}
	plan := map[string]any{}
	if len(r.test.Requires) > 0 {
		plan["requires"] = r.test.Requires
	}
	for name, value := range map[string]any{
		"root" + testBuildpackDir + "/plan.toml": plan,
		"root" + ownDir + "/order.toml":          r.orderTOML(),
		"layers/analyzed.toml":                   r.analyzedTOML(),
	} {
		data, err := toml.Marshal(value)
		if err != nil {
			return fmt.Errorf("writing %s: %w", path.Base(name), err)
		}
		files[name] = data
	}
	for name, value := range r.test.Env {
		files["root/platform/env/"+name] = []byte(value)
	}
	if err := os.MkdirAll(filepath.Join(dir, "root", "platform", "env"), 0o755); err != nil {
		return fmt.Errorf("creating temporary folder: %w", err)
	}
	for name, data := range files {
		mode := fs.FileMode(0o644)
		if path.Base(path.Dir(name)) == "bin" {
			mode = 0o755
		}
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("creating temporary folder: %w", err)
		}
		if err := os.WriteFile(name, data, mode); err != nil {
			return fmt.Errorf("writing the context of a test: %w", err)
		}
	}
	return nil
}

// copyScript copies a file with what the shell itself has.
const copyScript = `#!/bin/sh
while IFS= read -r line; do
	printf '%%s\n' "$line"
done <"%s" >"%s"
`

// copyApp copies the application of a case.
func (r *run) copyApp(to string) error {
	app := r.test.App
	if app.Value == "" {
		return os.MkdirAll(to, 0o755)
	}
	name, err := r.subject.below(r.test, app)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(r.subject.Dir)
	if err != nil {
		return fmt.Errorf("reading %s: %w", r.subject.Dir, err)
	}
	defer root.Close()
	err = copyTree(root, name, to)
	if diag.IsInvalid(err) {
		var list diag.List
		list.Errorf(app.Position, "app %q: %v", app.Value, err)
		return list.Err()
	}
	return err
}

// check returns what is wrong with the directories that cases name.
func (s *Subject) check() diag.List {
	var list diag.List
	for i := range s.Cases {
		test := &s.Cases[i]
		if _, err := s.below(test, test.App); test.App.Value != "" && err != nil {
			list = append(list, diag.Of(err)...)
		} else if test.App.Value != "" && !s.isDir(test, test.App) {
			list.Errorf(test.App.Position, "app %q is not a directory of the extension", test.App.Value)
		}
		if golden := test.Golden; golden.Value != "" {
			switch _, err := s.below(test, golden); {
			case err != nil:
				list = append(list, diag.Of(err)...)
			case !within(filepath.Dir(test.File), s.path(test, golden)):
				list.Errorf(golden.Position, "golden %q is not below the directory of this file", golden.Value)
			case test.App.Value != "" && overlap(s.path(test, test.App), s.path(test, golden)):
				list.Errorf(golden.Position, "golden %q and app %q are the same directory, or one is in the other", golden.Value, test.App.Value)
			}
		}
	}
	return list
}

// within reports whether name is strictly below dir.
func within(dir, name string) bool {
	rel, err := filepath.Rel(dir, name)
	return err == nil && rel != "." && filepath.IsLocal(rel)
}

func overlap(a, b string) bool { return a == b || within(a, b) || within(b, a) }

// path returns the path of a file that a case names.
func (s *Subject) path(test *extension.TestCase, e extension.Entry) string {
	return filepath.Join(filepath.Dir(test.File), filepath.FromSlash(e.Value))
}

// isDir reports whether a case names a directory below that of the extension.
func (s *Subject) isDir(test *extension.TestCase, e extension.Entry) bool {
	name, err := s.below(test, e)
	if err != nil {
		return false
	}
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return false
	}
	defer root.Close()
	info, err := root.Stat(name)
	return err == nil && info.IsDir()
}

// below returns the path of a file that a case names, relative to the directory
// of the extension.
func (s *Subject) below(test *extension.TestCase, e extension.Entry) (string, error) {
	rel, inside, err := safefile.Below(s.Dir, s.path(test, e))
	if err != nil {
		return "", err
	}
	if s.Dir == "" || !inside {
		var list diag.List
		list.Errorf(e.Position, "%q is outside the directory of the extension", e.Value)
		return "", list.Err()
	}
	return rel, nil
}

// copyTree copies the directory name below root, with modes and links.
func copyTree(root *os.Root, name, to string) error {
	sub, err := root.OpenRoot(name)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	defer sub.Close()
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("creating temporary folder: %w", err)
	}
	dst, err := os.OpenRoot(to)
	if err != nil {
		return fmt.Errorf("creating temporary folder: %w", err)
	}
	defer dst.Close()
	return fs.WalkDir(sub.FS(), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		local := filepath.FromSlash(file)
		switch {
		case d.IsDir():
			return dst.Mkdir(local, info.Mode().Perm()|0o700)
		case d.Type()&fs.ModeSymlink != 0:
			target, err := sub.Readlink(local)
			if err != nil {
				return err
			}
			return dst.Symlink(target, local)
		case !d.Type().IsRegular():
			return diag.Invalidf("%s: %s is neither a file, a directory nor a link", name, file)
		}
		return copyFile(sub, dst, local, info.Mode().Perm())
	})
}

// orderTOML is the order of a builder with the extensions of the case and the
// test buildpack. The first extension records the plan, from which the
// lifecycle removes what extensions provide.
func (r *run) orderTOML() map[string]any {
	extensions := []map[string]any{{"id": recorderID, "version": "1.0.0"}}
	for _, o := range r.order {
		extensions = append(extensions, map[string]any{"id": o.ID, "version": o.Version})
	}
	return map[string]any{
		"order":            []any{map[string]any{"group": []any{map[string]any{"id": testBuildpackID, "version": "1.0.0"}}}},
		"order-extensions": []any{map[string]any{"group": extensions}},
	}
}

// analyzedTOML is what the analyzer would write (Platform Interface
// Specification, "analyzed.toml (TOML)").
func (r *run) analyzedTOML() map[string]any {
	config := r.runImage.config
	target := map[string]any{"os": config.OS, "arch": config.Architecture}
	if config.Variant != "" {
		target["arch-variant"] = config.Variant
	}
	if id := config.Labels[labelTargetID]; id != "" {
		target["id"] = id
	}
	if d := r.distro(); d.Name != "" || d.Version != "" {
		target["distro"] = map[string]any{"name": d.Name, "version": d.Version}
	}
	return map[string]any{"run-image": map[string]any{"reference": r.runImage.ref, "image": r.runImage.name, "target": target}}
}
