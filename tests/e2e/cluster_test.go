//go:build linux

package e2e_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// serveCluster serves what buildx asks of a Kubernetes cluster, and returns a
// kubeconfig for it. Its pods all lead to the BuildKit of the sandbox.
func serveCluster(t *testing.T) (kubeconfig string) {
	t.Helper()
	socket, err := world.Socket(world.Builder())
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{socket: socket, deployments: map[string]bool{}, dialled: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis/apps/v1/namespaces/ci/deployments/{name}", c.deployment)
	mux.HandleFunc("POST /apis/apps/v1/namespaces/ci/deployments", c.create)
	mux.HandleFunc("GET /api/v1/namespaces/ci/pods", c.pods)
	mux.HandleFunc("POST /api/v1/namespaces/ci/pods/{name}/exec", c.exec)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if len(c.deployments) < 2 || len(c.dialled) < 2 {
			t.Errorf("the deployments are %v, used were the pods %v", c.deployments, c.dialled)
		}
	})
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	writeFile(t, kubeconfig, strings.Replace(noCluster, "http://127.0.0.1:1", server.URL, 1))
	return kubeconfig
}

// cluster has a pod for each deployment that was made.
type cluster struct {
	socket string

	mu sync.Mutex
	// deployments are the requested ones, with whether they were made.
	deployments map[string]bool
	// dialled are the pods that BuildKit was reached by.
	dialled map[string]bool
}

func (c *cluster) deployment(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.deployments[name] {
		c.deployments[name] = false
		reply(w, http.StatusNotFound, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": http.StatusNotFound})
		return
	}
	reply(w, http.StatusOK, map[string]any{
		"kind": "Deployment", "apiVersion": "apps/v1", "metadata": map[string]string{"name": name},
		"spec":   map[string]any{"selector": map[string]any{"matchLabels": map[string]string{"app": name}}},
		"status": map[string]int{"readyReplicas": 1},
	})
}

// create makes the deployment that is named in the body, which is not JSON.
func (c *cluster) create(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.deployments {
		if err == nil && bytes.Contains(body, []byte(name)) {
			c.deployments[name] = true
			reply(w, http.StatusCreated, map[string]any{"kind": "Deployment", "apiVersion": "apps/v1", "metadata": map[string]string{"name": name}})
			return
		}
	}
	w.WriteHeader(http.StatusBadRequest)
}

// pods lists the pod of the deployment that the selector names.
func (c *cluster) pods(w http.ResponseWriter, r *http.Request) {
	_, name, _ := strings.Cut(r.URL.Query().Get("labelSelector"), "=")
	reply(w, http.StatusOK, map[string]any{
		"kind": "PodList", "apiVersion": "v1",
		"items": []any{map[string]any{
			"metadata": map[string]string{"name": name + "-pod", "namespace": "ci"},
			"spec":     map[string]any{"containers": []any{map[string]string{"name": "buildkitd"}}},
			"status":   map[string]string{"phase": "Running"},
		}},
	})
}

// exec is "buildctl dial-stdio" in a pod: its standard input and output are a
// connection to BuildKit.
func (c *cluster) exec(w http.ResponseWriter, r *http.Request) {
	if command := strings.Join(r.URL.Query()["command"], " "); command != "buildctl dial-stdio" {
		http.Error(w, command, http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Stream-Protocol-Version", "v4.channel.k8s.io")
	streams := make(chan httpstream.Stream, 4)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		streams <- s
		return nil
	})
	if conn == nil {
		return
	}
	defer conn.Close()
	byType := map[string]httpstream.Stream{}
	for len(byType) < 4 { // also an error and standard error
		select {
		case s := <-streams:
			byType[s.Headers().Get("streamType")] = s
		case <-conn.CloseChan():
			return
		}
	}
	buildkit, err := net.Dial("unix", c.socket)
	if err != nil {
		return
	}
	defer buildkit.Close()
	c.mu.Lock()
	c.dialled[r.PathValue("name")] = true
	c.mu.Unlock()
	go func() {
		_, _ = io.Copy(buildkit, byType["stdin"])
		_ = buildkit.Close()
	}()
	_, _ = io.Copy(byType["stdout"], buildkit)
}
