package annotation

import (
	"maps"
	"slices"
	"strings"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/extension"
)

// KeyValues reads the values of a flag that takes KEY=VALUE without a place. Of
// those with one key the last counts. Errors are [*diag.InvalidError].
func KeyValues(flag string, list []string) (map[string]string, error) {
	values := map[string]string{}
	for _, kv := range list {
		key, value, ok := strings.Cut(kv, "=")
		if !ok || key == "" {
			return nil, diag.WithHint(diag.Invalidf("%s %q has no key and value", flag, kv), "write it as KEY=VALUE")
		}
		if err := CheckText(key, value); err != nil {
			return nil, diag.Invalidf("%s %q: %v", flag, kv, err)
		}
		values[key] = value
	}
	return values, nil
}

// Labels is like [KeyValues], but refuses the names that docker extpack writes
// itself.
func Labels(flag string, list []string) (map[string]string, error) {
	values, err := KeyValues(flag, list)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := checkReserved(flag, key, values[key]); err != nil {
			return nil, err
		}
	}
	return values, err
}

func checkReserved(flag, key, value string) error {
	if strings.HasPrefix(key, extension.ReservedPrefix) {
		return diag.Invalidf("%s %q: names beginning with %s are reserved for docker extpack", flag, key+"="+value, extension.ReservedPrefix)
	}
	return nil
}
