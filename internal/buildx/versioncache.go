package buildx

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli/config"
)

// known is the cached version of a buildx binary, because running buildx takes
// as long as everything else for a small extension.
type known struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"modTime"`
	Version string    `json:"version"`
}

// cacheFile returns the path of the cache: in the docker configuration
// directory, where buildx has its files too.
func cacheFile() string { return filepath.Join(config.Dir(), "extpack", "buildx.json") }

// recall returns the cached buildx if it is still valid: the file has not
// changed, and no folder with precedence has another one.
func recall(cli config.Provider) *Client {
	raw, err := os.ReadFile(cacheFile())
	if err != nil {
		return nil
	}
	var k known
	if json.Unmarshal(raw, &k) != nil {
		return nil
	}
	info, err := os.Stat(k.Path)
	if err != nil || info.Size() != k.Size || !info.ModTime().Equal(k.ModTime) {
		return nil
	}
	name := metadata.NamePrefix + "buildx" + filepath.Ext(k.Path)
	for _, dir := range append(cli.ConfigFile().CLIPluginsExtraDirs, filepath.Join(config.Dir(), "cli-plugins")) {
		first := filepath.Join(dir, name)
		if first == k.Path {
			break
		}
		if _, err := os.Lstat(first); err == nil {
			return nil
		}
	}
	return &Client{Path: k.Path, Version: k.Version}
}

// remember writes the cache. Errors are ignored: the next run asks buildx
// again.
func remember(b *Client) {
	file := cacheFile()
	info, err := os.Stat(b.Path)
	if err != nil {
		return
	}
	raw, err := json.Marshal(known{b.Path, info.Size(), info.ModTime(), b.Version})
	if err != nil {
		return
	}
	if os.MkdirAll(filepath.Dir(file), 0o755) != nil {
		return
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".buildx-*")
	if err != nil {
		return
	}
	_, err = temp.Write(raw)
	if closeErr := temp.Close(); err != nil || closeErr != nil || os.Rename(temp.Name(), file) != nil {
		os.Remove(temp.Name())
	}
}
