package quirks

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// clientCertificate is what a client has to show.
type clientCertificate struct {
	pool      *x509.CertPool
	cert, key []byte
}

// ClientCertificates has the registry speak HTTP/2 over TLS and take only clients
// with the certificate that [Registry.Trust] writes.
func ClientCertificates(t testing.TB) Switch {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := &clientCertificate{
		pool: x509.NewCertPool(),
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}),
	}
	c.pool.AppendCertsFromPEM(c.cert)
	return func(r *Registry) { r.HTTP2, r.client = true, c }
}

// write writes the certificate and its key in docker's form.
func (c *clientCertificate) write(t testing.TB, dir string) {
	t.Helper()
	for name, data := range map[string][]byte{"client.cert": c.cert, "client.key": c.key} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
