package buildx

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli/config"
)

// known is what a run of buildx has told before: asking the binary anew takes
// as long as everything else docker extpack does for a small extension.
type known struct {
	Path    string    `json:"path"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"modTime"`
	Version string    `json:"version"`
}

// cacheFile is where the answer is kept: in the docker configuration it is for,
// beside what buildx keeps there.
func cacheFile() string { return filepath.Join(config.Dir(), "extpack", "buildx.json") }

// recall returns the buildx that was found before, if it would be found again: it
// is the same file, and none has appeared in a folder that goes before.
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

// remember keeps the answer for the next run. It is a cache: when it cannot be
// written, the next run asks again.
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
