package platform

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestMisnamed(t *testing.T) {
	for folder, want := range map[string]string{
		"linux/amd46": "linux/amd64", "linux/AMD64": "linux/amd64", "linux/x86_64": "linux/amd64", "linux/aarch64": "linux/arm64",
		"linux/armv7": "linux/arm/v7", "linux/armv6": "linux/arm/v6", "linux/armhf": "linux/arm/v7", "linux/arm64v8": "linux/arm64", "linux/arm32v6": "linux/arm/v6",
		"linux/arm/7": "linux/arm/v7", "linux/arm/V6": "linux/arm/v6",
		"linux-amd64": "linux/amd64", "linux_arm64": "linux/arm64", "linux-arm-v6": "linux/arm/v6", "linux-x86_64": "linux/amd64", "Linux-amd64": "linux/amd64", "windows-amd64": "windows/amd64",
		"Linux/amd64": "linux/amd64", "linx/arm64": "linux/arm64", "macos/arm64": "darwin/arm64",
		"amd64": "linux/amd64", "x86_64": "linux/amd64", "arm64": "linux/arm64", "aarch64": "linux/arm64", "armv7": "linux/arm/v7", "ARM64": "linux/arm64",
		// Platform folders, and folders that are clearly something else.
		"linux/amd64": "", "linux/arm/v7": "", "linux/amd64/ubuntu@24.04": "", "linux/bin": "", "linux/lib": "", "linux/amd64/lib/7": "",
		"bin": "", "lib/amd64": "", "scripts": "", "generate": "", "linux": "", "lib-amd64": "", "test": "", "amd": "", "arms": "",
	} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(folder)), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "LINUX")); err == nil && folder == "Linux/amd64" {
			continue // a file system that knows no case has the folder
		}
		got := map[string]string{}
		for name, p := range Misnamed(dir) {
			got[name] = Format(p)
		}
		expected := map[string]string{}
		if want != "" {
			expected[folder] = want
		}
		if !maps.Equal(got, expected) {
			t.Errorf("%s: got %v, want %v", folder, got, expected)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"linux/amd64", "amd64", "linux-amd64"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got := Misnamed(dir); len(got) > 0 {
		t.Errorf("beside its folder: got %v", got)
	}
}
