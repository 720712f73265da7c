package exttest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/extpack/extpack/internal/safefile"
)

// detected is what the detector left: its layers directory, and the application.
type detected struct {
	// dir has the folders layers, app and out.
	dir  string
	code int
	// extensions are those of the group, in order.
	extensions []string
	plan       []planEntry
	analyzed   analyzed
	// static are the escaped ids of extensions with a folder generate and no
	// bin/generate.
	static []string
}

type planEntry struct {
	Providers []struct {
		ID        string `toml:"id"`
		Extension bool   `toml:"extension"`
	} `toml:"providers"`
	Requires []struct {
		Name string `toml:"name"`
	} `toml:"requires"`
}

type analyzed struct {
	RunImage struct {
		Reference string `toml:"reference"`
		Image     string `toml:"image"`
		Extend    bool   `toml:"extend"`
	} `toml:"run-image"`
}

// maxLifecycleFile limits the files that the lifecycle writes.
const maxLifecycleFile = 4 << 20

// readDetected reads what the detector left in dir.
func (r *run) readDetected(dir string) error {
	d := &detected{dir: dir}
	read := func(name string) ([]byte, error) {
		data, err := safefile.Read(d.dir, name, maxLifecycleFile)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return data, err
	}
	code, err := read("out/code")
	if err != nil {
		return fmt.Errorf("reading the output of the detector: %w", err)
	}
	if d.code, err = strconv.Atoi(strings.TrimSpace(string(code))); err != nil {
		return fmt.Errorf("detecting for %s: the exit code was not written", r.Platform)
	}
	said, err := read("out/output")
	if err != nil {
		return fmt.Errorf("reading the output of the detector: %w", err)
	}
	r.Output = string(said)
	static, err := read("out/static")
	if err != nil {
		return fmt.Errorf("reading the output of the detector: %w", err)
	}
	d.static = strings.Fields(string(static))
	var group struct {
		Extensions []struct {
			ID string `toml:"id"`
		} `toml:"group-extensions"`
	}
	var plan struct {
		Entries []planEntry `toml:"entries"`
	}
	for name, to := range map[string]any{"layers/group.toml": &group, "out/plan.toml": &plan, "layers/analyzed.toml": &d.analyzed} {
		data, err := read(name)
		if err == nil {
			err = toml.Unmarshal(data, to)
		}
		if err != nil {
			return fmt.Errorf("reading %s of the detector: %w", path.Base(name), err)
		}
	}
	for _, e := range group.Extensions {
		if e.ID == recorderID {
			continue
		}
		d.extensions = append(d.extensions, e.ID)
	}
	d.plan = plan.Entries
	r.detected = d
	return nil
}

func copyFile(from, to *os.Root, name string, mode fs.FileMode) error {
	src, err := safefile.Open(from, name)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := to.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode|0o400)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Chmod(mode|0o400), dst.Close())
}
