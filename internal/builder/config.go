package builder

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/lazyregexp"
	"github.com/extpack/extpack/internal/registry"
)

// Registry is the configuration that BuildKit requires to pull from a registry.
type Registry struct {
	Host string
	// Mode is "http", "insecure" (a certificate that cannot be verified), or ""
	// for a registry that needs no configuration.
	Mode string
}

// The modes of a registry.
const (
	ModeHTTP     = "http"
	ModeInsecure = "insecure"
)

var hostPattern = lazyregexp.New(`^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?$`)

// ParseRegistry parses HOST[:PORT][=http|insecure]. Without a mode, it calls
// asked to detect the protocol of the registry.
func ParseRegistry(ctx context.Context, s string, asked func(ctx context.Context, host string) (mode string, err error)) (Registry, error) {
	const hint = "write it as HOST[:PORT], HOST[:PORT]=http or HOST[:PORT]=insecure"
	host, mode, given := strings.Cut(s, "=")
	if !hostPattern.Get().MatchString(host) {
		return Registry{}, diag.WithHint(diag.Invalidf("--registry %q has no registry", s), hint)
	}
	switch {
	case !given:
		mode, err := asked(ctx, host)
		if err != nil {
			return Registry{}, diag.WithHint(fmt.Errorf("detecting the protocol of the registry: %w", err),
				fmt.Sprintf("start it, or specify the protocol: --registry %s=http, or =insecure for HTTPS with a certificate that is not trusted", host))
		}
		return Registry{host, mode}, nil
	case mode == ModeHTTP, mode == ModeInsecure:
		return Registry{host, mode}, nil
	}
	return Registry{}, diag.WithHint(diag.Invalidf("--registry %q: %q is neither %q nor %q", s, mode, ModeHTTP, ModeInsecure), hint)
}

// Ask returns the function of [ParseRegistry] that asks the registry. It calls log
// with the result.
func Ask(client *registry.Client, log func(format string, args ...any)) func(ctx context.Context, host string) (mode string, err error) {
	return func(ctx context.Context, host string) (string, error) {
		access, err := client.Probe(ctx, host)
		switch {
		case err != nil:
			return "", err
		case access.PlainHTTP:
			log("%s uses plain HTTP", host)
			return ModeHTTP, nil
		case access.Untrusted:
			log("%s has a certificate that is not trusted", host)
			return ModeInsecure, nil
		}
		log("%s needs no configuration: its certificate is trusted here", host)
		return "", nil
	}
}

// Knows reports whether a buildkitd.toml lets BuildKit pull from the registry.
func Knows(config []byte, r Registry) bool {
	if r.Mode == "" {
		return true
	}
	doc, err := parseConfig(config)
	if err != nil {
		return false
	}
	registries, _ := doc["registry"].(map[string]any)
	entry, _ := registries[r.Host].(map[string]any)
	on, _ := entry[r.Mode].(bool)
	return on
}

// configure adds registries to a buildkitd.toml, and preserves other settings.
// changed reports whether anything was added.
func configure(config []byte, registries []Registry) (out []byte, changed bool, err error) {
	doc, err := parseConfig(config)
	if err != nil {
		return nil, false, err
	}
	for _, r := range registries {
		if Knows(config, r) {
			continue
		}
		changed = true
		all, ok := doc["registry"].(map[string]any)
		if !ok {
			all = map[string]any{}
			doc["registry"] = all
		}
		entry, ok := all[r.Host].(map[string]any)
		if !ok {
			entry = map[string]any{}
			all[r.Host] = entry
		}
		// The modes are exclusive: BuildKit prefers "insecure".
		delete(entry, ModeHTTP)
		delete(entry, ModeInsecure)
		entry[r.Mode] = true
	}
	if !changed {
		return config, false, nil
	}
	var buf bytes.Buffer
	if err := toml.NewEncoder(&buf).Encode(doc); err != nil {
		return nil, false, fmt.Errorf("writing buildkitd.toml: %w", err)
	}
	return buf.Bytes(), true, nil
}

func parseConfig(config []byte) (map[string]any, error) {
	doc := map[string]any{}
	if err := toml.Unmarshal(config, &doc); err != nil {
		return nil, fmt.Errorf("reading buildkitd.toml: %w", err)
	}
	return doc, nil
}

// Snippet returns the lines to add to the buildkitd.toml of a BuildKit that
// docker extpack does not manage.
func Snippet(registries []Registry) string {
	byHost := map[string]string{}
	for _, r := range registries {
		if r.Mode != "" {
			byHost[r.Host] = r.Mode
		}
	}
	var parts []string
	for _, host := range slices.Sorted(maps.Keys(byHost)) {
		parts = append(parts, fmt.Sprintf("[registry.%q] %s = true", host, byHost[host]))
	}
	return strings.Join(parts, ", ")
}
