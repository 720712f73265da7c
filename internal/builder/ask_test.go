package builder

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/extpack/extpack/internal/registry"
)

// TestAsk: the protocol of a registry decides how BuildKit is configured.
func TestAsk(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	plain, secure := httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
	t.Cleanup(plain.Close)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	gone := httptest.NewServer(handler)
	gone.Close()
	certs := t.TempDir()
	host := func(s *httptest.Server) string { return s.Listener.Addr().String() }
	trusted := filepath.Join(certs, host(secure))
	if err := errors.Join(os.Mkdir(trusted, 0o700), os.WriteFile(filepath.Join(trusted, "ca.crt"), encode(secure.Certificate()), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		server *httptest.Server
		dirs   []string
		mode   string
		said   string
		fails  bool
	}{
		"plain":     {server: plain, mode: ModeHTTP, said: "uses plain HTTP"},
		"untrusted": {server: secure, mode: ModeInsecure, said: "a certificate that is not trusted"},
		"trusted":   {server: secure, dirs: []string{certs}, said: "needs no configuration"},
		"gone":      {server: gone, fails: true},
	} {
		said := ""
		ask := Ask(registry.New(registry.Options{CertDirs: tt.dirs}), func(format string, args ...any) { said += fmt.Sprintf(format, args...) })
		got, err := ParseRegistry(t.Context(), host(tt.server), ask)
		if (err != nil) != tt.fails || got.Mode != tt.mode || !strings.Contains(said, tt.said) {
			t.Errorf("%s: got %+v, %v, said %q", name, got, err, said)
		}
	}
}

func encode(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}
