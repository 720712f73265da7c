package registry

import "strings"

// challenge is one way a server offers to authenticate (RFC 9110 section
// 11.6.1).
type challenge struct {
	scheme string // lower case
	params map[string]string
}

// parseChallenges reads WWW-Authenticate: each value may hold several
// challenges, and only what follows a name tells whether it is a scheme or a
// parameter. What cannot be read ends the value it stands in.
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

// parseParam reads a token or a quoted string, and gives what follows it.
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

// tokenLen gives the length of the token (RFC 9110 section 5.6.2) s begins
// with.
func tokenLen(s string) int {
	for i, r := range s {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return i
		}
	}
	return len(s)
}
