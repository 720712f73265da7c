package extension

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// KnownOS returns the valid operating systems of a target, sorted.
func KnownOS() []string { return slices.Clone(knownOS) }

// KnownArch returns the valid architectures of a target, sorted.
func KnownArch() []string { return slices.Clone(knownArch) }

// CheckPlatform returns an error for an invalid os, arch or variant of a target
// that was not read from a file. It names the closest valid spelling.
func CheckPlatform(t Target) error {
	known := knownVariants[t.Arch]
	switch {
	case !slices.Contains(knownOS, t.OS):
		return fmt.Errorf("unknown os %s%s", quote(t.OS), suggestOS(t.OS))
	case !slices.Contains(knownArch, t.Arch):
		return fmt.Errorf("unknown arch %s%s", quote(t.Arch), suggestArch(t.Arch))
	case t.Variant != "" && known != nil && !slices.Contains(known, t.Variant):
		return fmt.Errorf("unknown variant %s of %s%s", quote(t.Variant), t.Arch, suggest(t.Variant, known))
	case t.Variant != "" && !token.Get().MatchString(t.Variant):
		return fmt.Errorf("variant %s may contain only letters, digits and . _ + ~ -", quote(t.Variant))
	}
	return nil
}

// PlatformHint returns a hint if CheckPlatform returns an error without a
// suggestion, or else "".
func PlatformHint(t Target) string {
	known := knownVariants[t.Arch]
	switch {
	case !slices.Contains(knownOS, t.OS) && suggestOS(t.OS) == "":
		return "supported: " + strings.Join(knownOS, ", ")
	case !slices.Contains(knownOS, t.OS):
	case !slices.Contains(knownArch, t.Arch) && suggestArch(t.Arch) == "":
		return "supported: " + strings.Join(knownArch, ", ")
	case !slices.Contains(knownArch, t.Arch):
	case t.Variant != "" && known != nil && !slices.Contains(known, t.Variant) && suggest(t.Variant, known) == "":
		return "supported: " + strings.Join(known, ", ")
	}
	return ""
}

// CheckDistro returns an error for an invalid distro that was not read from a
// file.
func CheckDistro(d Distro) error {
	switch {
	case d.Name == "" || d.Version == "":
		return errors.New("a distro is name@version")
	case !token.Get().MatchString(d.Name) || !token.Get().MatchString(d.Version):
		return fmt.Errorf("distro %s may contain only letters, digits and . _ + ~ -", quote(d.String()))
	}
	return nil
}
