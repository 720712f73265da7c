package plan

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/distribution/reference"

	"github.com/extpack/extpack/internal/content"
	"github.com/extpack/extpack/internal/diag"
)

// Spec is a setting in the form of docker's flags: "type=registry,ref=…". A
// path in it is separate, because it is relative to a folder.
type Spec struct {
	// Fields are NAME=VALUE, without the path.
	Fields []string
	// PathKey is the name of the field with the path, and Path the path
	// relative to the working directory. Both are empty if there is none.
	PathKey, Path string
	// Flag is the flag that the setting is from, such as "--secret". It is
	// empty for a setting of the descriptor.
	Flag string
	// Position is the position in the descriptor.
	Position diag.Position
	// Optional is set for a secret that a stage does not require.
	Optional bool
}

// Get returns the value of a field, or "".
func (s Spec) Get(name string) string {
	for _, f := range s.Fields {
		if value, ok := strings.CutPrefix(f, name+"="); ok {
			return value
		}
	}
	return ""
}

// File returns the file that a secret is read from, or "" for a variable.
// Without a source, buildx uses the variable or else the file with the name of
// the secret (build secrets, "--secret").
func (s Spec) File() string {
	if s.Path != "" || s.Get("env") != "" {
		return s.Path
	}
	id := s.Get("id")
	if _, set := os.LookupEnv(id); set {
		return ""
	}
	return id
}

// Text returns the setting with another path.
func (s Spec) Text(path string) string {
	fields := slices.Clone(s.Fields)
	if s.PathKey != "" {
		fields = append(fields, s.PathKey+"="+path)
	}
	return join(fields)
}

// join returns a line of CSV.
func join(fields []string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.Write(fields); err != nil {
		return strings.Join(fields, ",") // strings.Builder never fails
	}
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

func (s Spec) String() string { return s.Text(s.Path) }

func fields(text string) ([]string, error) {
	if strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) || unicode.In(c, unicode.Zl, unicode.Zp) }) {
		return nil, errors.New("has a line break or another control character")
	}
	if !content.CheckName(text) {
		return nil, diag.WithHint(errors.New(decomposed), composeIt)
	}
	list, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil || len(list) == 0 {
		return nil, errors.New("is empty or has invalid quotes")
	}
	return list, nil
}

// forField returns the name of a field for messages, unless it is the whole
// text.
func forField(field string, all []string) string {
	if len(all) == 1 {
		return ""
	}
	return fmt.Sprintf(" for %q", field)
}

// checkOnce returns an error for a repeated field: buildx uses the last one,
// and the value that is checked must be the one that buildx uses.
func checkOnce(list []string) error {
	seen := map[string]bool{}
	for _, f := range list {
		key, _, _ := strings.Cut(f, "=")
		if seen[key] {
			return fmt.Errorf("has %s twice", key)
		}
		seen[key] = true
	}
	return nil
}

// parseDeclared parses a secret of a descriptor, which may be only an id, and
// may be optional: "required=false".
func parseDeclared(text string) (Spec, error) {
	list, err := fields(text)
	if err != nil {
		return Spec{}, err
	}
	if len(list) == 1 && !strings.Contains(text, "=") {
		return Spec{Fields: []string{"id=" + list[0]}}, nil
	}
	var rest []string
	required, seen := true, false
	for _, f := range list {
		key, value, given := strings.Cut(f, "=")
		if strings.ToLower(key) != "required" {
			rest = append(rest, f)
			continue
		}
		if !given {
			value = "true"
		}
		if required, err = strconv.ParseBool(value); err != nil || seen {
			return Spec{}, fmt.Errorf("%q is neither required=true nor required=false", f)
		}
		seen = true
	}
	s, err := ParseSecret(join(rest))
	s.Optional = !required
	return s, err
}

const writeSecret = "write id=NAME,src=FILE or id=NAME,env=VARIABLE" //nolint:gosec // a hint, not a secret

// ParseSecret parses a secret: "id=ID[,src=FILE][,env=NAME]".
func ParseSecret(text string) (Spec, error) {
	list, err := fields(text)
	if err != nil {
		return Spec{}, err
	}
	var s Spec
	kind := ""
	var keys []string
	for _, f := range list {
		key, value, ok := strings.Cut(f, "=")
		key = strings.ToLower(key)
		keys = append(keys, strings.Replace(key, "source", "src", 1))
		switch {
		case !ok || value == "":
			return Spec{}, diag.WithHint(fmt.Errorf("has no value%s", forField(f, list)), writeSecret)
		case key == "id" || key == "env":
			s.Fields = append(s.Fields, key+"="+value)
		case key == "type" && (value == "file" || value == "env"):
			kind = value
		case key == "src" || key == "source":
			s.PathKey, s.Path = "src", value
		default:
			return Spec{}, diag.WithHint(fmt.Errorf("has the unknown field %q", f), writeSecret)
		}
	}
	if kind == "env" && s.Path != "" && s.Get("env") == "" {
		// buildx treats src as the name of the variable then.
		s.Fields, s.PathKey, s.Path = append(s.Fields, "env="+s.Path), "", ""
	}
	if err := checkOnce(keys); err != nil {
		return Spec{}, err
	}
	if s.Get("id") == "" {
		return Spec{}, diag.WithHint(errors.New("has no id"), writeSecret)
	}
	if s.Path != "" && s.Get("env") != "" {
		return Spec{}, errors.New("has both a file and a variable as its source")
	}
	return s, nil
}

// ParseCache parses a cache setting, which may be just the reference of an
// image as for docker buildx build. key is the field with the folder of a local
// cache: "src" or "dest".
func ParseCache(text, key string) (Spec, error) {
	list, err := fields(text)
	if err != nil {
		return Spec{}, err
	}
	if len(list) == 1 && !strings.Contains(list[0], "=") {
		if list[0] == "inline" {
			return Spec{Fields: []string{"type=inline"}}, nil
		}
		list = []string{"type=registry", "ref=" + list[0]}
	}
	var s Spec
	for _, f := range list {
		name, value, ok := strings.Cut(f, "=")
		if !ok || value == "" {
			return Spec{}, diag.WithHint(fmt.Errorf("has no value%s", forField(f, list)), "write type=TYPE,NAME=VALUE")
		}
		if name == "" {
			return Spec{}, diag.WithHint(fmt.Errorf("has the value %q without a name", value), "write type=TYPE,NAME=VALUE")
		}
		s.Fields = append(s.Fields, strings.ToLower(name)+"="+value)
	}
	if err := checkOnce(s.Fields); err != nil {
		return Spec{}, err
	}
	if s.Get("type") == "" {
		return Spec{}, diag.WithHint(errors.New("has no type"), "write type=registry,ref=IMAGE or another type that docker buildx supports")
	}
	if value := s.Get(key); s.Get("type") == "local" && value != "" {
		s.PathKey, s.Path = key, value
		s.Fields = slices.DeleteFunc(s.Fields, func(f string) bool { return strings.HasPrefix(f, key+"=") })
	}
	switch kind := s.Get("type"); {
	case kind == "registry" && s.Get("ref") == "":
		return Spec{}, diag.WithHint(errors.New("has no ref"), "write type=registry,ref=IMAGE")
	case kind == "registry":
		if _, err := reference.ParseNormalizedNamed(s.Get("ref")); err != nil {
			return Spec{}, fmt.Errorf("has the ref %q, which is not an image reference", s.Get("ref"))
		}
	case kind == "local" && s.Path == "":
		return Spec{}, diag.WithHint(fmt.Errorf("has no %s", key), "write type=local,"+key+"=FOLDER")
	}
	return s, nil
}
