package e2e_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestDoctorCredentials(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, true, false, "127.0.0.1:0")
	dir, ref := static(t), r.host+"/acme/static:1"
	for name, tc := range map[string]struct{ config, state, text string }{
		"none":  {"{}", "error", "docker login " + r.host},
		"wrong": {credentials(r.host, "wrong"), "error", "docker login " + r.host},
		"right": {credentials(r.host, password), "ok", "would be accepted"},
		"a helper that fails": {
			`{"credHelpers":{"` + r.host + `":"none-such"}}`, "error", "none-such",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := doctor(t, dir, []string{"DOCKER_CONFIG=" + loggedIn(t, tc.config)}, "-t", ref)
			d.says(t, "registry", r.host+"/acme/static", tc.state, tc.text)
			if strings.Contains(d.stdout+d.stderr, password) {
				t.Error("the password is shown")
			}
		})
	}
	if begun, cancelled := r.begun(); cancelled != 1 || begun < 1 {
		t.Errorf("%d uploads begun, %d cancelled", begun, cancelled)
	}
}

func TestDoctorRegistryNotThere(t *testing.T) {
	d := doctor(t, static(t), nil, "-t", "localhost:1/acme/static:1")
	d.says(t, "registry", "localhost:1/acme/static", "error", "connection refused", "this machine pushes, not the builder")
	d.says(t, "clock", "", "ok")
}

func TestDoctorReadOnlyRegistry(t *testing.T) {
	t.Parallel()
	config := registryConfig()
	config.Storage["maintenance"]["readonly"] = map[any]any{"enabled": true}
	r := serveRegistry(t, config, false, "127.0.0.1:0")
	doctor(t, static(t), nil, "-t", r.host+"/acme/static:1").says(t, "registry", r.host, "error", "405 Method Not Allowed", "read-only")
	has(t, extpack(t, static(t), "build", "--push", "-t", r.host+"/acme/static:1"), 1, "405 Method Not Allowed", "read-only")
}

// A registry that answers with a failure is there.
func TestDoctorRegistryAnswers(t *testing.T) {
	t.Parallel()
	for code, text := range map[int]string{
		http.StatusNotFound:        "create the repository",
		http.StatusTooManyRequests: "try again later",
		http.StatusNotImplemented:  "not a registry",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600") // or it would be asked again
			w.WriteHeader(code)
		}))
		host := strings.TrimPrefix(server.URL, "http://")
		doctor(t, static(t), nil, "-t", host+"/acme/static:1").says(t, "registry", host, "error", strconv.Itoa(code), text)
		server.Close()
	}
}

// A registry that takes connections and says nothing is not waited for long.
func TestDoctorRegistryMute(t *testing.T) {
	t.Parallel()
	host := strings.TrimPrefix(mute(t), "tcp://")
	doctor(t, static(t), nil, "-t", host+"/acme/static:1").says(t, "registry", host, "error", "did not respond within 15s")
}

func TestDoctorSelfSigned(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, false, true, "127.0.0.1:0")
	ref := r.host + "/acme/static:1"
	d := doctor(t, static(t), nil, "-t", ref)
	d.says(t, "registry", r.host, "error", "certificate", "certificate authority of "+r.host, "--insecure")
	d = doctor(t, static(t), nil, "-t", ref, "--insecure")
	d.says(t, "registry", r.host, "ok", "would be accepted")
	d.healthy(t) // the builder needs to know nothing: it only exports files
}

// outside returns an address of this machine that is not loopback.
func outside(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
			return ip.IP.String()
		}
	}
	t.Fatal("this machine has no address but loopback")
	return ""
}

func TestDoctorPlainHTTP(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, false, false, outside(t)+":0")
	ref := r.host + "/acme/static:1"
	doctor(t, static(t), nil, "-t", ref).says(t, "registry", r.host, "error", "does not use HTTPS", "--insecure")
	doctor(t, static(t), nil, "-t", ref, "--insecure").says(t, "registry", r.host, "ok", "plain HTTP")
}

// The builder itself pulls base images and caches. Doctor prints the settings
// that a BuildKit of another user needs, but cannot check whether it has them.
func TestDoctorBuilderRegistry(t *testing.T) {
	t.Parallel()
	secret := startRegistry(t, false, true, "127.0.0.1:0")
	plain := startRegistry(t, false, false, outside(t)+":0")
	dir := compiled(t, "FROM "+secret.host+"/base:1\nCOPY --from="+plain.host+"/tools:1 / /\nCOPY --from=localhost:1/more / /\n", "linux/amd64")
	d := doctor(t, dir, nil, "--target", "linux/amd64")
	d.says(t, "builder-registry", secret.host, "warning", "not trusted", `[registry."`+secret.host+`"] insecure = true`)
	d.says(t, "builder-registry", plain.host, "warning", "plain HTTP", `[registry."`+plain.host+`"] http = true`)
	d.says(t, "builder-registry", "localhost:1", "warning", "connection refused")
}

func TestDoctorClock(t *testing.T) {
	t.Parallel()
	r := startRegistry(t, false, false, "127.0.0.1:0")
	for skew, text := range map[time.Duration]string{10 * time.Minute: "10m0s behind " + r.host, -3 * time.Hour: "3h0m0s ahead of " + r.host} {
		r.mu.Lock()
		r.date = func() time.Time { return time.Now().Add(skew) }
		r.mu.Unlock()
		d := doctor(t, static(t), nil, "-t", r.host+"/acme/static:1")
		d.says(t, "clock", "", "warning", text, "NTP")
		d.says(t, "registry", "", "ok")
	}
}
