package extension

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/rules"
)

// ParseVersion parses a version that is not from a descriptor: X.Y.Z, with an
// optional "v" prefix as in the names of tags. It returns a
// [*diag.InvalidError] for an invalid version.
func ParseVersion(s string) (string, error) {
	version := strings.TrimPrefix(s, "v")
	if !versionPattern.Get().MatchString(version) || len(version) > maxVersion {
		return "", diag.WithHint(diag.Invalidf("version %s is not X.Y.Z%s", quote(s), didYouMean(closestVersion(s))), "write it as X.Y.Z, three numbers without leading zeros")
	}
	return version, nil
}

// versionHint is the hint for a version that a release script replaces.
func versionHint(version string) string {
	if strings.Contains(version, "{{") {
		return "set the version with --version X.Y.Z"
	}
	return ""
}

// withVersion returns the file with the version r.version: it replaces the
// existing one, or adds a line below [extension]. Nothing else changes. If that
// is not possible, it reports an error and returns nil.
func (r *reader) withVersion(root *table) []byte {
	text := r.replaceVersion(root)
	if h, err := ReadHead(r.file, text); err != nil || h.Version != r.version {
		r.report(rules.Plan, r.whole(), "the version %s cannot be written to it", r.version).Hint = "write [extension] on a line, with version = \"0.0.0\" below it"
		return nil
	}
	if !norm.NFC.IsNormal(text) {
		// A bake file has it as a string, which HCL normalizes.
		r.report(rules.Plan, r.whole(), "contains text that is not in Unicode normalisation form C, so it cannot be packaged with another version")
		return nil
	}
	return text
}

func (r *reader) replaceVersion(root *table) []byte {
	around := r.splitAtVersion(root)
	if around == nil {
		return r.data
	}
	return slices.Concat(around[0], []byte(r.version), around[1])
}

// splitAtVersion returns the content to package before and after the version,
// which it adds if there is none. It returns nil if there is not a place for it.
func (r *reader) splitAtVersion(root *table) [][]byte {
	k := root.node.index["extension"]
	if k == nil || k.value.kind != tableKind {
		return nil
	}
	from, to, before, after := 0, 0, `"`, `"`
	if v := k.value.index["version"]; v != nil {
		from, to = v.value.at, v.value.end
	} else {
		line := bytes.IndexByte(r.data[k.value.at:], '\n')
		if line < 0 {
			return nil
		}
		from = k.value.at + line + 1
		end := "\n"
		if bytes.HasSuffix(r.data[:from], []byte("\r\n")) {
			end = "\r\n"
		}
		to, before, after = from, `version = "`, `"`+end
	}
	rest := append([]byte(after), r.data[max(from, to):]...)
	if !bytes.HasSuffix(rest, []byte("\n")) {
		rest = append(rest, '\n')
	}
	return [][]byte{append(bytes.Clone(r.data[:from]), before...), rest}
}

// aroundVersion returns the content to package before and after the version, or
// nil if another version cannot be written.
func (r *reader) aroundVersion(root *table) [][]byte {
	around := r.splitAtVersion(root)
	if around == nil {
		return nil
	}
	const other = "1.0.0"
	text := slices.Concat(around[0], []byte(other), around[1])
	h, err := ReadHead(r.file, text)
	if err != nil || h.Version != other || !norm.NFC.IsNormal(text) {
		return nil
	}
	return around
}

// Versioned returns the content to package with another version, and whether it
// can be written. The version is not validated.
func (d *Descriptor) Versioned(version string) (string, bool) {
	if d.around == nil {
		return "", false
	}
	return string(d.around[0]) + version + string(d.around[1]), true
}
