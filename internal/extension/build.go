package extension

import (
	"maps"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/choice"
	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/layer"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/rules"
)

func (r *reader) build(t *table) *Build {
	b := &Build{
		Position:     t.position(),
		ArgPositions: map[string]diag.Position{}, ContextPositions: map[string]diag.Position{},
		Secrets:   r.oneLine("secret", t.texts("secrets")),
		SSH:       r.oneLine("ssh", t.texts("ssh")),
		AddHosts:  r.oneLine("host", t.texts("add-hosts")),
		Pull:      t.flag("pull"),
		Ulimits:   r.oneLine("ulimit", t.texts("ulimits")),
		CacheFrom: r.oneLine("cache", t.texts("cache-from")),
		CacheTo:   r.oneLine("cache", t.texts("cache-to")),
	}
	b.NoCacheFilter = r.oneLine("stage", t.texts("no-cache-filter"))
	b.TargetPositions = map[string]diag.Position{}
	b.Targets = t.textMap("target", func(key Entry) {
		r.checkKey("platform", key)
		b.TargetPositions[key.Value] = key.Position
	})
	positions := map[string]diag.Position{}
	extra := t.textMap("extra-hosts", func(key Entry) {
		r.checkKey("host", key)
		positions[key.Value] = key.Position
	})
	for _, host := range slices.Sorted(maps.Keys(extra)) {
		b.AddHosts = append(b.AddHosts, r.oneLine("host", []Entry{{Value: host + "=" + extra[host], Position: positions[host]}})...)
	}
	if e := t.text("shm-size"); e != nil && r.checkControl("shm-size", e) {
		b.ShmSize = *e
	}
	b.Args = t.textMap("args", func(key Entry) {
		r.checkKey("build argument", key)
		b.ArgPositions[key.Value] = key.Position
	})
	b.Contexts = t.textMap("contexts", func(key Entry) {
		r.checkContextName(key)
		b.ContextPositions[key.Value] = key.Position
	})
	r.checkValues("context", b.Contexts, b.ContextPositions)
	r.checkValues("stage", b.Targets, b.TargetPositions)
	if e := t.text("dockerfile"); e != nil && r.checkControl("dockerfile", e) && r.checkLength("dockerfile", e) {
		b.Dockerfile = *e
	}
	if e := t.text("stage"); e != nil && r.checkControl("stage", e) {
		b.Stage = *e
	}
	if e := t.text("network"); e != nil {
		if !slices.Contains(networks, e.Value) {
			r.report(rules.Setting, e.Position, "network %s is not supported%s", quote(e.Value), suggest(e.Value, networks)).Hint = choice.Hint(networks)
		}
		b.Network = *e
	}
	if e := t.text("compression"); e != nil {
		if !slices.Contains(layer.Compressions, e.Value) {
			r.report(rules.Setting, e.Position, "compression %s is not supported%s", quote(e.Value), suggest(e.Value, layer.Compressions)).Hint = choice.Hint(layer.Compressions)
		}
		b.Compression = *e
	}
	if e := t.integer("compression-level"); e != nil {
		b.CompressionLevel = *e
	}
	t.unknown()
	return b
}

// checkValues reports control characters in the values of a table, in order.
func (r *reader) checkValues(what string, values map[string]string, positions map[string]diag.Position) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		r.checkControl(what, &Entry{Value: values[name], Position: positions[name]})
	}
}

// oneLine reports settings with line breaks and similar characters, at which
// buildx would split them.
func (r *reader) oneLine(what string, entries []Entry) []Entry {
	for i := range entries {
		if e := &entries[i]; r.checkControl(what, e) && strings.ContainsFunc(e.Value, isSeparator) {
			r.report(rules.ControlCharacter, e.Position, "%s %s contains a line separator", what, quote(e.Value))
		}
	}
	return entries
}

// networks are the network modes of BuildKit (Dockerfile reference, "RUN
// --network").
var networks = []string{"default", "host", "none"}

// Networks returns the network modes of build stages.
func Networks() []string { return slices.Clone(networks) }

// checkContextName reports names that FROM and COPY cannot use.
func (r *reader) checkContextName(key Entry) {
	if !contextName.Get().MatchString(key.Value) {
		r.report(rules.Setting, key.Position, "context %s cannot be used in a Dockerfile: it may contain letters, digits and . _ / : -", quote(key.Value))
	}
}

var contextName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._/:-]*$`)
