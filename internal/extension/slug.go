package extension

import "strings"

// Slug maps a valid id to a name made of letters, digits, "_" and "-", which
// is what a bake target may be called. Different ids have different slugs,
// unlike with EscapedID, so that "a/b" and "a_b" can be built together.
//
// "/" becomes "_", and the other characters an id may hold beyond those become
// "_" and their code in hexadecimal. A "/" that would read as such a code gets
// its own. The id "default" would take the name of bake's default group.
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
