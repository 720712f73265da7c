package differential_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/extpack/extpack/internal/extension"
)

// FuzzDescriptor compares the reader of extension.toml with pack's: what is
// accepted here pack accepts, and it reads the same id, version and api.
func FuzzDescriptor(f *testing.F) {
	for _, s := range []string{
		"api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.2.3\"\n",
		"api = \"0.10\"\n[extension]\nid = \"a/b\"\nID = \"c\"\nversion = \"1.2.3\"\n",
		"api = \"0.10\"\n[extension]\nid = \"a/b\"\nversion = \"1.2.3\"\nkeywords = [\"x\"]\n[[extension.licenses]]\ntype = \"MIT\"\n[[targets]]\nos = \"linux\"\narch = \"amd64\"\n",
		"\uFEFFapi = '0.9'\nextension = {id = \"x\", version = \"0.0.1\", \"clear-env\" = true}\n[metadata.x]\ny = 1979-05-27\n",
		"api = \"\"\"0.10\"\"\"\nextension.id = \"a\"\nextension.version = \"1.0.0\"\nextension.exec-env = []\n",
	} {
		f.Add([]byte(s))
	}
	pack, dir := startReader(f), f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 512 {
			t.Skip("minimizing takes runs in the square of the length")
		}
		d, _, err := extension.Parse("extension.toml", data)
		if err != nil {
			return
		}
		if err := os.WriteFile(filepath.Join(dir, "extension.toml"), data, 0o644); err != nil {
			t.Fatal(err)
		}
		got := pack.read(t, dir)
		if got.Error != "" || got.ID != d.Info.ID || got.Version != d.Info.Version {
			t.Errorf("%q is read as %s, pack reads %+v", data, d.Info, got)
		}
	})
}
