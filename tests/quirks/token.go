package quirks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// tokens is a token server and what checks its tokens.
type tokens struct {
	// one grants tokens for a single repository only.
	one bool
	// uses is how often a token counts; 0 is for ever.
	uses int
	// silent does not say how to get another token.
	silent bool

	mu     sync.Mutex
	issued map[string]*token
}

type token struct {
	scopes []string
	uses   int
}

// Tokens requires tokens, and issues them for every scope.
func Tokens() Switch { return (&tokens{}).turnOn }

// TokensForOne grants no token for two repositories.
func TokensForOne() Switch { return (&tokens{one: true}).turnOn }

// ShortTokens has tokens run out after a number of requests, and refuses the
// next without a challenge.
func ShortTokens(uses int) Switch { return (&tokens{uses: uses, silent: true}).turnOn }

func (s *tokens) turnOn(r *Registry) {
	s.issued = map[string]*token{}
	r.chain = append(r.chain, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			switch {
			case req.URL.Path == "/token":
				s.issue(w, req)
			case s.allows(req):
				next.ServeHTTP(w, req)
			default:
				if !s.silent || req.Header.Get("Authorization") == "" {
					w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="quirks"`, r.server.URL))
				}
				Error(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required", nil)
			}
		})
	})
}

func (s *tokens) issue(w http.ResponseWriter, r *http.Request) {
	scopes := r.URL.Query()["scope"]
	if s.one && len(scopes) > 1 {
		Error(w, http.StatusForbidden, "DENIED", "tokens are for one repository", nil)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := fmt.Sprintf("token-%d", len(s.issued))
	s.issued[name] = &token{scopes: scopes}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"token": name})
}

func (s *tokens) allows(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.issued[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if t == nil {
		return false
	}
	if t.uses++; s.uses > 0 && t.uses > s.uses {
		return false
	}
	for _, scope := range t.scopes {
		name, _, _ := strings.Cut(strings.TrimPrefix(scope, "repository:"), ":")
		if strings.HasPrefix(r.URL.Path, "/v2/"+name+"/") || r.URL.Path == "/v2/" {
			return true
		}
	}
	return r.URL.Path == "/v2/"
}
