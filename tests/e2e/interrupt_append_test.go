package e2e_test

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/extpack/extpack/tests/quirks"
)

// TestInterruptAroundTheTag: whenever the interrupt comes, exit code, standard
// output and message agree with where the tag is.
func TestInterruptAroundTheTag(t *testing.T) {
	dir := quirky(t, 0)
	for name, before := range map[string]bool{"before the tag is written": true, "after the tag was written": false} {
		for _, flags := range [][]string{{"--append"}, nil} {
			t.Run(name+strings.Join(flags, ""), func(t *testing.T) {
				interrupt := make(chan struct{})
				var once sync.Once
				r := quirks.New(t, quirks.Middleware(func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						now := quirks.IsTagPut(r)
						if before {
							now = r.Method == http.MethodPost
						} else {
							next.ServeHTTP(w, r)
						}
						if now {
							once.Do(func() { close(interrupt); time.Sleep(300 * time.Millisecond) })
						}
						if before {
							next.ServeHTTP(w, r)
						}
					})
				}))
				args := append([]string{"build", dir, "--engine", "embedded", "--push", "-t", r.Host() + "/acme/x:1", "-t", r.Host() + "/acme/x:2"}, flags...)
				cmd := command(t.Context(), t.TempDir(), args...)
				var stdout, stderr bytes.Buffer
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				<-interrupt
				begin := time.Now()
				if err := cmd.Process.Signal(os.Interrupt); err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait() // the exit code says how it ended
				if d := time.Since(begin); d > 30*time.Second {
					t.Errorf("took %s to end", d)
				}
				code := cmd.ProcessState.ExitCode()
				moved := 0
				for _, tag := range []string{"1", "2"} {
					d := r.Digest("acme/x", tag)
					if d != "" {
						moved++
					}
					if listed := strings.Contains(stdout.String(), "/acme/x:"+tag+"@"+d.String()); listed != (d != "") {
						t.Errorf("tag %s is at %q, stdout is %q", tag, d, &stdout)
					}
				}
				says := strings.Contains(stderr.String(), "interrupted: no tag was moved")
				if before && (code != 130 || moved != 0 || !says) || !before && (moved == 0 || says || moved == 2 && code != 0 && code != 130) {
					t.Errorf("exit code %d, %d tags moved\n%s", code, moved, &stderr)
				}
				if len(flags) == 0 && !before && (moved != 2 || code != 0) {
					t.Errorf("exit code %d, %d of two tags moved\n%s", code, moved, &stderr)
				}
			})
		}
	}
}
