package registry

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestSilence: a registry that accepts a request and does not respond gets two
// attempts of limited time, and then an error says so.
func TestSilence(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	release := make(chan struct{})
	s := scripted(t, func(http.ResponseWriter, *http.Request) { asked.Add(1); <-release })
	defer close(release)
	client, pauses := newTestClient(Options{})
	client.schemes[s.host()] = &scheme{known: true, plain: true}
	client.stalls.response, client.stalls.notice = 200*time.Millisecond, 60*time.Millisecond
	_, err := client.Resolve(t.Context(), s.ref(t, "a/b:1"))
	var stall *stallError
	if !errors.As(err, &stall) || !strings.Contains(err.Error(), "timed out: "+s.host()+" does not respond") {
		t.Errorf("error is %v", err)
	}
	if asked.Load() != 1+silentRetries {
		t.Errorf("asked %d times", asked.Load())
	}
	if !strings.Contains(strings.Join(pauses.logs, "\n"), "still waiting for "+s.host()) {
		t.Errorf("said %q", pauses.logs)
	}
}

// TestSlowAnswers: a transfer may take as long as it likes, and may not stop
// still.
func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		pause time.Duration
		ok    bool
	}{"slow": {5 * time.Millisecond, true}, "still": {time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scripted(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
				for i := range len(emptyIndex) {
					_, _ = io.WriteString(w, emptyIndex[i:i+1])
					_ = http.NewResponseController(w).Flush()
					select {
					case <-time.After(tc.pause):
					case <-r.Context().Done():
						return
					}
				}
			})
			client, _ := newTestClient(Options{})
			client.schemes[s.host()] = &scheme{known: true, plain: true}
			client.stalls.response, client.stalls.idle = 2*time.Second, 2*time.Second
			_, err := client.Open(t.Context(), s.ref(t, "a/b:1"))
			if stall := (*stallError)(nil); (err == nil) != tc.ok || !tc.ok && !errors.As(err, &stall) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// TestUploadThatIsNotTaken: a registry that stops reading is given up, one that
// reads slowly is not.
func TestUploadThatIsNotTaken(t *testing.T) {
	t.Parallel()
	for name, pause := range map[string]time.Duration{"slow": time.Millisecond, "still": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := newServer(t), newTree(t, "a")
			release := make(chan struct{})
			defer close(release)
			large := c.blob(t, "application/vnd.oci.image.layer.v1.tar", strings.Repeat("0123456789abcdef", 1<<20))
			s.setFault(func(w http.ResponseWriter, r *http.Request) bool {
				if !isUpload(r) {
					return false
				}
				buf := make([]byte, 64<<10)
				for {
					if _, err := io.ReadFull(r.Body, buf); err != nil {
						break
					}
					select {
					case <-time.After(pause):
					case <-release:
						return true
					}
				}
				w.WriteHeader(http.StatusCreated)
				return true
			})
			client, _ := newTestClient(Options{})
			client.stalls.response, client.stalls.link = 2*time.Second, 1<<40
			r, err := client.repository(t.Context(), s.ref(t, "a/b:1"), "pull", "push")
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.copyBlob(t.Context(), c, large, "")
			if stall := (*stallError)(nil); (name == "still") != errors.As(err, &stall) || name == "slow" && err != nil {
				t.Errorf("error is %v", err)
			}
		})
	}
}
