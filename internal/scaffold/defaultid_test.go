package scaffold

import "testing"

func TestDefaultID(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]string{
		"/src/curl": "curl", "/src/My Curl_2.0": "my-curl-2.0", "/src/.curl-": "curl", "/": "my-extension", "/src/…": "my-extension",
	} {
		if got := DefaultID(dir); got != "my-company/"+want {
			t.Errorf("%s: %s", dir, got)
		}
	}
}
