package aptfile

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		text string
		want []string
		err  string
	}{
		{"curl\n", []string{"curl"}, ""},
		{"# tools\ncurl # for health checks\n\n  libstdc++6\r\nimagemagick=8:6.9.11.60+dfsg-1.6", []string{"curl", "libstdc++6", "imagemagick=8:6.9.11.60+dfsg-1.6"}, ""},
		{"", nil, "Aptfile lists no package"},
		{"# nothing\n", nil, "Aptfile lists no package"},
		{"curl\ncurl; rm -rf /", nil, `Aptfile:2: "curl; rm -rf /" is not the name of a Debian package`},
		{"Curl", nil, `Aptfile:1: "Curl" is not the name of a Debian package`},
		{"-y", nil, `Aptfile:1: "-y" is not the name of a Debian package`},
		{"curl=", nil, `Aptfile:1: "curl=" is not the name of a Debian package`},
		{"curl=$(id)", nil, `Aptfile:1: "curl=$(id)" is not the name of a Debian package`},
	}
	for _, tt := range tests {
		got, err := Parse(tt.text)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if !slices.Equal(got, tt.want) || message != tt.err {
			t.Errorf("%q: got %q, %q, want %q, %q", tt.text, got, message, tt.want, tt.err)
		}
	}
}

func TestDockerfileNamesEveryPackage(t *testing.T) {
	if got := Dockerfile([]string{"curl", "vim"}); !strings.Contains(got, " curl vim ") {
		t.Errorf("got\n%s", got)
	}
}
