package emulation

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// writeFile writes one line to a file of the kernel, which must receive it in
// one write.
func writeFile(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// handlerFiles returns the names and the descriptions of what is registered.
func handlerFiles(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading what is registered with the kernel: %w", err)
	}
	files := map[string]string{}
	for _, e := range entries {
		if e.Name() == "register" || e.Name() == "status" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("reading what is registered with the kernel: %w", err)
		}
		files[e.Name()] = string(data)
	}
	return files, nil
}

// magics returns the magic of the enabled handlers.
func magics(dir string) ([]string, error) {
	files, err := handlerFiles(dir)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, text := range files {
		if !strings.HasPrefix(text, "enabled") {
			continue
		}
		for line := range strings.Lines(text) {
			if digits, ok := strings.CutPrefix(strings.TrimSpace(line), "magic "); ok {
				if magic, err := hex.DecodeString(digits); err == nil {
					all = append(all, string(magic))
				}
			}
		}
	}
	return all, nil
}

// Unregister removes the handlers whose names begin with prefix.
func Unregister(dir, prefix string) error {
	files, err := handlerFiles(dir)
	if err != nil {
		return err
	}
	for name := range files {
		if strings.HasPrefix(name, prefix) {
			if err := writeFile(filepath.Join(dir, name), "-1"); err != nil {
				return fmt.Errorf("removing %s from the kernel: %w", name, err)
			}
		}
	}
	return nil
}
