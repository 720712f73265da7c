package buildx

import (
	"testing"

	"github.com/extpack/extpack/internal/filetest"
)

func TestHasNodes(t *testing.T) {
	const one, two = `{"Name":"one","Nodes":[{"Name":"one0"}]}`, `{"Name":"two","Nodes":[{"Name":"two0"},{"Name":"two1"}]}`
	tests := []struct {
		name    string
		files   map[string]string
		builder string
		env     []string
		context string
		want    bool
	}{
		{name: "nothing known"},
		{name: "named", builder: "two", want: true},
		{name: "named, one node", builder: "one", files: map[string]string{"current": `{"Name":"two"}`}},
		{name: "named by the environment", env: []string{"BUILDX_BUILDER=one", "BUILDX_BUILDER=two"}, want: true},
		{name: "the flag counts before it", builder: "one", env: []string{"BUILDX_BUILDER=two"}},
		{name: "selected", files: map[string]string{"current": `{"Key":"unix:///x","Name":"two","Global":false}`}, want: true},
		{name: "selected for another engine", files: map[string]string{"current": `{"Key":"unix:///y","Name":"two","Global":false}`}},
		{name: "selected for all engines", files: map[string]string{"current": `{"Key":"unix:///y","Name":"two","Global":true}`}, want: true},
		{name: "selected for a context", context: "far", files: map[string]string{"current": `{"Key":"far","Name":"two"}`}, want: true},
		{name: "selected and removed", files: map[string]string{"current": `{"Key":"unix:///x","Name":"gone"}`, "defaults/5a04125634ae5589117c": "two"}},
		{name: "default of the engine", files: map[string]string{"current": `{"Name":""}`, "defaults/5a04125634ae5589117c": "two"}, want: true},
		{name: "default of another engine", files: map[string]string{"current": `{"Name":""}`, "defaults/abc": "two"}},
		{name: "none selected", files: map[string]string{"current": `{"Name":""}`}},
		{name: "a context or a path", builder: "../instances/default"},
		{name: "unreadable", builder: "two", files: map[string]string{"instances/two": "{"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"instances/one": one, "instances/two": two}
			for name, content := range tt.files {
				files[name] = content
			}
			dir := filetest.Dir(t, files)
			b := &Client{Env: append(tt.env, "BUILDX_CONFIG="+dir), Contexts: Contexts{Current: tt.context, Hosts: map[string]string{"default": "unix:///x"}}}
			if got := b.HasNodes(tt.builder); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
	dir := filetest.Dir(t, map[string]string{"buildx/instances/two": two})
	b := &Client{Env: []string{"DOCKER_CONFIG=" + dir}}
	if !b.HasNodes("two") {
		t.Error("the docker configuration is not looked at")
	}
}
