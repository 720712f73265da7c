package extension

import "strings"

// Slug returns a name for a valid id that consists of letters, digits, "_" and
// "-", which are valid in the name of a bake target. Different ids have
// different slugs, unlike with EscapedID, so that "a/b" and "a_b" can be built
// together.
//
// "/" is replaced by "_", and other characters by "_" and their hexadecimal
// code. A "/" is replaced by its code too if the result would be ambiguous. The
// id "default" is escaped, because it is the name of bake's default group.
func Slug(id string) string {
	if id == "default" {
		return "_64efault"
	}
	var b strings.Builder
	for i, c := range id {
		switch c {
		case '.':
			b.WriteString("_2e")
		case '_':
			b.WriteString("_5f")
		case '/':
			b.WriteString(slash(id[i+1:]))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func slash(rest string) string {
	for _, code := range []string{"2e", "2f", "5f", "64"} {
		if strings.HasPrefix(rest, code) {
			return "_2f"
		}
	}
	return "_"
}
