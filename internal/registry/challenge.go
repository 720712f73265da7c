package registry

import "strings"

// challenge is an authentication challenge (RFC 9110 section 11.6.1).
type challenge struct {
	scheme string // lower case
	params map[string]string
}

// parseChallenges parses WWW-Authenticate headers. A value may contain several
// challenges, and a name is a scheme or a parameter depending on what follows.
// Anything invalid ends the value.
func parseChallenges(values []string) []challenge {
	var out []challenge
	for _, rest := range values {
		for {
			rest = strings.TrimLeft(rest, " \t,")
			name := rest[:tokenLen(rest)]
			if name == "" {
				break
			}
			rest = strings.TrimLeft(rest[len(name):], " \t")
			if !strings.HasPrefix(rest, "=") {
				out = append(out, challenge{scheme: strings.ToLower(name), params: map[string]string{}})
				continue
			}
			var value string
			value, rest = parseParam(strings.TrimLeft(rest[1:], " \t"))
			if len(out) > 0 {
				out[len(out)-1].params[strings.ToLower(name)] = value
			}
		}
	}
	return out
}

// parseParam parses a token or a quoted string, and returns the rest.
func parseParam(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		n := tokenLen(s)
		return s[:n], s[n:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:]
		case '\\':
			if i++; i == len(s) {
				return b.String(), ""
			}
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

// tokenLen returns the length of the token (RFC 9110 section 5.6.2) at the
// beginning of s.
func tokenLen(s string) int {
	for i, r := range s {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return i
		}
	}
	return len(s)
}
