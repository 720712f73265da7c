package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	homepage    = "https://github.com/extpack/extpack"
	description = "Build and publish buildpacks image extensions for several platforms"
)

// url returns where a file of a release is downloaded.
func (r *release) url(name string) string {
	return homepage + "/releases/download/" + r.version + "/" + name
}

// formula writes the Homebrew formula for the platforms of this release.
func (r *release) formula(sums map[string]string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "class DockerExtpack < Formula\n  desc %q\n  homepage %q\n  version %q\n  license \"Apache-2.0\"\n",
		description, homepage, strings.TrimPrefix(r.version, "v"))
	for _, system := range []struct{ os, block string }{{"darwin", "on_macos"}, {"linux", "on_linux"}} {
		var inner strings.Builder
		for _, cpu := range []struct{ arch, block string }{{"arm64", "on_arm"}, {"amd64", "on_intel"}} {
			name := r.archiveName(platform{os: system.os, arch: cpu.arch})
			if sums[name] != "" {
				fmt.Fprintf(&inner, "    %s do\n      url %q\n      sha256 %q\n    end\n", cpu.block, r.url(name), sums[name])
			}
		}
		if inner.Len() > 0 {
			fmt.Fprintf(&b, "\n  %s do\n%s  end\n", system.block, inner.String())
		}
	}
	b.WriteString(`
  def install
    (lib/"docker/cli-plugins").install "docker-extpack"
    man1.install Dir["man/*.1"]
  end

  def caveats
    <<~EOS
      Docker finds the plugin when its folder is in ~/.docker/config.json:
        "cliPluginsExtraDirs": ["#{HOMEBREW_PREFIX}/lib/docker/cli-plugins"]
    EOS
  end

  test do
    assert_match version.to_s, shell_output("#{lib}/docker/cli-plugins/docker-extpack version")
  end
end
`)
	return os.WriteFile(filepath.Join(r.out, "docker-extpack.rb"), []byte(b.String()), 0o644)
}

// scoop writes the Scoop manifest for the platforms of this release.
func (r *release) scoop(sums map[string]string) error {
	type download struct {
		URL  string `json:"url"`
		Hash string `json:"hash"`
	}
	downloads, updates := map[string]download{}, map[string]map[string]string{}
	for key, arch := range map[string]string{"64bit": "amd64", "arm64": "arm64"} {
		name := r.archiveName(platform{os: "windows", arch: arch})
		if sums[name] != "" {
			downloads[key] = download{r.url(name), sums[name]}
			updates[key] = map[string]string{"url": strings.ReplaceAll(r.url(name), r.version, "v$version")}
		}
	}
	if len(downloads) == 0 {
		return nil
	}
	manifest := struct {
		Version      string              `json:"version"`
		Description  string              `json:"description"`
		Homepage     string              `json:"homepage"`
		License      string              `json:"license"`
		Architecture map[string]download `json:"architecture"`
		PostInstall  []string            `json:"post_install"`
		PreUninstall []string            `json:"pre_uninstall"`
		CheckVer     string              `json:"checkver"`
		AutoUpdate   any                 `json:"autoupdate"`
	}{
		strings.TrimPrefix(r.version, "v"), description, homepage, "Apache-2.0", downloads,
		[]string{
			`$plugins = "$env:USERPROFILE\.docker\cli-plugins"`,
			`New-Item -ItemType Directory -Force $plugins | Out-Null`,
			`Copy-Item "$dir\docker-extpack.exe" $plugins -Force`,
		},
		[]string{`Remove-Item "$env:USERPROFILE\.docker\cli-plugins\docker-extpack.exe" -ErrorAction Ignore`},
		"github",
		map[string]any{"architecture": updates, "hash": map[string]string{"url": "$baseurl/checksums.txt"}},
	}
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(manifest); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, "docker-extpack.json"), buf.Bytes(), 0o644)
}
