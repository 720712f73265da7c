package plan

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/docker/go-units"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
	"github.com/extpack/extpack/internal/platform"
)

// checked returns the values of a flag or, if there are none, of the descriptor.
// It reports those that check returns an error for.
func (p *buildPlanner) checked(entries []extension.Entry, name string, given []string, check func(string) error) []string {
	if len(given) > 0 {
		entries, name = entriesOf(given), "--"+name
	}
	var values []string
	for _, e := range entries {
		if err := check(e.Value); err != nil {
			p.list.Errorf(e.Position, "%s %q %v", name, e.Value, err)
		}
		values = append(values, e.Value)
	}
	return values
}

func checkStageName(name string) error {
	if name == "" || strings.Contains(name, ",") {
		return errors.New("is not the name of a stage")
	}
	if !content.CheckName(name) {
		return diag.WithHint(errors.New(decomposed), composeIt)
	}
	return nil
}

func checkUlimit(limit string) error {
	if _, err := units.ParseUlimit(limit); err != nil {
		return diag.WithHint(errors.New("is not a limit"), "write it as TYPE=SOFT[:HARD], such as nofile=1024:2048")
	}
	return nil
}

func checkSize(size string) error {
	if n, err := units.RAMInBytes(size); err != nil || n <= 0 {
		return diag.WithHint(errors.New("is not a size"), "write a number with a unit, such as 128m")
	}
	return nil
}

// hosts reads the entries of the hosts file. Those of flags replace entries for
// the same host.
func (p *buildPlanner) hosts(given []string) []Host {
	all := p.parseHosts("--add-host", entriesOf(given), "--add-host")
	for _, h := range p.parseHosts("add-hosts", p.table.AddHosts, "") {
		if !slices.ContainsFunc(all, func(o Host) bool { return o.Name == h.Name }) {
			all = append(all, h)
		}
	}
	return all
}

func entriesOf(values []string) []extension.Entry {
	var entries []extension.Entry
	for _, value := range values {
		entries = append(entries, extension.Entry{Value: value})
	}
	return entries
}

func (p *buildPlanner) parseHosts(what string, entries []extension.Entry, flag string) []Host {
	var all []Host
	for _, e := range entries {
		name, address, ok := strings.Cut(e.Value, "=")
		if !ok {
			name, address, ok = strings.Cut(e.Value, ":")
		}
		switch {
		case !ok || name == "" || address == "":
			p.list.Errorf(e.Position, "%s %q is not in the form HOST:IP", what, e.Value)
		case slices.ContainsFunc(all, func(h Host) bool { return h.Name == name }):
			p.list.Errorf(e.Position, "%s has the host %s twice", what, name)
		}
		all = append(all, Host{Name: name, Address: address, Position: e.Position, Flag: flag})
	}
	return all
}

// checkTargets reports platforms of stages that cannot be parsed.
func (p *buildPlanner) checkTargets() {
	for _, name := range slices.Sorted(maps.Keys(p.table.Targets)) {
		if _, err := platform.ParsePlatform(name); err != nil {
			p.list.Errorf(p.table.TargetPositions[name], "target %q is not a platform such as linux/arm64", name)
		}
	}
}

// stageOf returns the stage for a platform and its position.
func (p *buildPlanner) stageOf(of v1.Platform) (string, diag.Position) {
	for _, name := range slices.Sorted(maps.Keys(p.table.Targets)) {
		named, err := platform.ParsePlatform(name)
		if err == nil && platform.Equal(named, of) {
			return p.table.Targets[name], p.table.TargetPositions[name]
		}
	}
	return p.table.Stage.Value, p.table.Stage.Position
}
