package plan

import (
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/layer"
)

func TestCompression(t *testing.T) {
	t.Parallel()
	declared := "[metadata.extpack.build]\ncompression = \"zstd\"\ncompression-level = 9\n"
	for name, c := range map[string]struct {
		toml string
		opts Options
		want layer.Compression
		err  string
	}{
		"default":       {"", Options{}, layer.Compression{}, ""},
		"declared":      {declared, Options{}, layer.Compression{Name: layer.Zstd, Level: 9, HasLevel: true}, ""},
		"flag":          {declared, Options{Compression: "gzip"}, layer.Compression{Name: layer.Gzip}, ""},
		"level":         {declared, Options{CompressionLevel: "1"}, layer.Compression{Name: layer.Zstd, Level: 1, HasLevel: true}, ""},
		"level of gzip": {"", Options{CompressionLevel: "0"}, layer.Compression{HasLevel: true}, ""},
		"wrong name":    {"", Options{Compression: "xz"}, layer.Compression{}, `--compression: compression "xz" is not supported`},
		"wrong level":   {strings.Replace(declared, "9", "23", 1), Options{}, layer.Compression{}, "extension.toml:11:21: [metadata.extpack.build]: compression level 23 is not supported: zstd has 0 to 22"},
		"no number":     {"", Options{CompressionLevel: "high"}, layer.Compression{}, `--compression-level "high" is not a number`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := extensionDir(t, target("linux", "amd64", "")+c.toml, files{"bin/detect": entryPoint, "bin/generate": entryPoint})
			p, _, err := New(t.Context(), []string{dir}, c.opts)
			switch {
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want %s", err, c.err)
			case c.err == "" && err != nil:
				t.Error(err)
			case c.err == "" && (p.Extensions[0].Compression != c.want || p.Extensions[0].NeedsBuild()):
				t.Errorf("%+v", p.Extensions[0].Compression)
			}
		})
	}
}
