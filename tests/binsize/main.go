// Command binsize prints the code and data of the plugin by package, as a
// Markdown table: what "make size" compiled with symbols, for Linux. The tables
// of functions and lines, and what the linker does not attribute to a package,
// are left out.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// groups are the rows of the table: the first prefix of a package decides.
var groups = []struct {
	name     string
	prefixes []string
}{
	{"docker extpack itself", []string{"github.com/extpack/extpack", "main"}},
	{"OpenTelemetry, gRPC and protobuf: the docker CLI's plugin framework links them for its telemetry", []string{"go.opentelemetry.io", "google.golang.org", "github.com/grpc-ecosystem", "github.com/go-logr"}},
	{"the docker CLI, cobra and the API of Docker Engine", []string{"github.com/docker", "github.com/moby/moby", "github.com/spf13", "github.com/moby/term", "github.com/fvbommel"}},
	{"BuildKit's parser, fsutil, patternmatcher", []string{"github.com/moby", "github.com/tonistiigi"}},
	{"HCL and cty", []string{"github.com/hashicorp", "github.com/zclconf", "github.com/agext", "github.com/apparentlymart"}},
	{"klauspost/compress", []string{"github.com/klauspost"}},
	{"go-toml", []string{"github.com/pelletier"}},
	{"OCI libraries", []string{"oras.land", "github.com/opencontainers", "github.com/containerd", "github.com/distribution"}},
	{"crypto (TLS)", []string{"crypto", "vendor/golang.org/x/crypto", "internal/crypto"}},
	{"net, net/http", []string{"net", "vendor/golang.org/x/net"}},
	{"golang.org/x", []string{"golang.org/x", "vendor/golang.org/x"}},
}

const rest = "runtime, the rest of the standard library, and small libraries"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: binsize BINARY")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "binsize:", err)
		os.Exit(1)
	}
}

func run(binary string) error {
	symbols, err := exec.Command("go", "tool", "nm", "-size", binary).Output() //nolint:gosec // the argument of this program
	if err != nil {
		return fmt.Errorf("reading symbols: %w", err)
	}
	empty, err := zeroed(binary)
	if err != nil {
		return err
	}
	sizes, total := map[string]int64{}, int64(0)
	for lines := bufio.NewScanner(bytes.NewReader(symbols)); lines.Scan(); {
		name, size := parse(lines.Text(), empty)
		sizes[groupOf(name)] += size
		total += size
	}
	names := make([]string, 0, len(sizes))
	for name := range sizes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(sizes[b], sizes[a]) })
	fmt.Printf("| package | MB |\n|---|---|\n")
	for _, name := range names {
		fmt.Printf("| %s | %.1f |\n", name, float64(sizes[name])/1e6)
	}
	fmt.Printf("| together | %.1f |\n", float64(total)/1e6)
	return nil
}

// zeroed returns a function that reports whether an address is of data that is
// zero at first, and not in the file.
func zeroed(binary string) (func(address uint64) bool, error) {
	file, err := elf.Open(binary)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sections := file.Sections
	return func(address uint64) bool {
		return slices.ContainsFunc(sections, func(s *elf.Section) bool {
			return s.Type == elf.SHT_NOBITS && address >= s.Addr && address < s.Addr+s.Size
		})
	}, nil
}

// tables are symbols that the linker makes for all packages.
var tables = []string{"runtime.pclntab", "runtime.epclntab", "runtime.findfunctab", "runtime.etypes", "go:func."}

// parse returns the name and size of a symbol of code or data: a line of nm is
// an address, a size, a type and a name. Others have size 0.
func parse(line string, empty func(address uint64) bool) (string, int64) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.Contains("TtRrDd", fields[2]) {
		return "", 0
	}
	name := strings.Join(fields[3:], " ")
	size, err := strconv.ParseInt(fields[1], 10, 64)
	address, addressErr := strconv.ParseUint(fields[0], 16, 64)
	isTable := slices.ContainsFunc(tables, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	if err != nil || addressErr != nil || isTable || empty(address) {
		return "", 0
	}
	return name, size
}

// groupOf returns the row of a symbol.
func groupOf(symbol string) string {
	for _, kind := range []string{"type:.eq.", "type:.hash.", "type:", "go:itab.", "go:string."} {
		symbol = strings.TrimPrefix(symbol, kind)
	}
	symbol = strings.TrimLeft(symbol, "*[]")
	for _, g := range groups {
		for _, prefix := range g.prefixes {
			after, ok := strings.CutPrefix(symbol, prefix)
			if ok && (after == "" || after[0] == '.' || after[0] == '/') {
				return g.name
			}
		}
	}
	return rest
}
